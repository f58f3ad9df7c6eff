import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import type { StudyFile } from '../../src/cli/sweep/study-folder.ts';
import { adapterOptions, outcome, start, webgpuVae } from '../cli/command.ts';
import { metricsOf, test } from '../reliability/runs.ts';

const model = ['--data', 'mnist', '--train-size', '500', '--hidden', '16', '--batch', '50', '--variant', 'default'];
const often = ['--checkpoint-every', '0.0001'];

async function studyOf(folder: string): Promise<StudyFile> {
  return JSON.parse(await readFile(join(folder, 'study.json'), 'utf8'));
}

/** A trial's weights and losses are those of `train` with its settings. */
async function expectAlone(cwd: string, trial: string, settings: string[]): Promise<void> {
  const { code, stderr } = await webgpuVae(
    ['train', ...model, ...settings, '--out', 'alone', '--quiet', ...adapterOptions],
    cwd,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const own = await readFile(join(trial, 'model.safetensors'));
  expect(own.equals(await readFile(join(cwd, 'alone', 'model.safetensors'))), 'the same weights').toBe(true);
  expect(await metricsOf(trial)).toEqual(await metricsOf(join(cwd, 'alone')));
  expect((await readdir(trial)).sort()).toEqual((await readdir(join(cwd, 'alone'))).sort());
}

test('a sweep outlives its worker and itself, and every trial is what it would be alone', async ({ cwd }) => {
  const args = ['sweep', ...model, ...often, '--epochs', '5', '--latent', '2,3', '--out', 'study', ...adapterOptions];
  const study = join(cwd, 'study');
  const child = start(args, cwd);
  // The worker is killed in the middle of the first trial, the sweep is stopped in the second one.
  const has = async (file: string) => {
    while (!(await stat(join(study, 'trials', file)).catch(() => undefined))) {
      expect(child.exitCode, `the sweep ended before ${file}`).toBeNull();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const ended = outcome(child);
  await has('0000/recon_epoch_2.png');
  const { pid } = JSON.parse(await readFile(join(study, 'trials', '0000', '.lock'), 'utf8')) as { pid: number };
  process.kill(pid, 'SIGKILL');
  await has('0001/recon_epoch_1.png');
  child.kill('SIGINT');
  const first = await ended;
  expect(first.stderr).toBe('');
  expect(first.stdout).toContain('A worker died (SIGKILL) in trial 0; another one goes on.');
  expect(first.stdout).toContain('the same command goes on: study');
  expect(first.code).toBe(130);
  expect((await studyOf(study)).trials.map(({ state, deaths }) => [state, deaths])).toEqual([
    ['finished', 1],
    ['waiting', 0],
  ]);

  const second = await webgpuVae(args, cwd);
  expect(second.stderr).toBe('');
  expect(second.code).toBe(0);
  const { status, trials } = await studyOf(study);
  expect(status).toBe('finished');
  expect(trials.map(({ state, reports }) => [state, reports.length])).toEqual([
    ['finished', 5],
    ['finished', 5],
  ]);
  expect((await readdir(study)).sort()).toEqual(['journal.log', 'report.html', 'study.json', 'trials', 'trials.csv']);
  await expectAlone(cwd, join(study, 'trials', '0001'), ['--epochs', '5', '--latent', '3']);

  const rows = (await readFile(join(study, 'trials.csv'), 'utf8')).trimEnd().split('\n');
  expect(rows.map((row) => row.split(',').slice(0, 4).join())).toEqual([
    'trial,state,latent,seed',
    '0,finished,2,0',
    '1,finished,3,0',
  ]);
  const journal = (await readFile(join(study, 'journal.log'), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const count = (op: number) => journal.filter(({ op_code }) => op_code === op).length;
  // One study, two trials with one parameter and five values each, which began and ended.
  expect([0, 4, 5, 7, 6].map(count)).toEqual([1, 2, 2, 10, 4]);

  // Nothing is left to do, and that is said.
  const third = await webgpuVae(args, cwd);
  expect({ code: third.code, stderr: third.stderr }).toEqual({ code: 0, stderr: '' });
  expect(third.stdout).toContain('study has all of its 2 trials.');
  const shown = await webgpuVae(['sweep', 'status', 'study'], cwd);
  expect(shown.stdout).toContain('study: finished, 2 trials: 2 finished');
  const late = await webgpuVae(['sweep', 'cancel', 'study'], cwd);
  expect(late.code).toBe(2);
  expect(late.stderr).toContain('there is nothing to cancel');
});

test('trials are stopped early, fail by themselves, and are cancelled', async ({ cwd }) => {
  // A learning rate of 1e30 overflows in the first steps.
  const args = ['--epochs', '3', '--lr', '1e-3,1e30,1e-9', '--stop', 'asha', '--stop-factor', '2', '--out', 'study'];
  const { code, stdout, stderr } = await webgpuVae(['sweep', ...model, ...args, ...adapterOptions], cwd);
  expect(stderr).toBe('');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^trial 1 failed: /m);
  const { trials } = await studyOf(join(cwd, 'study'));
  expect(trials.map(({ state }) => state)).toEqual(['finished', 'failed', 'pruned']);
  const [, , pruned] = trials;
  // It ended at the first rung, after the first epoch, and no step later.
  expect([pruned!.reports.length, pruned!.outcome!.epochs, pruned!.outcome!.step]).toEqual([1, 1, 10]);

  const long = ['sweep', ...model, '--epochs', '100000', '--seeds', '2', '--out', 'long', ...adapterOptions];
  const running = outcome(start(long, cwd));
  while (!(await stat(join(cwd, 'long', 'trials', '0000', 'metrics.csv')).catch(() => undefined))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const cancelled = await webgpuVae(['sweep', 'cancel', 'long'], cwd);
  expect({ ...cancelled }).toEqual({ code: 0, stdout: 'long is cancelled; its results stay.\n', stderr: '' });
  expect((await running).stdout).toContain('Cancelled after 0 of 2 trials: long');
  const again = await webgpuVae(long, cwd);
  expect(again.code).toBe(2);
  expect(again.stderr).toContain('long was cancelled');
});
