import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { extract, type Headers } from 'tar-fs';
import { cacheFolder } from '../../src/host/cache-folder.ts';
import { type Hashes, hashFolder, placeFolder, whyDamaged } from '../../src/host/native-files.ts';

/** Holds the hashes of a folder's other files. */
const HASHES = '.sha256.json';

/**
 * A folder of the user's cache that `fill` has filled; it may be filled by several processes at once. It is filled again where
 * a file is missing, can be written by others, or is not what it was.
 * @param name of the folder, with the version of what it holds
 * @param fill writes into the empty folder that it is given; the folder appears under its name only when it is done
 */
export async function cachedFolder(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const cache = await cacheFolder();
  const folder = join(cache, name);
  if (await isWhole(folder)) return folder;
  const unfinished = join(cache, `${name}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await mkdir(unfinished, { mode: 0o700 });
    await fill(unfinished);
    await writeFile(join(unfinished, HASHES), JSON.stringify(await hashFolder(unfinished)), { mode: 0o644 });
    await placeFolder(unfinished, folder, () => isWhole(folder));
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

async function isWhole(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, HASHES), 'utf8').catch(() => undefined);
  return text !== undefined && (await whyDamaged(folder, JSON.parse(text) as Hashes)) === undefined;
}

/** Decompresses a brotli file into one file that may be executed. */
export async function unpackFile(archive: string, file: string): Promise<void> {
  await pipeline(createReadStream(archive), createBrotliDecompress(), createWriteStream(file, { mode: 0o755 }));
}

/** Decompresses a brotli-compressed tar archive into a folder. */
export async function unpackFolder(archive: string, folder: string): Promise<void> {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  // As root, tar-fs would hand each file to whoever has the archive's user id here, and a group could write them.
  const map = (header: Headers) => ({ ...header, uid, gid, mode: (header.mode ?? 0o644) & ~0o022 });
  const target = extract(folder, { map });
  await pipeline(createReadStream(archive), createBrotliDecompress(), target);
}
