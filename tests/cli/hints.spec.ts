import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import { idxFile } from '../data/idx-file.ts';
import { adapterOptions, test, webgpuVae } from './command.ts';

test('images whose bytes are all 0 or 1 are trained on, with a hint', async ({ cwd }) => {
  await mkdir(join(cwd, 'dark'));
  for (const set of ['train', 't10k']) {
    const images = idxFile([20, 5, 5]).map((byte, i) => (i < 16 ? byte : byte % 2));
    await writeFile(join(cwd, 'dark', `${set}-images-idx3-ubyte`), images);
    await writeFile(join(cwd, 'dark', `${set}-labels-idx1-ubyte`), idxFile([20]));
  }
  const options = ['--epochs', '1', '--hidden', '4', '--batch', '10', '--out', 'run'];
  const { code, stdout } = await webgpuVae(['train', '--data', 'dark', ...options, ...adapterOptions], cwd);
  expect(stdout).toMatch(
    /^Every pixel is 0 or 1 of 255, almost black: if 1 stands for white, multiply the bytes by 255\.$/m,
  );
  expect(code).toBe(0);
});
