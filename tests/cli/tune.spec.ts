import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import { readCheckpoint } from '../../src/vae/checkpoint.ts';
import { adapterOptions, outcome, start, test, tinyRun, webgpuVae } from './command.ts';

const model = ['--hidden', '16', '--batch', '32'];

test('tune prints every problem with its times, and train uses the answers', async ({ cwd }) => {
  const cache = { XDG_CACHE_HOME: join(cwd, 'cache') };
  // A budget that no machine is too slow for.
  const args = ['tune', ...model, '--budget', '1e6', ...adapterOptions];
  const tuned = await outcome(start(args, cwd, [], { env: cache }));
  expect({ code: tuned.code, stderr: tuned.stderr }).toEqual({ code: 0, stderr: '' });
  const lines = tuned.stdout.split('\n').filter((line) => line.startsWith('  '));
  expect(lines).toHaveLength(12 - 4);
  for (const line of lines) expect(line).toMatch(/^ {2}[a-z ]+ 32x\d+x\d+ +(\w+): .+ \((\w+ [\d.e+-]+(, )?)+\)$/);

  const file = join(cwd, 'cache', 'webgpu-vae', 'tuning.json');
  const remembered = await readFile(file, 'utf8');
  const answers = Object.values(JSON.parse(remembered).adapters)[0] as Record<string, string>;
  // One answer is turned into another one that every adapter can run: train must follow it.
  const key = 'forward 32x784x16';
  const other = answers[key] === 'tile_64x32' ? 'tile_32x32' : 'tile_64x32';
  await writeFile(file, remembered.replace(`"${key}": "${answers[key]}"`, `"${key}": "${other}"`));
  const training = ['train', ...tinyRun, '--variant', 'auto', '--quiet', '--out', 'run', ...adapterOptions];
  const trained = await outcome(start(training, cwd, [], { env: cache }));
  expect({ code: trained.code, stderr: trained.stderr }).toEqual({ code: 0, stderr: '' });
  const config = JSON.parse(await readFile(join(cwd, 'run', 'config.json'), 'utf8'));
  expect(config.variants).toEqual({ ...answers, [key]: other });
  expect(readCheckpoint(await readFile(join(cwd, 'run', 'checkpoint.safetensors'))).variants).toEqual(config.variants);
});

test('tune knows the likelihood: a Gaussian has a layer where Bernoulli has the loss in its last product', async ({
  cwd,
}) => {
  // No time to measure anything.
  const quick = ['tune', ...model, '--budget', '1e-9', ...adapterOptions];
  const problems = async (...args: string[]) => {
    const env = { XDG_CACHE_HOME: join(cwd, 'cache') };
    const { code, stdout } = await outcome(start([...quick, ...args], cwd, [], { env }));
    expect(code).toBe(0);
    return stdout.split('\n').flatMap((line) => /^ {2}([a-z ]+ 32x\d+x\d+)/.exec(line)?.[1] ?? []);
  };
  const [bernoulli, gaussian] = [await problems(), await problems('--likelihood', 'gaussian')];
  expect(gaussian).not.toEqual(bernoulli);
  expect(gaussian).toContain('forward 32x16x784');
  expect(bernoulli).not.toContain('forward 32x16x784');
});

test('train --variant uses that one for everything, and a resumed run keeps it', async ({ cwd }) => {
  const args = ['train', ...tinyRun, '--variant', 'tile_32x32', '--quiet', '--out', 'run', ...adapterOptions];
  expect(await webgpuVae(args, cwd)).toMatchObject({ code: 0, stderr: '' });
  const resume = ['train', '--resume', 'run', '--epochs', '2', '--quiet', ...adapterOptions];
  expect(await webgpuVae(resume, cwd)).toMatchObject({ code: 0, stderr: '' });
  const { variants, kernels } = readCheckpoint(await readFile(join(cwd, 'run', 'checkpoint.safetensors')));
  expect(new Set(Object.values(variants))).toEqual(new Set(['tile_32x32']));
  expect(kernels.some((kernel) => kernel.includes('subgroup'))).toBe(false);
  const contradicted = await webgpuVae([...resume, '--variant', 'tile_64x32'], cwd);
  expect(contradicted.code).toBe(2);
  expect(contradicted.stderr).toContain('--variant tile_64x32: the checkpoint has its own kernels: leave it out');
});

test('a variant that does not exist is refused', async ({ cwd }) => {
  const { code, stderr } = await webgpuVae(['train', '--variant', 'fast', ...adapterOptions], cwd);
  expect(code).toBe(2);
  expect(stderr).toContain(
    'Expected one of auto, default, subgroup, subgroup_texture, tile_32x32, tile_64x32, tile_32x32_split_k.',
  );
});
