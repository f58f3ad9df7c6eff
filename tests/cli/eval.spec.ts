import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import { smallMnist } from '../support/small-mnist.ts';
import { adapterOptions, test, webgpuVae } from './command.ts';

test('eval measures a run, writes eval.json beside it, and refuses what it cannot measure in a line', async ({
  cwd,
}) => {
  await smallMnist(cwd, { train: 400, t10k: 60 });
  const size = ['--epochs', '2', '--hidden', '16', '--batch', '50', '--latent', '3'];
  const how = [
    '--objective',
    'iwae',
    '--iw-samples',
    '3',
    '--activation',
    'tanh',
    '--binarize',
    'dynamic',
    '--lr',
    '0.01',
  ];
  const run = await webgpuVae(
    ['train', '--data', '.', ...size, ...how, '--quiet', '--out', 'run', ...adapterOptions],
    cwd,
  );
  expect(run).toMatchObject({ code: 0, stderr: '' });
  const options = ['--iw', '20', '--images', '7', ...adapterOptions];
  // A busy machine hears on stderr that it still goes on.
  const { code, stdout } = await webgpuVae(['eval', 'run', ...options], cwd);
  expect(code).toBe(0);
  const result = JSON.parse(await readFile(join(cwd, 'run/eval.json'), 'utf8'));
  expect(result).toMatchObject({ pixels: 'binarized (dynamic)', binarized: true, testImages: 60, version: 1 });
  const values = Object.fromEntries(
    result.values.map(({ key, value }: { key: string; value: number }) => [key, value]),
  );
  const samples = ['test', 'reconstructions', 'prior', 'mixture'].flatMap((kind) => [
    `${kind}.frechet`,
    `${kind}.confidence`,
  ]);
  const keys = ['minusElbo', 'bce', 'kl', 'iwNll', 'activeUnits', 'kl.0', 'kl.1', 'kl.2', 'mutualInformation'];
  expect(Object.keys(values).sort()).toEqual(
    [
      ...keys,
      'marginalKl',
      'squaredError',
      'neighbours',
      'probe',
      ...samples,
      'test.accuracy',
      'reconstructions.accuracy',
    ].sort(),
  );
  for (const { key, value, text, says } of result.values) {
    expect(Number.isFinite(value), key).toBe(true);
    expect(stdout).toContain(text);
    expect(stdout).toContain(says);
  }
  expect(Math.abs(values.bce + values.kl - values.minusElbo)).toBeLessThan(1e-9);
  expect(Math.abs(values['kl.0'] + values['kl.1'] + values['kl.2'] - values.kl)).toBeLessThan(1e-4);
  // The images are drawn as training's evaluation drew them, so that its last row is met, but for one z instead of three.
  const metrics = (await readFile(join(cwd, 'run/metrics.csv'), 'utf8')).trimEnd().split('\n');
  const last = Number(metrics.at(-1)!.split(',')[6]);
  expect(Math.abs(values.bce / last - 1)).toBeLessThan(0.02);

  const whole = await readFile(join(cwd, 'run/model.safetensors'));
  await writeFile(join(cwd, 'short.safetensors'), whole.subarray(0, 2000));
  const before = (await readdir(cwd)).sort();
  for (const [args, message] of [
    [['run', '--iw', '0'], "option '--iw <n>' argument '0' is invalid"],
    [['run', '--images', '61'], '--images 61 is more than the 60 test images: give 60 or less'],
    [['run', '--binarize', 'static'], '--binarize static needs a seed, which says which pixels are 1'],
    [['run', '--binarize-seed', '3'], '--binarize-seed has no effect with --binarize as trained: use static'],
    [['run', '--images', '5', '--iw', '100000000'], 'eval: 100000000 samples for an image, the adapter has room for'],
    [['short.safetensors', '--data', '.'], 'short.safetensors: safetensors read:'],
    [['none'], 'expected a safetensors file at none, there is none'],
  ] as const) {
    const bad = await webgpuVae(['eval', ...args, '--out', 'no.json', ...adapterOptions], cwd);
    expect(bad.stderr).toContain(message);
    expect(bad.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(bad.code).not.toBe(0);
  }
  expect((await readdir(cwd)).sort()).toEqual(before);
});
