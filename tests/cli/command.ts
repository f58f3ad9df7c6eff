/** Runs the real command in a process of its own. */
import { type ChildProcessWithoutNullStreams, type SpawnOptionsWithoutStdio, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test as base } from 'playwright/test';
import { smallMnist } from '../support/small-mnist.ts';

export interface Outcome {
  /** The exit code, or the signal that ended the process. */
  code: number | NodeJS.Signals | null;
  stdout: string;
  /** Without the lines that Dawn itself prints about limits. */
  stderr: string;
}

export const PROGRAM = fileURLToPath(new URL('../../bin/webgpu-vae.js', import.meta.url));

/** Options that send a test to the adapter under test. */
export const adapterOptions = process.env.WEBGPU_VAE_ADAPTER ? ['--adapter', process.env.WEBGPU_VAE_ADAPTER] : [];

const SMALL_DATA = join(tmpdir(), `webgpu-vae-mnist-${process.pid}`);
let smallDataMade: Promise<unknown> | undefined;

/** Writes what `smallData` names, once. */
async function makeSmallData(): Promise<void> {
  await mkdir(SMALL_DATA, { recursive: true });
  process.once('exit', () => rmSync(SMALL_DATA, { recursive: true, force: true }));
  await smallMnist(SMALL_DATA);
}

/** MNIST's first 2,000 and 500 images: to read, evaluate and draw all of them is most of a short run's work. */
export const smallData = ['--data', SMALL_DATA];

/** The smallest training that still has every part: 8 steps. */
export const tinyRun = [...smallData, '--train-size', '256', '--epochs', '1', '--hidden', '16', '--batch', '32'];

/** Playwright's `test` with `cwd`, a new and empty folder of the test's own. */
export const test = base.extend<{ cwd: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of a fixture's fixtures from the pattern.
  cwd: async ({}, use, info) => {
    const folder = info.outputPath('work');
    smallDataMade ??= makeSmallData();
    await Promise.all([smallDataMade, mkdir(folder, { recursive: true })]);
    await use(folder);
  },
});

/** Starts `webgpu-vae` in `cwd`. `nodeOptions` go to Node itself, `options` to the system. */
export function start(
  args: string[],
  cwd: string,
  nodeOptions: string[] = [],
  options: SpawnOptionsWithoutStdio = {},
): ChildProcessWithoutNullStreams {
  // Without the test runner's own variables, of which FORCE_COLOR would colour the output.
  const { FORCE_COLOR: _, NODE_OPTIONS: __, ...env } = process.env;
  // Kernels that are chosen by a clock could differ from run to run on a busy machine.
  const isChosen = args[0] !== 'train' || args.includes('--variant') || args.includes('--resume');
  const variant = isChosen ? [] : ['--variant', 'default'];
  return spawn(process.execPath, [...nodeOptions, PROGRAM, ...args.slice(0, 1), ...variant, ...args.slice(1)], {
    cwd,
    ...options,
    env: { ...env, ...options.env },
  });
}

/** Collects what a process prints until it ends; `onStdout` sees all of stdout so far, whenever there is more. */
export function outcome(
  child: ChildProcessWithoutNullStreams,
  onStdout: (soFar: string) => void = () => {},
): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onStdout(stdout);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const own = stderr.split('\n').filter((line) => !line.startsWith('Warning: maxDynamic'));
      resolve({ code: code ?? signal, stdout, stderr: own.join('\n') });
    });
  });
}

/** Runs `webgpu-vae` in `cwd` to its end. */
export function webgpuVae(args: string[], cwd: string, nodeOptions: string[] = []): Promise<Outcome> {
  return outcome(start(args, cwd, nodeOptions));
}
