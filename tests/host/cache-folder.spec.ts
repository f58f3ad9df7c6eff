import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'playwright/test';
import { cacheFolder, chooseCacheFolder, whyUnsafe } from '../../src/host/cache-folder.ts';
import { withOwnCache, withOwnFolder } from './folders.ts';

const STRANGER = 65_534;
const isWindows = process.platform === 'win32';

/** Makes a path look like another user's: root gives it away, for anybody else this process is the other user. */
async function asStranger(path: string, use: () => Promise<void>): Promise<void> {
  const { getuid } = process;
  if (getuid?.() === 0) await chown(path, STRANGER, STRANGER);
  else process.getuid = () => STRANGER;
  try {
    await use();
  } finally {
    Object.assign(process, { getuid });
  }
}

test('the first folder that only this user can write is used', async () => {
  await withOwnCache(async (own) => {
    expect(await chooseCacheFolder()).toEqual({ folder: join(own, 'xdg', 'webgpu-vae'), passedOver: [] });
    process.env.XDG_CACHE_HOME = 'relative';
    expect(await cacheFolder()).toBe(join(own, 'home', '.cache', 'webgpu-vae'));
  });
});

/** Where a folder's mode says who may write it. */
const modes = isWindows ? [] : [0o770, 0o720, 0o707, 0o702, 0o777];

for (const mode of modes) {
  test(`a cache folder of mode ${mode.toString(8)} is passed over, and so is one below such a folder`, async () => {
    await withOwnCache(async (own) => {
      const home = join(own, 'home', '.cache', 'webgpu-vae');
      const folder = await cacheFolder();
      for (const open of [folder, join(own, 'xdg')]) {
        await chmod(open, mode);
        expect(await chooseCacheFolder()).toEqual({
          folder: home,
          passedOver: [`${open} can be written by others than its owner: chmod go-w ${open}`],
        });
        await chmod(open, 0o700);
        expect(await cacheFolder()).toBe(folder);
      }
    });
  });
}

test('a folder, a folder above it, a file or a link of another user is not trusted', async () => {
  await withOwnFolder(async (own) => {
    const folder = join(own, 'a', 'b');
    await mkdir(folder, { recursive: true });
    const file = join(folder, 'library.so');
    await writeFile(file, '');
    expect(await whyUnsafe(file)).toBeUndefined();
    if (isWindows) return;
    await asStranger(join(own, 'a'), async () => {
      expect(await whyUnsafe(file)).toMatch(
        /belongs to another user \(\d+\): name a folder of your own in XDG_CACHE_HOME$/,
      );
    });
  });
});

test('links are followed, and the folders that they lead to are looked at as well', async () => {
  await withOwnFolder(async (own) => {
    await mkdir(join(own, 'open', 'leaf'), { recursive: true });
    await symlink(join(own, 'open', 'leaf'), join(own, 'link'));
    expect(await whyUnsafe(join(own, 'link'))).toBeUndefined();
    if (isWindows) return;
    await chmod(join(own, 'open'), 0o770);
    expect(await whyUnsafe(join(own, 'link'))).toContain(`chmod go-w ${join(own, 'open')}`);
  });
});

test('above a folder, one like /tmp is as good: there nobody can rename what is not theirs', async () => {
  await withOwnFolder(async (own) => {
    await mkdir(join(own, 'shared', 'mine'), { recursive: true });
    await chmod(join(own, 'shared'), 0o1777);
    expect(await whyUnsafe(join(own, 'shared', 'mine'))).toBeUndefined();
    if (!isWindows) expect(await whyUnsafe(join(own, 'shared'))).toContain('chmod go-w');
  });
});

test('where no folder will do, every reason is told', async () => {
  await withOwnCache(async (own) => {
    for (const name of ['xdg', 'home', 'tmp']) {
      const path = join(own, 'file', name);
      process.env[{ xdg: 'XDG_CACHE_HOME', home: 'HOME', tmp: 'TMPDIR' }[name] ?? ''] = path;
    }
    await writeFile(join(own, 'file'), '');
    await expect(chooseCacheFolder()).rejects.toThrow(/xdg.*; .*home.*; .*tmp/);
  });
});
