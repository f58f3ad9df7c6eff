/** One run folder, one process: a file that names who writes there, and shows signs of life. */
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { type FileHandle, link, open, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { UsageError } from './errors.ts';
import { duration } from './format.ts';

export const LOCK_FILE = '.lock';

/** How often an owner writes its lock anew. */
const HEARTBEAT_MS = 15_000;
/** A process that compiles shaders, or waits for a slow network drive, can miss some; it does not miss this many. */
const SILENT_MS = 8 * HEARTBEAT_MS;

interface Owner {
  pid: number;
  host: string;
  /** When the process began, as the system counts, where it tells: a number that is used again is another process. */
  began: string;
  /** What the process number counts in, where the system tells: containers can have one host name and all their own process 1. */
  space: string;
}

/** A folder that belongs to this process. */
export interface RunLock {
  /** Whether another process has taken the folder over: nothing must be written there any more. */
  isLost(): Promise<boolean>;
  /** Gives the folder back; never throws. */
  release(): Promise<void>;
}

/** How a folder is claimed. */
export interface LockOptions {
  /** Take it from a process of another computer that has given no sign of life for a while. Default false. */
  force?: boolean;
  /** For tests. */
  heartbeatMs?: number;
}

/**
 * Claims a folder for this process. A lock whose process has ended, however it did, is taken over. Of a process in another
 * container or on another computer nobody can tell, so only a lock that shows no sign of life is taken over; from another
 * computer, whose network may be what is silent, only if `force` says so.
 *
 * @throws UsageError if another process has it
 * @throws the file system's error
 */
export async function lockRunFolder(
  folder: string,
  { force = false, heartbeatMs = HEARTBEAT_MS }: LockOptions = {},
): Promise<RunLock> {
  const path = join(folder, LOCK_FILE);
  const content = JSON.stringify(describe(process.pid));
  for (let attempt = 0; attempt < 3; attempt++) {
    const created = await createExclusively(path, content);
    if (created.file) return keep(created.file, path, content, heartbeatMs);
    const found = await readFile(path, 'utf8').catch(() => '');
    const owner = parseOwner(found);
    if (owner) {
      const silentMs = created.nowMs - (await modifiedMs(path, created.nowMs));
      const reason = whyOwned(owner, silentMs, force, folder);
      if (reason !== undefined) throw new UsageError(reason);
    }
    await removeStale(path, found);
  }
  throw new UsageError(`${folder} is in use by another process, expected one trainer per folder: wait for it`);
}

/** Why a lock stands; undefined if it is stale. */
function whyOwned(owner: Owner, silentMs: number, force: boolean, folder: string): string | undefined {
  const inUse = `${folder} is in use by process ${owner.pid}`;
  const isHere = owner.host === hostname() && owner.space === spaceOf();
  if (isHere) return isAlive(owner) ? `${inUse}, expected one trainer per folder: wait for it, or stop it` : undefined;
  const isSameHost = owner.host === hostname();
  const isSilent = silentMs > SILENT_MS;
  if (isSilent && (isSameHost || force)) return undefined;
  const where = isSameHost ? `in another container on ${owner.host}` : `on ${owner.host}`;
  const life = `last sign of life ${duration(Math.max(0, silentMs) / 1000)} ago`;
  if (isSilent) {
    return `${inUse} ${where}, ${life}, expected one every ${HEARTBEAT_MS / 1000} s: if it has ended, take the folder over with --force`;
  }
  const remedy = `once it has been silent for ${duration(SILENT_MS / 1000)}, ${isSameHost ? 'try again' : '--force takes the folder over'}`;
  return `${inUse} ${where}, ${life}, expected one trainer per folder: wait for it; ${remedy}`;
}

/** Writes the same content again and again, to the file that was made: whatever has taken its place stays untouched. */
function keep(file: FileHandle, path: string, content: string, heartbeatMs: number): RunLock {
  let beat: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    // What a full disk or a lost connection prevents may succeed the next time.
    beat = beat.then(() => file.write(content, 0)).catch(() => undefined);
  }, heartbeatMs);
  timer.unref();
  /** Undefined where there is no lock, or none that can be read. */
  const found = () => readFile(path, 'utf8').catch(() => undefined);
  return {
    async isLost() {
      const other = await found();
      return other !== undefined && other !== content;
    },
    async release() {
      clearInterval(timer);
      await beat;
      await file.close().catch(() => undefined);
      // In a folder that has become read-only the lock stays: without its process it is stale.
      if ((await found()) === content) await unlink(path).catch(() => undefined);
    },
  };
}

/**
 * Creates a file whole or not at all.
 * @returns the open file, undefined if there is one already; and the time by the clock that stamps the folder's files
 */
async function createExclusively(
  path: string,
  content: string,
): Promise<{ file: FileHandle | undefined; nowMs: number }> {
  const temporary = `${path}.${randomUUID()}`;
  const file = await open(temporary, 'wx');
  let isKept = false;
  try {
    await file.writeFile(content);
    const nowMs = (await file.stat()).mtimeMs;
    try {
      await link(temporary, path);
      isKept = true;
      return { file, nowMs };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') return { file: undefined, nowMs };
      // Some file systems have no links. There a reader may see the file empty for a moment.
      if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
    }
    const direct = await open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return undefined;
      throw error;
    });
    await direct?.writeFile(content);
    return { file: direct, nowMs };
  } finally {
    if (!isKept) await file.close();
    await rm(temporary, { force: true });
  }
}

/** When a file was last written; now, if it is gone: then the next attempt to create one tells. */
async function modifiedMs(path: string, nowMs: number): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => nowMs,
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
    // Older locks have no space.
    const { pid, host, began, space = spaceOf() } = JSON.parse(text) as Partial<Owner>;
    if (!Number.isSafeInteger(pid) || pid! <= 0) return undefined;
    if (typeof host !== 'string' || typeof began !== 'string' || typeof space !== 'string') return undefined;
    return { pid: pid!, host, began, space };
  } catch {
    return undefined;
  }
}

function describe(pid: number): Owner {
  return { pid, host: hostname(), began: beganOf(pid), space: spaceOf() };
}

/** Whether a process of this computer and this container still runs. */
function isAlive({ pid, began }: Owner): boolean {
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

/** Linux: the namespace of this process's number. Elsewhere empty. */
function spaceOf(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
