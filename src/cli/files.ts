/** Files that are either whole or not there, and folders that take nothing away from the user. */
import { mkdtemp, open, readdir, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UsageError } from './errors.ts';

/**
 * Writes a file so that a crash leaves the old one, the new one, or none, never a part: a temporary file in the same
 * folder, fsync, rename, fsync of the folder.
 *
 * @param beforeRename - called when the new file is safe on the disk and the old one is still in its place.
 * @throws the file system's error; no temporary file stays behind.
 */
export async function writeFileAtomic(
  path: string,
  content: Uint8Array | string,
  beforeRename?: () => Promise<void>,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await beforeRename?.();
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Deletes what processes that were killed while they wrote have left behind. Only for a folder that nobody else writes to. */
export async function removeTemporaryFiles(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (/^\.(.+\.\d+\.tmp|lock\.[0-9a-f-]{36})$/.test(name)) await unlink(join(folder, name));
  }
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return; // Windows cannot open a folder, and journals renames itself.
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Makes sure, without leaving a trace, that results can be written to `folder`: it is an empty folder or does not exist
 * yet, and its file system lets us create things where it would be.
 *
 * @throws UsageError if the folder has something in it: no earlier result is ever overwritten.
 * @throws Error if it cannot be written.
 */
export async function checkOutputFolder(folder: string): Promise<void> {
  const content = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw cannotWrite(folder, error);
  });
  if (content.length > 0) {
    throw new UsageError(`--out ${folder} is not empty, expected a new or empty folder: name another one`);
  }
  await checkWritable(folder);
}

/**
 * Makes sure, without leaving a trace, that things can be created in `folder`, or where it would be.
 * @throws Error if not.
 */
export async function checkWritable(folder: string): Promise<void> {
  let existing = resolve(folder);
  while (!(await exists(existing)) && dirname(existing) !== existing) existing = dirname(existing);
  try {
    // Permission bits do not tell: root passes them, a read-only or virtual file system ignores them.
    await rmdir(await mkdtemp(join(existing, '.webgpu-vae-')));
  } catch (error) {
    throw cannotWrite(folder, error as NodeJS.ErrnoException);
  }
}

/** The error for an output folder, with the system's reason. */
export function cannotWrite(folder: string, error: NodeJS.ErrnoException): Error {
  return new Error(`--out ${folder} cannot be written: ${writeFailure(error)}: name a folder that you may write to`, {
    cause: error,
  });
}

/** Why something cannot be written, in words. */
export function writeFailure(error: NodeJS.ErrnoException): string {
  return REASONS[error.code ?? ''] ?? error.message;
}

const REASONS: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'it is a file or lies under one',
  EEXIST: 'it is a file',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk is full',
  EFBIG: 'the disk is full, or files may not be that large',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'nothing can be created there',
};

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
