import { lstat, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { homeFolder } from './home.ts';

/**
 * A folder of this user that strangers cannot write, because libraries are loaded from it. The system's temporary folder
 * is the last resort, for homes that are read-only or not there.
 */
export async function cacheFolder(): Promise<string> {
  const { XDG_CACHE_HOME } = process.env;
  const home = homeFolder();
  const candidates = [join(tmpdir(), `webgpu-vae-${process.getuid?.() ?? 0}`)];
  if (home !== undefined) candidates.unshift(join(home, '.cache', 'webgpu-vae'));
  if (XDG_CACHE_HOME && isAbsolute(XDG_CACHE_HOME)) candidates.unshift(join(XDG_CACHE_HOME, 'webgpu-vae'));
  const troubles: string[] = [];
  for (const folder of candidates) {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const { uid, mode } = await lstat(folder);
      // Windows has no such numbers; there a user's folders are the user's own.
      const isOwn = process.getuid === undefined || (uid === process.getuid() && (mode & 0o002) === 0);
      if (!isOwn) throw new Error(`${folder} belongs to another user or anybody can write it`);
      await rm(await mkdtemp(join(folder, 'probe-')), { recursive: true });
      return folder;
    } catch (error) {
      troubles.push((error as Error).message);
    }
  }
  throw new Error(troubles.join('; '));
}
