import { chmod, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'playwright/test';
import { unpackSwiftShader } from '../../src/host/swiftshader.ts';
import { withOwnCache } from './folders.ts';

/** Where there is one to unpack. */
const isHere = process.platform === 'linux' && process.arch === 'x64';

async function flipBit(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  await writeFile(path, bytes);
}

test('a file of the unpacked SwiftShader that is not as published is unpacked anew', async () => {
  await withOwnCache(async (own) => {
    const umask = process.umask(0o002);
    const files = await unpackSwiftShader().finally(() => process.umask(umask));
    expect(files !== undefined).toBe(isHere);
    if (!files) return;
    const driver = join(files.loader, '..', 'libvk_swiftshader.so');
    const paths = [driver, files.loader, files.manifest];
    const before = await Promise.all(paths.map((path) => readFile(path)));
    const inode = (await stat(driver)).ino;
    for (const path of paths) expect((await stat(path)).mode & 0o022).toBe(0);

    await unpackSwiftShader();
    expect((await stat(driver)).ino).toBe(inode);

    const damages: (() => Promise<unknown>)[] = [
      ...paths.map((path) => () => flipBit(path)),
      () => truncate(driver, 1 << 20),
      () => truncate(files.manifest, 0),
      () => rm(files.loader),
      () => chmod(driver, 0o775),
      async () => {
        // As good as before, but in a place where it can be changed.
        const elsewhere = join(own, 'tmp', 'driver.so');
        await writeFile(elsewhere, before[0] ?? '');
        await chmod(elsewhere, 0o666);
        await rm(driver);
        await symlink(elsewhere, driver);
      },
    ];
    for (const damage of damages) {
      await damage();
      expect(await unpackSwiftShader()).toEqual(files);
      const after = await Promise.all(paths.map((path) => readFile(path)));
      expect(after.map((bytes, index) => bytes.equals(before[index] ?? Buffer.alloc(0)))).toEqual([true, true, true]);
      for (const path of paths) expect((await stat(path)).mode & 0o022).toBe(0);
    }
  });
});
