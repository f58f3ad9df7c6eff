/**
 * Sweeps whose workers are killed at random: `node --import tsx tests/sweep/kills.ts --rounds 10` runs as many with the embedded
 * database and with a PostgreSQL, and compares every trial with the same training alone. The tests run one short round.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StudyFile } from '../../src/cli/sweep/study-folder.ts';
import { DATABASE_VARIABLE } from '../../src/cli/sweep-command.ts';
import { adapterOptions, type Outcome, outcome, start, webgpuVae } from '../cli/command.ts';
import { smallMnist } from '../support/small-mnist.ts';
import { startPostgres } from './postgres.ts';

const WORKERS = 3;
const KILLS = 2;

const model = (epochs: number) => [
  ...['--data', 'mnist', '--train-size', '200', '--test-size', '100', '--hidden', '8', '--batch', '20'],
  ...['--epochs', String(epochs), '--variant', 'default', ...adapterOptions],
];
const BETAS = '0.5,1';
/** Two values of beta for every value of latent. */
const latents = (trials: number) => Array.from({ length: trials / 2 }, (_, i) => i + 2);

/** What a run's results are known by: its weights and its losses. */
export type Results = Map<number, string>;

async function digestOf(folder: string): Promise<string> {
  const metrics = (await readFile(join(folder, 'metrics.csv'), 'utf8')).trimEnd().split('\n');
  const losses = metrics.map((line) => line.slice(0, line.lastIndexOf(',')));
  const model = await readFile(join(folder, 'model.safetensors'));
  return createHash('sha256').update(model).update(losses.join('\n')).digest('hex');
}

/** Trains what the trials train, each alone. */
export async function aloneResults(cwd: string, trials: number, epochs: number): Promise<Results> {
  const results: Results = new Map();
  for (const latent of latents(trials)) {
    for (const beta of BETAS.split(',')) {
      const out = join('alone', String(results.size));
      const args = ['train', ...model(epochs), '--latent', String(latent), '--beta', beta, '--out', out, '--quiet'];
      const { code, stderr } = await webgpuVae(args, cwd);
      if (code !== 0) throw new Error(`train alone ended with ${code}: ${stderr}`);
      results.set(results.size, await digestOf(join(cwd, out)));
    }
  }
  return results;
}

export interface Round {
  cwd: string;
  /** A PostgreSQL; the embedded database without it. */
  url?: string;
  trials: number;
  epochs: number;
  random: () => number;
  out: string;
}

/**
 * One sweep with three workers, of which two are killed.
 * @returns each trial's results; how many workers were killed, and how often a trial lost one
 * @throws Error if anything is not as it should be
 */
export async function killRound(round: Round): Promise<{ results: Results; killed: number; deaths: number }> {
  const { cwd, url, trials, epochs, random, out } = round;
  const env = url === undefined ? {} : { [DATABASE_VARIABLE]: url };
  const args = ['sweep', ...model(epochs), '--latent', latents(trials).join(), '--beta', BETAS, '--out', out];
  const more = url === undefined ? ['--jobs', String(WORKERS)] : ['--jobs', '0', '--heartbeat', '10'];
  // The same settings would be the same study: a database has it only once.
  const name = ['--search-seed', String(Math.floor(random() * 2 ** 31)), '--checkpoint-every', '0.0001'];
  const sweep = outcome(start([...args, ...more, ...name], cwd, [], { env }));
  const workers: Promise<Outcome>[] = [];
  let isOver = false;
  void sweep.then(() => {
    isOver = true;
  });
  // A worker that finds no study would be done at once.
  while (!isOver && !(await studyOf(join(cwd, out)))) await sleep(50);
  for (let i = 0; url !== undefined && i < WORKERS; i++) {
    const child = start(['worker', '--data', 'mnist', '--drain', ...adapterOptions], cwd, [], { env });
    workers.push(outcome(child));
  }
  let killed = 0;
  const victims = new Set<number>();
  while (!isOver && killed < KILLS) {
    // Somewhere in a trial, or between two.
    await sleep(100 + 3000 * random());
    const running = (await studyOf(join(cwd, out)))?.trials.filter(({ state }) => state === 'running') ?? [];
    const pids = running
      .map(({ worker }) => Number(worker?.split(':').at(-1)))
      .filter((pid) => pid > 0 && !victims.has(pid));
    const pid = pids[Math.floor(random() * pids.length)];
    if (pid === undefined) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      continue;
    }
    victims.add(pid);
    killed++;
  }
  const { code, stdout, stderr } = await sweep;
  if (code !== 0) throw new Error(`the sweep ended with ${code}:\n${stdout}\n${stderr}`);
  const outputs = await Promise.all(workers);
  const survivors = outputs.filter(({ code: end }) => end === 0).length;
  if (url !== undefined && survivors !== WORKERS - killed) {
    throw new Error(`${survivors} workers ended well, expected ${WORKERS - killed}: ${JSON.stringify(outputs)}`);
  }
  const study = (await studyOf(join(cwd, out)))!;
  const results: Results = new Map();
  for (const { trial, state, reports } of study.trials) {
    if (state !== 'finished') throw new Error(`trial ${trial} is ${state}`);
    if (reports.length !== epochs) throw new Error(`trial ${trial} has ${reports.length} epochs`);
    const told = outputs.flatMap((one) => one.stdout.match(new RegExp(`trial ${trial}: finished`, 'g')) ?? []).length;
    if (told > 1) throw new Error(`trial ${trial} was finished ${told} times`);
    results.set(trial, await digestOf(join(cwd, out, 'trials', String(trial).padStart(4, '0'))));
  }
  const left = (await readdir(join(cwd, out, 'trials'))).filter((file) => !/^\d{4}$/.test(file));
  if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
  return { results, killed, deaths: study.trials.reduce((sum, trial) => sum + trial.deaths, 0) };
}

async function studyOf(folder: string): Promise<StudyFile | undefined> {
  return readFile(join(folder, 'study.json'), 'utf8').then(
    (text) => JSON.parse(text) as StudyFile,
    () => undefined,
  );
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Random numbers that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Throws unless both are the same trials with the same results. */
export function expectSame(results: Results, expected: Results): void {
  for (const [trial, digest] of expected) {
    if (results.get(trial) !== digest) throw new Error(`trial ${trial} differs from the same training alone`);
  }
  if (results.size !== expected.size) throw new Error(`${results.size} results, expected ${expected.size}`);
}

async function main(): Promise<void> {
  const option = (name: string, byDefault: number) => {
    const at = process.argv.indexOf(name);
    return at < 0 ? byDefault : Number(process.argv[at + 1]);
  };
  const [rounds, seed, trials, epochs] = [option('--rounds', 10), option('--seed', 0), option('--trials', 12), 4];
  const cwd = await mkdtemp(join(tmpdir(), 'webgpu-vae-kills-'));
  await mkdir(join(cwd, 'mnist'));
  await smallMnist(join(cwd, 'mnist'));
  const expected = await aloneResults(cwd, trials, epochs);
  const server = await startPostgres();
  try {
    for (let i = 0; i < rounds; i++) {
      for (const url of [undefined, server.url]) {
        const begun = performance.now();
        const random = seeded(seed + i);
        const out = `${url === undefined ? 'embedded' : 'postgres'}-${i}`;
        const { results, killed, deaths } = await killRound({ cwd, ...(url && { url }), trials, epochs, random, out });
        expectSame(results, expected);
        const seconds = ((performance.now() - begun) / 1000).toFixed(0);
        console.log(
          `round ${i + 1}, ${url === undefined ? 'embedded' : 'PostgreSQL'}: ${results.size} trials as they are alone, ${killed} workers killed, ${deaths} trials gone on with, ${seconds} s`,
        );
      }
    }
  } finally {
    await server.stop();
  }
  await rm(cwd, { recursive: true, force: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
