import { chmod, mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'playwright/test';
import { withOwnCache } from '../host/folders.ts';
import { cachedFolder } from './unpack.ts';

test('a folder of the cache is filled once, and again where a file in it is not what it was', async () => {
  await withOwnCache(async () => {
    let filled = 0;
    const open = () =>
      cachedFolder('browser-1', async (folder) => {
        filled++;
        await mkdir(join(folder, 'lib'));
        await writeFile(join(folder, 'browser'), 'browser', { mode: 0o755 });
        await writeFile(join(folder, 'lib', 'library.so'), 'library', { mode: 0o644 });
      });
    const folder = await open();
    expect(await open()).toBe(folder);
    expect(filled).toBe(1);

    await truncate(join(folder, 'lib', 'library.so'), 3);
    expect(await open()).toBe(folder);
    expect(await readFile(join(folder, 'lib', 'library.so'), 'utf8')).toBe('library');
    expect(filled).toBe(2);

    if (process.platform === 'win32') return;
    await chmod(join(folder, 'lib'), 0o775);
    await open();
    expect(filled).toBe(3);
  });
});

test('a folder that cannot be filled leaves nothing, and the next attempt is like the first', async () => {
  await withOwnCache(async (own) => {
    const failing = cachedFolder('browser-1', async (folder) => {
      await writeFile(join(folder, 'half'), '');
      throw new Error('no space');
    });
    await expect(failing).rejects.toThrow('no space');
    const folder = await cachedFolder('browser-1', (empty) => writeFile(join(empty, 'whole'), ''));
    expect(folder).toBe(join(own, 'xdg', 'webgpu-vae', 'browser-1'));
    await expect(readFile(join(folder, 'half'))).rejects.toThrow('ENOENT');
  });
});
