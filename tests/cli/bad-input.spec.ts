import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import { adapterOptions, test, tinyRun, webgpuVae } from './command.ts';

const usage: [args: string[], says: RegExp][] = [
  [[], /no command given/],
  [['trian'], /unknown command 'trian'.*train/],
  [['train', '--bogus'], /unknown option '--bogus'/],
  [['train', 'extra'], /too many arguments/],
  [['train', '--out'], /'--out <dir>' argument missing/],
  [['train', '--out', '--quiet'], /looks like an option/],
  [['train', '--out', ''], /--out/],
  [['train', '--latent', '0'], /--latent.*'0'.*integer from 1/],
  [['train', '--latent', '-3'], /--latent.*'-3'/],
  [['train', '--latent', '2.5'], /--latent.*'2\.5'/],
  [['train', '--latent', '2', '--latent', '3'], /--latent.*'2'.*once/],
  [['train', '--hidden', '512,,256'], /--hidden.*'512,,256'/],
  [['train', '--hidden', '512,0'], /--hidden/],
  [['train', '--batch', '2147483648'], /--batch.*2147483647/],
  [['train', '--epochs', '1e3'], /--epochs/],
  [['train', '--lr', '0'], /--lr.*above 0/],
  [['train', '--lr', 'Infinity'], /--lr/],
  [['train', '--lr', '1e-60'], /--lr/],
  [['train', '--beta', '-1'], /--beta/],
  [['train', '--seed', '4294967296'], /--seed.*4294967295/],
  [['train', '--train-size', '70000'], /--train-size 70000.*60000/],
  [['train', '--train-size', '100', '--batch', '101'], /--batch 101.*100/],
  [['doctor', 'extra'], /too many arguments/],
  [['setup', '--bogus'], /unknown option '--bogus'/],
];

/** One line, with the exit code for wrong usage or for failure. */
function errorLine(says: RegExp): RegExp {
  return new RegExp(`^error: .*(?:${says.source}).*\n$`);
}

for (const [args, says] of usage) {
  test(`usage: webgpu-vae ${args.join(' ')}`, async ({ cwd }) => {
    const { code, stderr, stdout } = await webgpuVae(args, cwd);
    expect(stderr).toMatch(errorLine(says));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(await readdir(cwd)).toEqual([]);
  });
}

test('--out with something in it is refused and stays as it is', async ({ cwd }) => {
  await mkdir(join(cwd, 'old'));
  await writeFile(join(cwd, 'old', 'model.safetensors'), 'precious');
  const { code, stderr } = await webgpuVae(['train', '--out', 'old'], cwd);
  expect(stderr).toMatch(errorLine(/--out old is not empty/));
  expect(code).toBe(2);
  expect(await readdir(join(cwd, 'old'))).toEqual(['model.safetensors']);
});

const MNIST_FILES = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
];

const failures: [title: string, args: string[], says: RegExp][] = [
  ['--out is a file', ['--out', 'file'], /--out file cannot be written: it is a file/],
  ['--out is under a file', ['--out', 'file/run'], /--out file\/run cannot be written/],
  ['--data is missing', ['--data', 'nowhere'], /nowhere/],
  ['--data is a file', ['--data', 'file'], /file/],
  ['--data is empty', ['--data', 'empty'], /train-images-idx3-ubyte/],
  ['--data is truncated', ['--data', 'truncated'], /train-images-idx3-ubyte/],
  ['no adapter of that name', ['--adapter', 'no-such-adapter'], /no-such-adapter/],
];

for (const [title, args, says] of failures) {
  test(`failure: ${title}`, async ({ cwd }) => {
    await writeFile(join(cwd, 'file'), '');
    await mkdir(join(cwd, 'empty'));
    await mkdir(join(cwd, 'truncated'));
    for (const name of MNIST_FILES) await writeFile(join(cwd, 'truncated', name), Uint8Array.of(0, 0, 8, 3, 0, 0));
    const { code, stderr, stdout } = await webgpuVae(['train', ...args], cwd);
    expect(stderr).toMatch(errorLine(says));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect((await readdir(cwd)).sort()).toEqual(['empty', 'file', 'truncated']);
  });
}

test('a model too large for the adapter: the tensor, its size and the limit, and no folder', async ({ cwd }) => {
  const { code, stderr } = await webgpuVae(['train', '--hidden', '200000000', ...adapterOptions], cwd);
  expect(stderr).toMatch(errorLine(/parameters.* \d+\.\d .iB.* \d+\.\d .iB/));
  expect(code).toBe(1);
  expect(await readdir(cwd)).toEqual([]);
});

test('a loss that stops being finite: the step and the tensor, and nothing half-written', async ({ cwd }) => {
  // In the first step: on a slow machine, a later one would come after a snapshot, which is worth keeping.
  const infinite = ['--likelihood', 'gaussian', '--sigma', '1e-25'];
  const { code, stderr } = await webgpuVae(
    ['train', ...tinyRun, ...infinite, '--out', 'new/run', ...adapterOptions],
    cwd,
  );
  expect(stderr).toMatch(errorLine(/loss of step 1 is not finite: first in nll/));
  expect(code).toBe(1);
  expect(await readdir(cwd)).toEqual([]);
});
