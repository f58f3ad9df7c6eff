/**
 * Mesa's lavapipe in the cache folder, where `webgpu-vae setup` puts it for users who may not install packages: the driver, a
 * Vulkan loader, and the libraries that they need and the system lacks.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { cacheFolder, whyUnsafe } from './cache-folder.ts';
import { keepLibrary, whyDamaged } from './native-files.ts';

/** Name of its folder in the cache folder. */
export const LAVAPIPE_FOLDER = 'lavapipe';
/** Name of the file in that folder that holds a `LavapipeContents`. */
export const CONTENTS_FILE = 'contents.json';

const fileName = z.string().check(z.regex(/^[^/]+$/));

/** What is in the folder. File names are relative to it. */
export interface LavapipeContents {
  format: 1;
  /** The Debian packages that the files are from, for people to read. */
  packages: string[];
  /** The driver's manifest, for VK_DRIVER_FILES. */
  manifest: string;
  /** A Vulkan loader, if the system had none. */
  loader: string | null;
  /** The libraries that the driver needs, each after those that it needs itself. */
  libraries: string[];
  /** Libraries of the same names that the system had then, too old for this driver. */
  replaced: { path: string; sizeBytes: number; modifiedMs: number }[];
  /** SHA-256 of every file but this one. */
  hashes: Record<string, string>;
}

const contentsSchema: z.ZodMiniType<LavapipeContents> = z.strictObject({
  format: z.literal(1),
  packages: z.array(z.string()),
  manifest: fileName,
  loader: z.nullable(fileName),
  libraries: z.array(fileName),
  replaced: z.array(z.strictObject({ path: z.string(), sizeBytes: z.number(), modifiedMs: z.number() })),
  hashes: z.record(fileName, z.string()),
});

/** Lavapipe in the cache folder. */
export interface CachedLavapipe {
  folder: string;
  contents: LavapipeContents;
}

/**
 * Looks for lavapipe in the cache folder. Reads one small file; `loadLavapipe` checks the rest.
 * @returns undefined where there is none, or none that can be trusted
 */
export async function findLavapipe(): Promise<CachedLavapipe | undefined> {
  if (process.platform !== 'linux') return undefined;
  let folder: string;
  let text: string;
  try {
    folder = join(await cacheFolder(), LAVAPIPE_FOLDER);
    text = await readFile(join(folder, CONTENTS_FILE), 'utf8');
  } catch {
    return undefined;
  }
  try {
    const reason = await whyUnsafe(join(folder, CONTENTS_FILE));
    if (reason !== undefined) throw new Error(reason);
    return { folder, contents: contentsSchema.parse(JSON.parse(text)) };
  } catch (error) {
    const isParsing = error instanceof SyntaxError || error instanceof z.core.$ZodError;
    warn(folder, isParsing ? `${CONTENTS_FILE} is damaged` : (error as Error).message);
    return undefined;
  }
}

/**
 * Whether its libraries must be loaded before any of the system's: it brings newer ones of the same names, of which a process
 * can hold only one. Not if the system's have changed since: they may be the newer ones now, and its GPU may need them.
 */
export async function mustComeFirst({ contents: { replaced } }: CachedLavapipe): Promise<boolean> {
  const same = replaced.map(async ({ path, sizeBytes, modifiedMs }) => {
    const stats = await stat(path).catch(() => undefined);
    return stats?.size === sizeBytes && Math.trunc(stats.mtimeMs) === modifiedMs;
  });
  return replaced.length > 0 && (await Promise.all(same)).every(Boolean);
}

/** Folders whose libraries this process holds. */
const loaded = new Set<string>();

/** Loads its libraries, once, if all files are as they were. Returns whether the driver can be used. */
export async function loadLavapipe({ folder, contents }: CachedLavapipe): Promise<boolean> {
  if (loaded.has(folder)) return true;
  const damage = await whyDamaged(folder, contents.hashes);
  const unloadable = damage ?? contents.libraries.find((name) => !keepLibrary(join(folder, name)));
  if (unloadable !== undefined) {
    warn(folder, damage ?? `${unloadable} does not load on this system`);
    return false;
  }
  loaded.add(folder);
  return true;
}

const warned = new Set<string>();

/** Says once per process why lavapipe is not used, which is no reason not to run. */
function warn(folder: string, reason: string): void {
  if (warned.has(folder)) return;
  warned.add(folder);
  process.emitWarning(`lavapipe in ${folder} is not used: ${reason}: run \`npm run setup\` again`);
}
