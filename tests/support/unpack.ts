import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { extract } from 'tar-fs';

/**
 * A folder of the user's cache that `fill` has filled once and for all; it may be filled by several processes at once.
 * @param name of the folder, with the version of what it holds
 * @param fill writes into the empty folder that it is given; the folder appears under its name only when it is done
 */
export async function cachedFolder(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const cache = await writableCache();
  const folder = join(cache, name);
  if (await exists(folder)) return folder;
  const unfinished = join(cache, `${name}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await mkdir(unfinished);
    await fill(unfinished);
    await rename(unfinished, folder).catch(async (error) => {
      // Another process was faster; what it left is the same.
      if (!(await exists(folder))) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

/** Decompresses a brotli file into one file that may be executed. */
export async function unpackFile(archive: string, file: string): Promise<void> {
  await pipeline(createReadStream(archive), createBrotliDecompress(), createWriteStream(file, { mode: 0o755 }));
}

/** Decompresses a brotli-compressed tar archive into a folder. */
export async function unpackFolder(archive: string, folder: string): Promise<void> {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  // As root, tar-fs would hand each file to whoever has the archive's user id here.
  const target = extract(folder, { map: (header) => ({ ...header, uid, gid }) });
  await pipeline(createReadStream(archive), createBrotliDecompress(), target);
}

async function writableCache(): Promise<string> {
  const wanted = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'webgpu-vae');
  try {
    await mkdir(wanted, { recursive: true });
    await access(wanted, 0b010);
    return wanted;
  } catch {
    const fallback = join(tmpdir(), 'webgpu-vae');
    await mkdir(fallback, { recursive: true });
    return fallback;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
