/**
 * The software GPU that comes with npm: `@sparticuz/chromium` carries SwiftShader's Vulkan driver and a Vulkan loader in
 * an archive. Unpacked once into a cache folder they give Dawn an adapter with no package installed on the system.
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { cacheFolder } from './cache-folder.ts';
import { NoAdapterError } from './errors.ts';
import { type Hashes, placeFolder, VULKAN_LOADER, whyDamaged } from './native-files.ts';

const PACKAGE = '@sparticuz/chromium';
const MANIFEST = 'vk_swiftshader_icd.json';

/**
 * What is unpacked, and what it must be: the files of version 147.0.0, the one that package.json asks for. Kept here rather
 * than beside the files, so that nobody who can change those can change these.
 */
const FILES: Hashes = {
  [VULKAN_LOADER]: 'fe17a77c1f2df38d3b6a935140f746fd80aac564bb44eb3e4f6b75a504295a41',
  [MANIFEST]: 'c9eef28b6b984fec220ef0abfecc40b502d46946706e47bfe97707027cb818bd',
  'libvk_swiftshader.so': '5b9e8591c7c2d1c9618c3ad485d0cdffb81f5f1ffd6a982fdb6578c2d8d3213e',
};

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

/** Unpacks into a folder of its own and renames it, so that a half-unpacked one is never seen by another process. */
async function unpack(archive: string, folder: string): Promise<void> {
  const temporary = await mkdtemp(`${folder}-`);
  try {
    // An optional package: who has a GPU does without.
    const { extract } = await import('tar-fs');
    const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
    await pipeline(
      createReadStream(archive),
      createBrotliDecompress(),
      extract(temporary, {
        ignore: (path) => !Object.hasOwn(FILES, basename(path)),
        // Without this, root would hand the files to whoever has the archive's user id here, and a group could write them.
        map: (header) => ({ ...header, uid, gid, mode: (header.mode ?? 0o644) & ~0o022 }),
      }),
    );
    const reason = await whyDamaged(temporary, FILES);
    if (reason !== undefined) throw new Error(`${archive} is not as published: ${reason}: install it anew`);
    await placeFolder(temporary, folder, async () => (await whyDamaged(folder, FILES)) === undefined);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/**
 * Unpacks SwiftShader on first use, and again where a file is missing or is not what it was.
 * @returns undefined where there is none: on other systems than x86-64 Linux, and without the npm package
 * @throws NoAdapterError when it cannot be unpacked
 */
export async function unpackSwiftShader(): Promise<SwiftShaderFiles | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const found = await findPackage();
  if (!found) return undefined;
  try {
    const folder = join(await cacheFolder(), `swiftshader-${found.version}`);
    const damage = await whyDamaged(folder, FILES);
    if (damage !== undefined) await unpack(join(found.folder, 'bin', 'swiftshader.tar.br'), folder);
    return { loader: join(folder, VULKAN_LOADER), manifest: join(folder, MANIFEST) };
  } catch (error) {
    throw new NoAdapterError(
      `unpack SwiftShader from ${PACKAGE}: ${(error as Error).message}: set XDG_CACHE_HOME to a folder with 10 MB free that only you can write`,
      { cause: error },
    );
  }
}
