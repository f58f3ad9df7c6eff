/** One run folder, one process: a file that names who writes there. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { UsageError } from './errors.ts';

export const LOCK_FILE = '.lock';

interface Owner {
  pid: number;
  host: string;
  /** When the process began, as the system counts, where it tells: a number that is used again is another process. */
  began: string;
}

/**
 * Claims a folder for this process. A lock whose process has ended, however it did, is taken over.
 *
 * @returns gives the folder back, and never throws
 * @throws UsageError if another process has it
 * @throws the file system's error
 */
export async function lockRunFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, LOCK_FILE);
  const own: Owner = { pid: process.pid, host: hostname(), began: beganOf(process.pid) };
  const content = JSON.stringify(own);
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await createExclusively(path, content)) {
      return async () => {
        // In a folder that has become read-only the lock stays: without its process it is stale.
        if ((await readFile(path, 'utf8').catch(() => '')) === content) await unlink(path).catch(() => undefined);
      };
    }
    const found = await readFile(path, 'utf8').catch(() => '');
    const owner = parseOwner(found);
    if (owner && isAlive(owner)) {
      const where = owner.host === hostname() ? '' : ` on ${owner.host}`;
      throw new UsageError(
        `${folder} is in use by process ${owner.pid}${where}, expected one trainer per folder: wait for it, or delete ${path} if it is not running`,
      );
    }
    await removeStale(path, found);
  }
  throw new UsageError(`${folder} is in use by another process, expected one trainer per folder: wait for it`);
}

/** Creates a file whole or not at all; false if there is one already. */
async function createExclusively(path: string, content: string): Promise<boolean> {
  const temporary = `${path}.${randomUUID()}`;
  try {
    await writeFile(temporary, content);
    await link(temporary, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // Some file systems have no links. There a reader may see the file empty for a moment.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  return writeFile(path, content, { flag: 'wx' }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
}

/** Moves the file away before it deletes it: of two processes that find the same stale lock, one may be done already. */
async function removeStale(path: string, expected: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
    if ((await readFile(aside, 'utf8')) !== expected) await link(aside, path);
  } catch {
    // It is gone, or another one is in its place: the next attempt to create one tells.
  } finally {
    await rm(aside, { force: true });
  }
}

/** Undefined for what is no lock: a process died while it wrote one. */
function parseOwner(text: string): Owner | undefined {
  try {
    const { pid, host, began } = JSON.parse(text) as Partial<Owner>;
    if (!Number.isSafeInteger(pid) || pid! <= 0 || typeof host !== 'string' || typeof began !== 'string')
      return undefined;
    return { pid: pid!, host, began };
  } catch {
    return undefined;
  }
}

function isAlive({ pid, host, began }: Owner): boolean {
  if (host !== hostname()) return true; // Nobody here can tell.
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return beganOf(pid) === began;
}

/** Linux: the time after boot at which the process began. Elsewhere empty: the process's number must do. */
function beganOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may contain anything; the 22nd is the start time.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
