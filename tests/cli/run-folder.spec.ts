import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import { openRunFolder } from '../../src/cli/run-folder.ts';
import { lockRunFolder } from '../../src/cli/run-lock.ts';
import { adapterOptions, test, tinyRun, webgpuVae } from './command.ts';

/** What a process elsewhere leaves in `folder`, written `secondsAgo`. */
async function foreignLock(folder: string, owner: object, secondsAgo: number): Promise<string> {
  const lock = join(folder, '.lock');
  await mkdir(folder, { recursive: true });
  await writeFile(lock, JSON.stringify({ pid: 1, host: 'web-1', began: '5', ...owner }));
  const at = Date.now() / 1000 - secondsAgo;
  await utimes(lock, at, at);
  return lock;
}

test('runs that begin in the same second have a folder each', async ({ cwd }) => {
  const before = process.cwd();
  process.chdir(cwd);
  try {
    const open = () => openRunFolder({ path: undefined, resumed: false, force: false });
    const folders = await Promise.all(Array.from({ length: 8 }, open));
    expect(new Set(folders.map(({ path }) => path)).size).toBe(8);
    for (const { path } of folders) expect(path).toMatch(/^runs.\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(-\d+)?$/);
    for (const folder of folders) await folder.remove();
    expect(await readdir('runs')).toEqual([]);
  } finally {
    process.chdir(before);
  }
});

test('an owner shows signs of life', async ({ cwd }) => {
  const { release } = await lockRunFolder(cwd, { heartbeatMs: 10 });
  const lock = join(cwd, '.lock');
  const content = await readFile(lock, 'utf8');
  await utimes(lock, 1000, 1000);
  await expect.poll(async () => (await stat(lock)).mtimeMs).toBeGreaterThan(1_000_000);
  expect(await readFile(lock, 'utf8')).toBe(content);
  await release();
  expect(await readdir(cwd)).toEqual([]);
});

test('a lock of another computer: how long ago it lived, and --force only once it is silent', async ({ cwd }) => {
  await foreignLock(cwd, {}, 5);
  const living = /process 1 on web-1, last sign of life \d+ s ago, .*--force/;
  await expect(lockRunFolder(cwd)).rejects.toThrow(living);
  // What lives is not taken away, whoever says so.
  await foreignLock(cwd, {}, 5);
  await expect(lockRunFolder(cwd, { force: true })).rejects.toThrow(living);

  await foreignLock(cwd, {}, 3 * 3600);
  const silent = /process 1 on web-1, last sign of life (3 h 00|2 h 59) min ago, expected one every 15 s: .*--force/;
  await expect(lockRunFolder(cwd)).rejects.toThrow(silent);
  const { release } = await lockRunFolder(cwd, { force: true });
  expect(JSON.parse(await readFile(join(cwd, '.lock'), 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() });
  await release();
});

test('a container with the same host name lives in spite of its process number', async ({ cwd }) => {
  const elsewhere = { host: hostname(), space: 'pid:[1]' };
  await foreignLock(cwd, elsewhere, 5);
  await expect(lockRunFolder(cwd)).rejects.toThrow(/in another container on .*, last sign of life \d+ s ago/);
  await foreignLock(cwd, elsewhere, 3600);
  await (await lockRunFolder(cwd)).release();
});

test('whoever has lost its folder writes nothing more there, and takes nothing away', async ({ cwd }) => {
  const run = join(cwd, 'run');
  const folder = await openRunFolder({ path: run, resumed: false, force: false });
  await folder.write('metrics.csv', 'mine');
  await foreignLock(run, {}, 0);
  await expect(folder.write('metrics.csv', 'late')).rejects.toThrow(/run was taken over by another process/);
  await expect(folder.writeCheckpoint(new Uint8Array(1))).rejects.toThrow(/taken over/);
  await folder.remove();
  await folder.unlock();
  expect((await readdir(run)).sort()).toEqual(['.lock', 'metrics.csv']);
  expect(await readFile(join(run, 'metrics.csv'), 'utf8')).toBe('mine');
});

test('--force resumes what a computer that is gone has left', async ({ cwd }) => {
  const done = await webgpuVae(['train', ...tinyRun, '--quiet', '--out', 'run', ...adapterOptions], cwd);
  expect(done).toMatchObject({ code: 0, stderr: '' });
  await foreignLock(join(cwd, 'run'), {}, 3600);
  const resume = ['train', '--resume', 'run', '--force', '--epochs', '2', '--quiet', ...adapterOptions];
  expect(await webgpuVae(resume, cwd)).toMatchObject({ code: 0, stdout: 'run\n', stderr: '' });
  expect(await readdir(join(cwd, 'run'))).not.toContain('.lock');
});
