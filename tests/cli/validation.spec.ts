import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import { readSafetensors } from '../../src/train/safetensors.ts';
import { adapterOptions, test, webgpuVae } from './command.ts';

// A rate that overshoots, so that an epoch is worse than the one before it soon.
const run = ['--train-size', '256', '--test-size', '64', '--hidden', '16', '--batch', '32', '--lr', '0.1', '--quiet'];
const options = [...run, '--validation', '100', '--patience', '1', ...adapterOptions];

test('training stops when no epoch is better, the model is the best one, and a resumed run finds the same', async ({
  cwd,
}) => {
  const tensorsOf = async (path: string) => readSafetensors(await readFile(join(cwd, path))).tensors;
  const configOf = async (folder: string) => JSON.parse(await readFile(join(cwd, folder, 'config.json'), 'utf8'));

  const whole = await webgpuVae(['train', ...options, '--epochs', '60', '--out', 'whole'], cwd);
  expect(whole).toMatchObject({ code: 0, stderr: '' });
  const config = await configOf('whole');
  expect(config).toMatchObject({ status: 'finished', validation: 100, patience: 1 });
  const epochs = config.stepsDone / 8;
  expect(epochs).toBeLessThan(60);
  expect(config.bestEpoch).toBe(epochs - 1);
  expect(await tensorsOf('whole/model.safetensors')).toEqual(await tensorsOf('whole/best.safetensors'));
  expect(await tensorsOf('whole/model.safetensors')).not.toEqual(
    (await tensorsOf('whole/checkpoint.safetensors')).filter(({ name }) => !name.startsWith('adam.')),
  );

  const first = await webgpuVae(['train', ...options, '--epochs', '1', '--out', 'parts'], cwd);
  expect(first).toMatchObject({ code: 0, stderr: '' });
  const rest = await webgpuVae(['train', '--resume', 'parts', '--epochs', '60', '--quiet', ...adapterOptions], cwd);
  expect(rest).toMatchObject({ code: 0, stderr: '' });
  const { bestEpoch, bestValidationLoss } = config;
  expect(await configOf('parts')).toMatchObject({ bestEpoch, bestValidationLoss });
  expect(await tensorsOf('parts/model.safetensors')).toEqual(await tensorsOf('whole/model.safetensors'));
});

test('settings that contradict each other are refused in a line, before anything is made', async ({ cwd }) => {
  for (const [args, message] of [
    [['--patience', '2'], '--patience has no effect without --validation: say how many images to set aside'],
    [['--validation', '60000'], '--validation 60000 leaves none of the 60000 training images: give 59999 or less'],
    [['--iw-samples', '3'], '--iw-samples has no effect with --objective elbo: use --objective iwae'],
    [['--arch', 'conv', '--hidden', '16'], '--hidden has no effect with --arch conv: use --arch dense'],
    [['--objective', 'iwae', '--beta', '2'], 'config: beta is 2, expected 1 with the objective iwae'],
  ] as const) {
    const { code, stdout, stderr } = await webgpuVae(
      ['train', ...args, '--quiet', '--out', 'no', ...adapterOptions],
      cwd,
    );
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(code).not.toBe(0);
  }
});
