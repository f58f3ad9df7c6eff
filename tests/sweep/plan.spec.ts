import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import { parseAxis } from '../../src/cli/sweep/plan.ts';
import { readSpace } from '../../src/cli/sweep/space.ts';
import { test, webgpuVae } from '../cli/command.ts';
import { smallMnist } from '../support/small-mnist.ts';

test('lists, ranges and single values, also of settings with commas of their own', () => {
  const of = (key: string, text: string) => parseAxis(key, `--${key}`, text);
  expect(of('latent', '2,8,20')).toEqual({ key: 'latent', values: [2, 8, 20] });
  expect(of('latent', '8')).toEqual({ fixed: 8 });
  expect(of('hidden', '512,256')).toEqual({ fixed: [512, 256] });
  expect(of('hidden', '512,256;400;none')).toEqual({ key: 'hidden', values: [[512, 256], [400], []] });
  expect(of('learningRate', '1e-4..1e-2')).toEqual({
    key: 'learningRate',
    from: 1e-4,
    to: 1e-2,
    scale: 'log',
    integer: false,
  });
  expect(of('batch', '32..256')).toMatchObject({ from: 32, to: 256, integer: true });
  const { space, fixed } = readSpace(
    '{"latent": [2, 8], "beta": {"from": 0, "to": 4, "scale": "linear"}, "hidden": [16], "epochs": 3}',
    'space.json',
  );
  expect(space).toEqual([
    { key: 'latent', values: [2, 8] },
    { key: 'beta', from: 0, to: 4, scale: 'linear', integer: false },
  ]);
  expect(fixed).toEqual({ hidden: [16], epochs: 3 });
});

test('what cannot work is one line, an exit code of 2, and leaves nothing', async ({ cwd }) => {
  await mkdir(join(cwd, 'mnist'));
  await smallMnist(join(cwd, 'mnist'));
  await writeFile(join(cwd, 'bad.json'), '{"latnt": [2, 8]}');
  const cases: [args: string[], message: RegExp][] = [
    [['--latent', '2,x'], /--latent 2,x: Expected an integer/],
    [['--latent', '2,2'], /--latent 2,2: Expected every value once/],
    [['--lr', '1e-2..1e-4'], /--lr 1e-2\.\.1e-4: Expected a range/],
    [['--lr', '1e-4..1e-2'], /learningRate is a range, expected --trials/],
    [['--latent', '2,8', '--trials', '3'], /--trials 3 is more than the 2 runs/],
    [['--latent', '2'], /no setting varies/],
    [['--space', 'bad.json'], /"latnt" is no setting, expected one of .*, latent, /],
    [['--latent', '2,8', '--jobs', '0'], /--jobs 0: without --database/],
    [['--latent', '2,8', '--database', 'mysql://x'], /--database: expected a URL such as postgres/],
    [['--latent', '2,8', '--data', 'nowhere'], /nowhere/],
  ];
  // Each is a process; all of them at once take no longer than two.
  const data = (args: string[]) => (args.includes('--data') ? [] : ['--data', 'mnist']);
  const outcomes = await Promise.all(cases.map(([args]) => webgpuVae(['sweep', ...data(args), ...args], cwd)));
  cases.forEach(([args, message], i) => {
    const { code, stdout, stderr } = outcomes[i]!;
    expect(stderr, args.join(' ')).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
    expect(code).not.toBe(0);
  });
});
