/**
 * The software GPU that comes with npm: `@sparticuz/chromium` carries SwiftShader's Vulkan driver and a Vulkan loader in
 * an archive. Unpacked once into a cache folder they give Dawn an adapter with no package installed on the system.
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { extract } from 'tar-fs';
import { cacheFolder } from './cache-folder.ts';
import { NoAdapterError } from './errors.ts';

const PACKAGE = '@sparticuz/chromium';
const LOADER = 'libvulkan.so.1';
const MANIFEST = 'vk_swiftshader_icd.json';
const FILES = [LOADER, MANIFEST, 'libvk_swiftshader.so'];

/** glibc's RTLD_NODELETE, which Node does not name: keeps the library loaded although Node closes it again. */
const RTLD_NODELETE = 0x1000;

/** Paths of the unpacked files. */
export interface SwiftShaderFiles {
  /** A Vulkan loader for systems that have none. */
  loader: string;
  /** The driver's manifest, for VK_DRIVER_FILES. */
  manifest: string;
}

/** The package's folder and version, or undefined where it is not installed. */
async function findPackage(): Promise<{ folder: string; version: string } | undefined> {
  let folder: string;
  try {
    // The entry point is build/cjs/index.cjs; the package's exports hide its package.json.
    folder = join(dirname(createRequire(import.meta.url).resolve(PACKAGE)), '..', '..');
  } catch {
    return undefined;
  }
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string };
  return { folder, version };
}

async function isComplete(folder: string): Promise<boolean> {
  const sizes = await Promise.all(
    FILES.map((file) =>
      stat(join(folder, file)).then(
        (s) => s.size,
        () => 0,
      ),
    ),
  );
  return sizes.every((size) => size > 0);
}

/** Unpacks into a folder of its own and renames it, so that a half-unpacked one is never seen by another process. */
async function unpack(archive: string, folder: string): Promise<void> {
  const temporary = await mkdtemp(`${folder}-`);
  try {
    const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
    await pipeline(
      createReadStream(archive),
      createBrotliDecompress(),
      extract(temporary, {
        ignore: (path) => !FILES.includes(basename(path)),
        // Without this, root would hand the files to whoever has the archive's user id here.
        map: (header) => ({ ...header, uid, gid }),
      }),
    );
    if (!(await isComplete(temporary))) throw new Error(`the archive lacks one of ${FILES.join(', ')}`);
    await rename(temporary, folder).catch(async (error: unknown) => {
      // Another process may have been faster; otherwise what is in the way is damaged.
      if (await isComplete(folder)) return;
      await rm(folder, { recursive: true, force: true });
      await rename(temporary, folder).catch(() => Promise.reject(error));
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/**
 * Unpacks SwiftShader on first use.
 * @returns undefined where there is none: on other systems than x86-64 Linux, and without the npm package
 * @throws NoAdapterError when it cannot be unpacked
 */
export async function unpackSwiftShader(): Promise<SwiftShaderFiles | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const found = await findPackage();
  if (!found) return undefined;
  try {
    const folder = join(await cacheFolder(), `swiftshader-${found.version}`);
    if (!(await isComplete(folder))) await unpack(join(found.folder, 'bin', 'swiftshader.tar.br'), folder);
    return { loader: join(folder, LOADER), manifest: join(folder, MANIFEST) };
  } catch (error) {
    throw new NoAdapterError(
      `unpack SwiftShader from ${PACKAGE}: ${(error as Error).message}: set XDG_CACHE_HOME to a folder with 10 MB free that only you can write`,
      { cause: error },
    );
  }
}

/** Loads a library into the process. Node then complains that it is no Node addon, which is of no interest here. */
function loadLibrary(path: string, flags: number): boolean {
  try {
    process.dlopen({ exports: {} }, path, flags);
    return true;
  } catch (error) {
    return /self-register/.test((error as Error).message);
  }
}

/** Whether this process finds a Vulkan loader by the name under which Dawn opens it. */
export function hasVulkanLoader(): boolean {
  return loadLibrary(LOADER, constants.dlopen.RTLD_LAZY);
}

/** Loads SwiftShader's Vulkan loader for the life of the process, so that Dawn finds it by name. */
export function preloadVulkanLoader(files: SwiftShaderFiles): void {
  loadLibrary(files.loader, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | RTLD_NODELETE);
}
