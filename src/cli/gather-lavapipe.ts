/** From packages unpacked into a folder to the few files of them that lavapipe needs. */

import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { CONTENTS_FILE, hashFolder, type LavapipeContents, VULKAN_LOADER } from 'webgpu-vae/node';
import * as z from 'zod/mini';

const icdSchema = z.looseObject({ ICD: z.looseObject({ library_path: z.string() }) });

/** Whatever the umask is: files that a group can write are not used. */
const NOT_FOR_OTHERS = { mode: 0o644 };

/** A library's file, by the name under which others ask for it; undefined where there is none. */
type Resolved = Map<string, string | undefined>;

/**
 * Copies lavapipe, a Vulkan loader and the libraries that they need into one folder, with a description of it.
 *
 * @param unpacked - holds the files of the packages, as `dpkg-deb -x` lays them.
 * @param target - a folder to make.
 * @param packages - the packages' names, to be kept in the description.
 * @throws Error where there is no lavapipe, or a library that it needs is neither there nor in the system
 */
export async function gatherLavapipe(unpacked: string, target: string, packages: string[]): Promise<void> {
  const root = await realpath(unpacked);
  const files = await listFiles(root);
  const manifest = files.find((path) => /\/vulkan\/icd\.d\/lvp_icd[^/]*\.json$/.test(path));
  if (manifest === undefined) {
    throw new Error(
      'setup: apt brought no lavapipe: expected lvp_icd.json in mesa-vulkan-drivers: is it installed already?',
    );
  }
  const icd = icdSchema.parse(JSON.parse(await readFile(manifest, 'utf8')));
  const driverName = basename(icd.ICD.library_path);
  const driver = files.find((path) => basename(path) === driverName);
  if (driver === undefined)
    throw new Error(`setup: mesa-vulkan-drivers lacks ${driverName}, which its lvp_icd.json names`);
  const loader = files.find((path) => basename(path) === VULKAN_LOADER);

  const folders = [...new Set(files.filter((path) => /\.so(\.|$)/.test(path)).map((path) => dirname(path)))];
  const needed = await resolveLibraries(driver, folders);
  const missing = [...needed].filter(([, path]) => path === undefined).map(([name]) => name);
  if (missing.length > 0) throw new Error(`setup: lavapipe needs ${missing.join(', ')}, which apt did not bring`);
  const own = [...needed].filter((entry): entry is [string, string] => entry[1]?.startsWith(`${root}/`) === true);

  await mkdir(target, { mode: 0o700 });
  for (const [name, path] of [...own, [driverName, driver], ...(loader ? [[VULKAN_LOADER, loader]] : [])] as const) {
    await copyFile(path as string, join(target, name as string));
  }
  const icdName = 'lvp_icd.json';
  // A path with a folder, but a relative one: it then counts from the manifest.
  const moved = { ...icd, ICD: { ...icd.ICD, library_path: `./${driverName}` } };
  await writeFile(join(target, icdName), `${JSON.stringify(moved, null, 2)}\n`, NOT_FOR_OTHERS);
  const contents: LavapipeContents = {
    format: 1,
    packages,
    manifest: icdName,
    loader: loader ? VULKAN_LOADER : null,
    libraries: await inOrder(own, folders),
    replaced: await replacedLibraries(own, driver),
    hashes: await hashFolder(target),
  };
  await writeFile(join(target, CONTENTS_FILE), `${JSON.stringify(contents, null, 2)}\n`, NOT_FOR_OTHERS);
}

/** Files and links to files below a folder. */
async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}

/** Asks the system's dynamic linker for everything that a library needs, directly or not. */
async function resolveLibraries(path: string, folders: string[]): Promise<Resolved> {
  const { LD_LIBRARY_PATH: _, ...env } = process.env;
  const search = folders.length === 0 ? {} : { LD_LIBRARY_PATH: folders.join(':') };
  const options = { env: { ...env, ...search, LC_ALL: 'C' } };
  const { stdout } = await promisify(execFile)('ldd', [path], options);
  const lines = stdout.matchAll(/^\s*([^/\s]+) => (?:(\/.+) \(0x[0-9a-f]+\)|not found)$/gm);
  return new Map(Array.from(lines, ([, name = '', file]) => [name, file]));
}

/** Names of libraries, each after those that it needs: what needs another also needs all that the other needs. */
async function inOrder(own: [name: string, path: string][], folders: string[]): Promise<string[]> {
  const names = new Set(own.map(([name]) => name));
  const counted = own.map(async ([name, path]) => {
    const needed = await resolveLibraries(path, folders);
    return { name, count: [...needed.keys()].filter((other) => names.has(other)).length };
  });
  return (await Promise.all(counted)).sort((a, b) => a.count - b.count).map(({ name }) => name);
}

/** Which of the libraries the system has too, by the same name. */
async function replacedLibraries(
  own: [name: string, path: string][],
  driver: string,
): Promise<LavapipeContents['replaced']> {
  const names = new Set(own.map(([name]) => name));
  const found = new Set<string>();
  for (const path of [driver, ...own.map(([, library]) => library)]) {
    for (const [name, file] of await resolveLibraries(path, [])) if (file && names.has(name)) found.add(file);
  }
  return Promise.all(
    [...found].map(async (path) => {
      const { size, mtimeMs } = await stat(path);
      return { path, sizeBytes: size, modifiedMs: Math.trunc(mtimeMs) };
    }),
  );
}
