import { spawnSync } from 'node:child_process';
import { chmod, lchown, mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'playwright/test';
import { gatherLavapipe } from '../../src/cli/gather-lavapipe.ts';
import { installPlanHere } from '../../src/cli/install-plan.ts';
import { findLavapipe, mustComeFirst } from '../../src/host/lavapipe.ts';
import { unpackSwiftShader } from '../../src/host/swiftshader.ts';
import { withOwnCache } from '../host/folders.ts';
import { type Outcome, outcome, PROGRAM, start } from './command.ts';
import { DRIVER_PATH, makeArchive, OWN_LIBRARY, standIns, unpackAll, writeConfiguration } from './packages.ts';

const NOBODY = { uid: 65_534, gid: 65_534 };
/** Root may do everything: there the command runs as nobody, if nobody may read this repository. */
const isNobodyAble =
  process.getuid?.() === 0 && spawnSync(process.execPath, [PROGRAM, '--version'], NOBODY).status === 0;
const asUser = isNobodyAble ? NOBODY : {};
const forUser = process.getuid?.() === 0 && !isNobodyAble ? ['--user'] : [];

const FROM_CACHE = 'SwiftShader, CPU, Vulkan, from the cache folder (npm run setup)';

/** The environment of a command that finds no driver of the system, with its cache and everything else in a folder. */
function environment(own: string, more: NodeJS.ProcessEnv = {}): { env: NodeJS.ProcessEnv } {
  const folders = { HOME: join(own, 'home'), XDG_CACHE_HOME: join(own, 'xdg'), TMPDIR: join(own, 'tmp') };
  return { env: { ...folders, VK_DRIVER_FILES: join(own, 'no-driver.json'), ...more } };
}

function command(args: string[], own: string, more: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return outcome(start(args, own, [], { ...asUser, ...environment(own, more) }));
}

async function giveAway(folder: string): Promise<void> {
  if (!isNobodyAble) return;
  const entries = await readdir(folder, { recursive: true });
  for (const path of [folder, ...entries.map((entry) => join(folder, entry))]) {
    await lchown(path, NOBODY.uid, NOBODY.gid);
  }
}

async function cacheOf(own: string): Promise<string[]> {
  const names = await readdir(join(own, 'xdg', 'webgpu-vae')).catch((): string[] => []);
  return names.filter((name) => name.startsWith('lavapipe'));
}

test('what setup gathers is found, used after the system and before npm, checked, and taken away', async () => {
  await withOwnCache(async (own) => {
    const swiftShader = await unpackSwiftShader();
    if (!swiftShader) {
      expect(await findLavapipe()).toBeUndefined();
      return;
    }
    const unpacked = join(own, 'unpacked');
    await unpackAll(await standIns(swiftShader), unpacked);
    const folder = join(own, 'xdg', 'webgpu-vae', 'lavapipe');
    const umask = process.umask(0o002);
    await gatherLavapipe(unpacked, folder, ['a.deb']).finally(() => process.umask(umask));
    // Neither the other driver, nor what the system has.
    const files = ['contents.json', OWN_LIBRARY, 'libvulkan.so.1', 'libvulkan_lvp.so', 'lvp_icd.json'];
    expect((await readdir(folder)).sort()).toEqual(files);
    for (const name of files) expect((await stat(join(folder, name))).mode & 0o022).toBe(0);
    const found = await findLavapipe();
    expect(found).toEqual({
      folder,
      contents: expect.objectContaining({ packages: ['a.deb'], libraries: [OWN_LIBRARY], replaced: [] }),
    });
    await giveAway(own);

    const listed = await command(['doctor', '--list'], own, { VK_DRIVER_FILES: swiftShader.manifest });
    const adapters = listed.stdout.split('\n').filter((line) => / {2}SwiftShader/.test(line));
    expect(adapters).toEqual([
      '  SwiftShader, CPU, Vulkan, from the system',
      `  ${FROM_CACHE}`,
      '  SwiftShader, CPU, Vulkan, comes with npm (@sparticuz/chromium)',
    ]);
    expect(listed.code).toBe(0);

    await truncate(join(folder, OWN_LIBRARY), 1000);
    const damaged = await command(['doctor', '--list'], own);
    expect(damaged.stdout).not.toContain(FROM_CACHE);
    expect(damaged.stderr).toMatch(
      /lavapipe in \S+ is not used: \S+libgcc_x\.so\.1 has SHA-256 .*: run `npm run setup` again/,
    );
    expect(damaged.code).toBe(0);

    await chmod(join(own, 'xdg'), 0o770);
    expect((await command(['doctor', '--list'], own)).stdout).toContain(
      `Not used as the cache folder: ${join(own, 'xdg')} can be written by others than its owner: chmod go-w`,
    );
    await chmod(join(own, 'xdg'), 0o700);

    const removed = await command(['setup', '--remove'], own);
    expect(removed).toMatchObject({ code: 0, stdout: `Removing ${folder}\n`, stderr: '' });
    expect(await cacheOf(own)).toEqual([]);
    expect((await command(['setup', '--remove'], own)).stdout).toMatch(/^Nothing to remove/);
  });
});

test('a package without lavapipe, or without a library that it needs, is refused in words', async () => {
  await withOwnCache(async (own) => {
    const swiftShader = await unpackSwiftShader();
    if (!swiftShader) return;
    const [driver, , loader] = await standIns(swiftShader);
    if (!driver || !loader) throw new Error('no stand-ins');
    await unpackAll([loader], join(own, 'a'));
    await expect(gatherLavapipe(join(own, 'a'), join(own, 'target'), [])).rejects.toThrow(/apt brought no lavapipe/);
    await unpackAll([driver, loader], join(own, 'b'));
    await expect(gatherLavapipe(join(own, 'b'), join(own, 'target'), [])).rejects.toThrow(
      `lavapipe needs ${OWN_LIBRARY}, which apt did not bring`,
    );
    expect(await readdir(own)).not.toContain('target');
  });
});

test('setup without root downloads through apt, leaves only what is used, and may be run again', async () => {
  await withOwnCache(async (own) => {
    const plan = await installPlanHere();
    const swiftShader = await unpackSwiftShader();
    if ('reason' in plan || !swiftShader) {
      expect((await command(['setup', ...forUser], own)).code).toBe(1);
      return;
    }
    const packages = await standIns(swiftShader);
    // Nobody has signed them: then apt brings nothing, and nothing stays.
    const unsigned = await makeArchive(packages, own, { trusted: false });
    await giveAway(own);
    const refused = await command(['setup', ...forUser], own, { APT_CONFIG: unsigned });
    expect(refused.stderr).toMatch(/is not signed/);
    expect(refused.stderr).toMatch(/error: setup: `apt-get .* install .*` exited with 100: see its messages above\n$/);
    expect(refused.code).toBe(1);
    expect(await cacheOf(own)).toEqual([]);

    // A library, but no driver: Dawn does not take it, and nothing stays.
    const [driver, library, loader] = packages;
    if (!driver || !library || !loader) throw new Error('no stand-ins');
    const files = { ...driver.files, [DRIVER_PATH]: Object.values(library.files)[0] ?? Buffer.alloc(0) };
    const useless = await makeArchive([{ ...driver, files }, library, loader], own, { trusted: true });
    const failed = await command(['setup', ...forUser], own, { APT_CONFIG: useless });
    expect(failed.stderr).toMatch(/error: setup: lavapipe was unpacked, but Dawn does not accept it; nothing was kept/);
    expect(failed.code).toBe(1);
    expect(await cacheOf(own)).toEqual([]);

    const APT_CONFIG = await makeArchive(packages, own, { trusted: true });
    const done = await command(['setup', ...forUser], own, { APT_CONFIG });
    expect(done.stderr).not.toMatch(/error/);
    expect(done.code).toBe(0);
    const folder = join(own, 'xdg', 'webgpu-vae', 'lavapipe');
    expect(done.stdout).toContain(`Lavapipe is in ${folder}; \`npm run setup -- --remove\` takes it away again.`);
    expect(await cacheOf(own)).toEqual(['lavapipe']);
    const { packages: names } = JSON.parse(await readFile(join(folder, 'contents.json'), 'utf8')) as {
      packages: string[];
    };
    // The C library is installed: it is not among them.
    expect(names.map((name) => name.replace(/_.*/, ''))).toEqual(['libgcc-x1', 'libvulkan1', 'mesa-vulkan-drivers']);
    expect((await command(['doctor', '--list'], own)).stdout).toContain(FROM_CACHE);

    await truncate(join(folder, 'libvulkan_lvp.so'), 0);
    expect((await command(['setup', ...forUser], own, { APT_CONFIG })).code).toBe(0);
    expect(await cacheOf(own)).toEqual(['lavapipe']);
    expect((await stat(join(folder, 'libvulkan_lvp.so'))).size).toBeGreaterThan(0);
  });
});

test('setup that is stopped leaves nothing; what a killed one left is deleted by the next', async () => {
  await withOwnCache(async (own) => {
    const plan = await installPlanHere();
    if ('reason' in plan) {
      expect((await command(['setup', ...forUser], own)).code).toBe(1);
      return;
    }
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      await writeFile(join(own, 'sources.list'), `deb ${address} bookworm-backports main\n`);
      await writeFile(join(own, 'status'), '');
      const APT_CONFIG = await writeConfiguration(own);
      const cache = join(own, 'xdg', 'webgpu-vae');
      const gone = spawnSync(process.execPath, ['--version']).pid;
      await mkdir(join(cache, `lavapipe.setup-${gone}-left`), { recursive: true, mode: 0o700 });
      await mkdir(join(cache, `lavapipe.setup-${process.pid}-busy`));
      await giveAway(own);
      const child = start(['setup', ...forUser], own, [], { ...asUser, ...environment(own, { APT_CONFIG }) });
      server.once('request', () => child.kill('SIGTERM'));
      const stopped = await outcome(child);
      expect(stopped.stderr).toContain('SIGTERM: stopping, nothing is kept.');
      expect(stopped.code).toBe(143);
      expect(await cacheOf(own)).toEqual([`lavapipe.setup-${process.pid}-busy`]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

test('newer libraries come before those of the system only while those are as they were', async () => {
  await withOwnCache(async (own) => {
    const path = join(own, 'libdrm.so.2');
    await writeFile(path, 'old');
    const { size, mtimeMs } = await stat(path);
    const replaced = [{ path, sizeBytes: size, modifiedMs: Math.trunc(mtimeMs) }];
    const contents = { format: 1 as const, packages: [], manifest: 'a', loader: null, libraries: [], hashes: {} };
    const isFirst = (libraries: typeof replaced) =>
      mustComeFirst({ folder: own, contents: { ...contents, replaced: libraries } });
    expect(await isFirst([])).toBe(false);
    expect(await isFirst(replaced)).toBe(true);
    await writeFile(path, 'newer');
    expect(await isFirst(replaced)).toBe(false);
    expect(await isFirst([...replaced, { path: join(own, 'gone'), sizeBytes: 1, modifiedMs: 1 }])).toBe(false);
  });
});
