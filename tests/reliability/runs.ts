/** Short runs of the real command, and what must be the same in two of them. */
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import { findCheckpoint } from '../../src/cli/checkpoint-file.ts';
import type { Snapshot } from '../../src/vae/vae.ts';
import { adapterOptions, test as base, webgpuVae } from '../cli/command.ts';
import { smallMnist } from '../support/small-mnist.ts';

/** Playwright's `test` with a folder of the test's own, `cwd`, in which `mnist` is a small data set. */
export const test = base.extend({
  cwd: async ({ cwd }, use) => {
    await mkdir(join(cwd, 'mnist'));
    await smallMnist(join(cwd, 'mnist'));
    await use(cwd);
  },
});

/** Four epochs of 20 steps; a checkpoint after every chunk, so that a kill meets every stage of writing one. */
const sizes = ['--train-size', '1000', '--hidden', '16', '--batch', '50', '--epochs', '4'];
export const settings = ['--data', 'mnist', ...sizes, ...adapterOptions];
export const often = ['--checkpoint-every', '0.0001'];
export const STEPS = 80;

export function withEpochs(epochs: number): string[] {
  return settings.map((value, i) => (settings[i - 1] === '--epochs' ? String(epochs) : value));
}

/** metrics.csv without the seconds, which are the only thing that may differ. */
export async function metricsOf(folder: string): Promise<string[]> {
  const lines = (await readFile(join(folder, 'metrics.csv'), 'utf8')).trimEnd().split('\n');
  return lines.map((line) => line.slice(0, line.lastIndexOf(',')));
}

export async function expectSameRun(folder: string, expected: string): Promise<void> {
  const model = await readFile(join(folder, 'model.safetensors'));
  expect(model.equals(await readFile(join(expected, 'model.safetensors'))), 'model.safetensors bit for bit').toBe(true);
  expect(await metricsOf(folder)).toEqual(await metricsOf(expected));
  const files = (await readdir(folder)).sort();
  expect(files).toEqual((await readdir(expected)).sort());
  for (const picture of files.filter((name) => name.endsWith('.png'))) {
    const same = (await readFile(join(folder, picture))).equals(await readFile(join(expected, picture)));
    expect(same, picture).toBe(true);
  }
  expect(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))).toMatchObject({ status: 'finished' });
}

/** What `settings` come to when nothing is in the way: the same in every test, so a worker does it once. */
export function wholeRun(): Promise<{ folder: string; elapsedMs: number }> {
  whole ??= trainWhole();
  return whole;
}

let whole: ReturnType<typeof trainWhole> | undefined;

async function trainWhole(): Promise<{ folder: string; elapsedMs: number }> {
  const cwd = await mkdtemp(join(tmpdir(), 'webgpu-vae-whole-'));
  process.once('exit', () => rmSync(cwd, { recursive: true, force: true }));
  await mkdir(join(cwd, 'mnist'));
  await smallMnist(join(cwd, 'mnist'));
  const began = performance.now();
  const { code, stderr } = await webgpuVae(['train', ...settings, '--out', 'whole'], cwd);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return { folder: join(cwd, 'whole'), elapsedMs: performance.now() - began };
}

/** @returns the state of the last checkpoint of a run folder */
export async function lastCheckpoint(folder: string): Promise<Snapshot> {
  return (await findCheckpoint(folder)).snapshot;
}

/** Node's options that run a module before the program. */
export function preload(code: string): string[] {
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
}

/**
 * A module that sends a signal at the moments when the program has printed what is given, one after the other: from the
 * outside it might come late, when the program has gone on, or is done.
 * @param to `self`, or the whole process group, as a terminal does
 */
export function signalling(signal: NodeJS.Signals, moments: readonly string[], to: 'self' | 'group'): string {
  return `
    const moments = ${JSON.stringify(moments)};
    const target = ${JSON.stringify(to)} === 'group' && process.platform !== 'win32' ? 0 : process.pid;
    const { write } = process.stdout;
    process.stdout.write = function (text, ...rest) {
      const result = write.call(this, text, ...rest);
      if (moments.length > 0 && String(text).includes(moments[0])) {
        moments.shift();
        process.kill(target, ${JSON.stringify(signal)});
      }
      return result;
    };`;
}

/** A module for which time goes ten times as slowly: what must happen within a minute has ten. */
export const SLOW_CLOCK = `
  const now = performance.now.bind(performance);
  performance.now = () => now() / 10;`;
