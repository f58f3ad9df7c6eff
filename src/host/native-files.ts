/** Files of native code in the cache folder: whether they are still what was put there, and loading them. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { whyUnsafe } from './cache-folder.ts';

/** SHA-256 in hexadecimal by the file's path within a folder. */
export type Hashes = Readonly<Record<string, string>>;

const CHUNK_BYTES = 1 << 20;

/** glibc's RTLD_NODELETE, which Node does not name: keeps the library loaded although Node closes it again. */
const RTLD_NODELETE = 0x1000;

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Hashes every file below a folder. */
export async function hashFolder(folder: string): Promise<Hashes> {
  const hashes: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    hashes[path.slice(folder.length + 1)] = await hashFile(path);
  }
  return hashes;
}

/** Says which of the files is missing, can be written by others, or is not what it was; undefined if none. */
export async function whyDamaged(folder: string, hashes: Hashes): Promise<string | undefined> {
  for (const [name, expected] of Object.entries(hashes)) {
    const path = join(folder, name);
    try {
      const reason = await whyUnsafe(path);
      if (reason !== undefined) return reason;
      const got = await hashFile(path);
      if (got !== expected) return `${path} has SHA-256 ${got}, expected ${expected}`;
    } catch (error) {
      return (error as Error).message;
    }
  }
  return undefined;
}

/**
 * Gives a filled folder its name, so that nobody sees it half filled.
 * @param fresh the filled folder; gone afterwards, or left where another process was faster
 * @param isWhole whether the folder of that name, if there is one, is as good; otherwise it is deleted
 */
export async function placeFolder(fresh: string, folder: string, isWhole: () => Promise<boolean>): Promise<void> {
  try {
    await rename(fresh, folder);
  } catch (error) {
    if (await isWhole()) return;
    const damaged = `${fresh}.old`;
    await rename(folder, damaged).catch(() => Promise.reject(error));
    await rename(fresh, folder);
    await rm(damaged, { recursive: true, force: true });
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

/**
 * Loads a library for the life of the process. Whatever later asks for its name (`libvulkan.so.1`, without a folder) gets it.
 * @returns whether it could be loaded
 */
export function keepLibrary(path: string): boolean {
  return loadLibrary(path, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
}

/** The name under which Dawn opens the Vulkan loader. */
export const VULKAN_LOADER = 'libvulkan.so.1';

/** Whether this process has a Vulkan loader or finds one. */
export function hasVulkanLoader(): boolean {
  return loadLibrary(VULKAN_LOADER, constants.dlopen.RTLD_LAZY);
}
