import { spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'playwright/test';
import { adapterOptions, outcome, start, webgpuVae } from '../cli/command.ts';
import { recordFault, times } from './faults.ts';
import { expectSameRun, lastCheckpoint, preload, STEPS, settings, signalling, test, wholeRun } from './runs.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What a terminal does at Ctrl-C: every process of the group that runs in it gets the signal, helpers and npm too. */
function interruptAt(...moments: string[]): string[] {
  return preload(signalling('SIGINT', moments, 'group'));
}

/** What is on the screen when Ctrl-C is pressed: the model just made, the first loss, an epoch that is done. */
const MOMENTS = ['Model: ', 'train −ELBO', 'epoch 1/4: test', 'epoch 3/4: test'];

test('Ctrl-C, and resumed: the same bits', async ({ cwd }) => {
  const { folder: whole } = await wholeRun();
  const injected = times(3, 12);
  const steps: number[] = [];
  for (let i = 0; i < injected; i++) {
    const moment = MOMENTS[i % MOMENTS.length]!;
    const folder = `run ${i}`;
    // A process group of its own, as a shell gives each command, with nothing compiled before: the compiler is in it, too.
    const env = { TMPDIR: await mkdtemp(join(cwd, 'tmp-')) };
    const args = ['train', ...settings, '--out', folder];
    const { code, stdout, stderr } = await outcome(start(args, cwd, interruptAt(moment), { detached: true, env }));
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
    expect(stdout).toContain('SIGINT: stopping after the steps in flight; once more to stop at once.');
    expect(stdout).toContain(`--resume ${folder} goes on`);
    const { step } = await lastCheckpoint(join(cwd, folder));
    expect(step).toBeGreaterThanOrEqual(moment === 'Model: ' ? 0 : 1);
    expect(step).toBeLessThan(STEPS);
    steps.push(step);
    const resumed = await webgpuVae(['train', '--resume', folder, ...adapterOptions], cwd);
    expect(resumed).toMatchObject({ code: 0, stderr: '' });
    await expectSameRun(join(cwd, folder), whole);
  }
  recordFault(test.info(), {
    fault: 'Ctrl-C (SIGINT to the whole process group)',
    injected,
    outcome: `stopped with exit code 130 and resumed from step ${steps.sort((a, b) => a - b).join(', ')} of ${STEPS}; model, metrics and pictures of the uninterrupted run`,
    lost: 'nothing',
  });
});

test('Ctrl-C twice: it ends at once, and what was written before resumes to the same bits', async ({ cwd }) => {
  const twice = interruptAt('epoch 1/4: test', 'SIGINT: stopping');
  const child = start(['train', ...settings, '--out', 'run'], cwd, twice, { detached: true });
  const { code, stdout } = await outcome(child);
  expect(code).toBe(130);
  // The second one left no time for the pictures of the first.
  expect(stdout).toContain('SIGINT: stopping');
  expect(stdout).not.toContain('goes on');
  const resumed = await webgpuVae(['train', '--resume', 'run', ...adapterOptions], cwd);
  expect(resumed).toMatchObject({ code: 0, stderr: '' });
  await expectSameRun(join(cwd, 'run'), (await wholeRun()).folder);
});

test('Ctrl-C of `npm run train`: npm waits until what was learned is written', async ({ cwd }) => {
  const { FORCE_COLOR: _, NODE_OPTIONS: __, ...own } = process.env;
  const env = { ...own, NODE_OPTIONS: interruptAt('epoch 1/4: test').join('=') };
  const data = ['--data', join(cwd, 'mnist'), ...settings.slice(2)];
  const args = ['run', '--silent', 'train', '--', ...data, '--out', join(cwd, 'run')];
  const child = spawn('npm', args, { cwd: ROOT, env, detached: true, shell: process.platform === 'win32' });
  const { stdout } = await outcome(child);
  expect(stdout).toContain('SIGINT: stopping');
  // npm says of its own how it ended; the folder is what counts.
  expect((await lastCheckpoint(join(cwd, 'run'))).step).toBeLessThan(STEPS);
  const resumed = await webgpuVae(['train', '--resume', 'run', ...adapterOptions], cwd);
  expect(resumed).toMatchObject({ code: 0, stderr: '' });
  await expectSameRun(join(cwd, 'run'), (await wholeRun()).folder);
});
