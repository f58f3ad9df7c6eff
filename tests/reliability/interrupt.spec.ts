import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'playwright/test';
import { adapterOptions, outcome, start, webgpuVae } from '../cli/command.ts';
import { recordFault, times } from './faults.ts';
import { expectSameRun, lastCheckpoint, STEPS, settings, test, wholeRun } from './runs.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What a terminal does at Ctrl-C: every process of the group that runs in it gets the signal, helpers and npm too. */
function interrupt(child: ChildProcessWithoutNullStreams): void {
  if (process.platform === 'win32') child.kill('SIGINT');
  else process.kill(-child.pid!, 'SIGINT');
}

/** What is on the screen when Ctrl-C is pressed: the model just made, the first loss, an epoch that is done. */
const MOMENTS = ['Model: ', 'train −ELBO', 'epoch 1/4: test', 'epoch 3/4: test'];

test('Ctrl-C, and resumed: the same bits', async ({ cwd }) => {
  const whole = await wholeRun(cwd);
  const injected = times(3, 12);
  const steps: number[] = [];
  for (let i = 0; i < injected; i++) {
    const moment = MOMENTS[i % MOMENTS.length]!;
    const folder = `run ${i}`;
    // A process group of its own, as a shell gives each command, with nothing compiled before: the compiler is in it, too.
    const env = { TMPDIR: await mkdtemp(join(cwd, 'tmp-')) };
    const child = start(['train', ...settings, '--out', folder], cwd, [], { detached: true, env });
    let pressed = false;
    const { code, stdout, stderr } = await outcome(child, (soFar) => {
      if (pressed || !soFar.includes(moment)) return;
      pressed = true;
      interrupt(child);
    });
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
  const child = start(['train', ...settings, '--out', 'run'], cwd, [], { detached: true });
  let pressed = 0;
  const { code } = await outcome(child, (soFar) => {
    const seen = [soFar.includes('epoch 1/4: test'), soFar.includes('SIGINT: stopping')];
    if (!seen[pressed]) return;
    pressed++;
    interrupt(child);
  });
  expect({ code, pressed }).toEqual({ code: 130, pressed: 2 });
  const resumed = await webgpuVae(['train', '--resume', 'run', ...adapterOptions], cwd);
  expect(resumed).toMatchObject({ code: 0, stderr: '' });
  await expectSameRun(join(cwd, 'run'), await wholeRun(cwd));
});

test('Ctrl-C of `npm run train`: npm waits until what was learned is written', async ({ cwd }) => {
  const { FORCE_COLOR: _, NODE_OPTIONS: __, ...env } = process.env;
  const data = ['--data', join(cwd, 'mnist'), ...settings.slice(2)];
  const args = ['run', '--silent', 'train', '--', ...data, '--out', join(cwd, 'run')];
  const child = spawn('npm', args, { cwd: ROOT, env, detached: true, shell: process.platform === 'win32' });
  let pressed = false;
  await outcome(child, (soFar) => {
    if (pressed || !soFar.includes('epoch 1/4: test')) return;
    pressed = true;
    interrupt(child);
  });
  expect(pressed).toBe(true);
  // npm says of its own how it ended; the folder is what counts.
  expect((await lastCheckpoint(join(cwd, 'run'))).step).toBeLessThan(STEPS);
  const resumed = await webgpuVae(['train', '--resume', 'run', ...adapterOptions], cwd);
  expect(resumed).toMatchObject({ code: 0, stderr: '' });
  await expectSameRun(join(cwd, 'run'), await wholeRun(cwd));
});
