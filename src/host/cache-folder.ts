import { lstat, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { homeFolder } from './home.ts';

/** The folder to use, and why the ones before it are not used. */
export interface CacheChoice {
  folder: string;
  passedOver: string[];
}

/** Whoever may write to a file or its folder. */
const OTHERS_MAY_WRITE = 0o022;
/** In such a folder everybody may make files, but only their owner may rename or delete them: /tmp. */
const STICKY = 0o1000;

/** Where the cache may be, best first. The system's temporary folder is the last resort, for homes that are read-only. */
export function cacheCandidates(): string[] {
  const { XDG_CACHE_HOME } = process.env;
  const home = homeFolder();
  const candidates = [join(tmpdir(), `webgpu-vae-${process.getuid?.() ?? 0}`)];
  if (home !== undefined) candidates.unshift(join(home, '.cache', 'webgpu-vae'));
  if (XDG_CACHE_HOME && isAbsolute(XDG_CACHE_HOME)) candidates.unshift(join(XDG_CACHE_HOME, 'webgpu-vae'));
  return candidates;
}

/**
 * Says why native code must not be loaded from a path: it, a folder above it or a link on the way can be changed by somebody
 * else than this user and the system. With what to do about it; undefined if all is well.
 */
export async function whyUnsafe(path: string): Promise<string | undefined> {
  // Windows has no such numbers; there a user's folders are the user's own.
  if (process.getuid === undefined) return undefined;
  // Whoever owns / can do anything anyway; where user ids are mapped (some containers) that is not 0.
  const trusted = new Set([0, process.getuid(), (await lstat('/')).uid]);
  // The path as it was given holds the links, its real path the folders that they lead to.
  const real = await realpath(path);
  for (const step of new Set([...stepsOf(path), ...stepsOf(real)])) {
    const stats = await lstat(step);
    if (!trusted.has(stats.uid)) {
      return `${step} belongs to another user (${stats.uid}): name a folder of your own in XDG_CACHE_HOME`;
    }
    const isShared = step !== path && step !== real && (stats.mode & STICKY) !== 0;
    if (!stats.isSymbolicLink() && !isShared && (stats.mode & OTHERS_MAY_WRITE) !== 0) {
      return `${step} can be written by others than its owner: chmod go-w ${step}`;
    }
  }
  return undefined;
}

/** A path and the folders above it. */
function stepsOf(path: string): string[] {
  const above = dirname(path);
  return above === path ? [path] : [...stepsOf(above), path];
}

/**
 * Makes and chooses a folder of this user that nobody else can change, because libraries are loaded from it.
 * @throws Error with a reason for each candidate
 */
export async function chooseCacheFolder(): Promise<CacheChoice> {
  const passedOver: string[] = [];
  for (const folder of cacheCandidates()) {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const reason = await whyUnsafe(folder);
      if (reason !== undefined) throw new Error(reason);
      await rm(await mkdtemp(join(folder, 'probe-')), { recursive: true });
      return { folder, passedOver };
    } catch (error) {
      passedOver.push((error as Error).message);
    }
  }
  throw new Error(passedOver.join('; '));
}

/** The folder of `chooseCacheFolder`. */
export async function cacheFolder(): Promise<string> {
  return (await chooseCacheFolder()).folder;
}
