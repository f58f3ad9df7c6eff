/**
 * `npm run bench:peers`: one training step of this engine and of others, on the same adapter in one run. The table, or
 * with `--json` one line of JSON, goes to stdout.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { DataSet } from '../src/data/dataset.ts';
import { type AdapterDescription, loadMnist, openAdapter } from '../src/host/node.ts';
import { describeMachine, machineLine, shortDescription } from './machine.ts';
import type { ContenderBrowser } from './peers/browser.ts';
import type { RoundResult } from './peers/contender.ts';
import { ContenderProcess, type PlayingContender, type Ready } from './peers/process.ts';
import { READ_EVERY } from './peers/task.ts';
import { findTorch, writeTask } from './peers/torch.ts';
import { median, significant } from './statistics.ts';
import { table } from './table.ts';

const OURS = 'webgpu-vae';
/** jax-js twice, with its weights one way and the other: which is faster depends on the adapter. */
const PEERS = ['tfjs', 'jax-js', 'jax-js (out, in)'];
const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** A round is as many steps as fit, at least `READ_EVERY`. */
const ROUND_MS = 2000;
const DEFAULT_ROUNDS = 5;
const USAGE = `Usage: npm run bench:peers [-- options]
  --json             print one JSON object on one line and nothing else
  --adapter <name>   part of an adapter's name; default: the best one
  --browser          in Chromium on SwiftShader instead of Node
  --rounds <n>       default: ${DEFAULT_ROUNDS}
  PYTHON             environment variable: a Python with PyTorch; default: python3, then /usr/bin/python3`;

interface Result {
  name: string;
  note?: string;
  ms_per_step: { median: number; min: number };
  /** Its time over ours, the median of the rounds' ratios. */
  times_ours: number;
  /** Opening the adapter, building the model, compiling and the first step, with whatever the driver's cache holds. */
  first_step_ms: number;
  dispatches?: number;
  submits?: number;
  buffers_created?: number;
  bind_groups_created?: number;
  writes?: number;
  /** At the last step that all have done, in nats per image: they must agree but for the noise. */
  loss: number;
}

interface Entry {
  contender: PlayingContender;
  firstStepMs: number;
  note?: string;
  roundSteps: number;
  rounds: RoundResult[];
  losses: number[];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      adapter: { type: 'string' },
      browser: { type: 'boolean', default: false },
      rounds: { type: 'string', default: String(DEFAULT_ROUNDS) },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return print(USAGE);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds: expected an integer from 1, got ${values.rounds}`);
  if (!existsSync(fileURLToPath(new URL('node_modules/@jax-js/jax', import.meta.url)))) {
    throw new Error('bench:peers: the peers are not installed: run `npm ci --prefix bench`');
  }
  if (values.browser && values.adapter !== undefined)
    throw new Error('--browser: always on SwiftShader: leave out --adapter');
  const data = await loadMnist();
  const task = await writeTask(data);
  const browser = values.browser ? await openBrowser(data) : undefined;
  const entries: Entry[] = [];
  let adapter: AdapterDescription;
  try {
    adapter = browser ? await browser.describeAdapter() : await describeNodeAdapter(values.adapter);
    for (const start of await starters(browser, values.adapter, adapter.software, task))
      entries.push(await enter(start));
    for (let round = 1; round <= rounds; round++) {
      progress(`round ${round} of ${rounds}`);
      for (const entry of entries) await play(entry, entry.roundSteps);
    }
  } finally {
    for (const { contender } of entries) await contender.stop();
    await browser?.close();
    await rm(task, { recursive: true, force: true });
  }
  const at = Math.min(...entries.map(({ losses }) => losses.length));
  const report = {
    adapter: shortDescription(adapter),
    host: browser?.version ?? `Node ${process.versions.node}`,
    machine: describeMachine(),
    task: { model: '784-512-256-2', batch: 128, loss_at_step: 1 + at * READ_EVERY },
    rounds,
    contenders: entries.map((entry) => evaluate(entry, entries[0]!, at - 1)),
  };
  print(values.json ? JSON.stringify(report) : text(report));
}

/** Only where it is asked for: a machine without Playwright runs the rest. */
async function openBrowser(data: DataSet): Promise<ContenderBrowser> {
  const { ContenderBrowser } = await import('./peers/browser.ts');
  return ContenderBrowser.open(data);
}

async function describeNodeAdapter(adapter: string | undefined): Promise<AdapterDescription> {
  const { info, dispose } = await openAdapter(adapter === undefined ? {} : { adapter });
  dispose();
  return info;
}

type Start = () => Promise<{ contender: PlayingContender; ready: Ready }>;

/** How each contender is started; ours first. PyTorch runs where it can: on the GPU only if the adapter is one, too. */
async function starters(
  browser: ContenderBrowser | undefined,
  adapter: string | undefined,
  software: boolean,
  task: string,
): Promise<Start[]> {
  const child = fileURLToPath(new URL('peers/child.ts', import.meta.url));
  const choice = adapter === undefined ? [] : [adapter];
  const list = [OURS, ...PEERS].map((name): Start => {
    if (browser) return () => browser.start(name);
    return () => ContenderProcess.start(name, [process.execPath, '--import', 'tsx', child, name, ...choice], ROOT);
  });
  const torch = await findTorch();
  if (!torch) {
    process.stderr.write('no Python with PyTorch found: set PYTHON to one\n');
    return list;
  }
  const script = fileURLToPath(new URL('peers/peer_torch.py', import.meta.url));
  const modes = torch.cuda && !software ? ['cuda eager', 'cuda graph'] : ['cpu eager'];
  const startTorch = (mode: string): Start => {
    return () => ContenderProcess.start('PyTorch', [torch.executable, script, task, ...mode.split(' ')], ROOT);
  };
  return [...list, ...modes.map(startTorch)];
}

/** Starts a contender and finds out how long a round should be. */
async function enter(start: Start): Promise<Entry> {
  const { contender, ready } = await start();
  const entry: Entry = { contender, ...ready, roundSteps: READ_EVERY, rounds: [], losses: [] };
  try {
    progress(`${contender.name}: warming up`);
    await play(entry, READ_EVERY);
    // The first block still warms up, so it is not a round that counts.
    const { ms } = entry.rounds.pop()!;
    entry.roundSteps = Math.max(1, Math.ceil(ROUND_MS / ms)) * READ_EVERY;
    return entry;
  } catch (error) {
    await contender.stop();
    throw error;
  }
}

async function play(entry: Entry, steps: number): Promise<void> {
  const round = await entry.contender.round(steps);
  entry.rounds.push(round);
  entry.losses.push(...round.losses);
}

function evaluate(entry: Entry, ours: Entry, lossIndex: number): Result {
  const { contender, note, firstStepMs, rounds, losses } = entry;
  const times = rounds.map(({ ms, steps }) => ms / steps);
  const ratios = rounds.map(({ ms, steps }, i) => ms / steps / (ours.rounds[i]!.ms / ours.rounds[i]!.steps));
  const { steps, calls } = rounds.at(-1)!;
  const perStep = (count: number): number => significant(count / steps);
  return {
    name: contender.name,
    ...(note === undefined ? {} : { note }),
    ms_per_step: { median: significant(median(times)), min: significant(Math.min(...times)) },
    times_ours: significant(median(ratios), 3),
    first_step_ms: significant(firstStepMs),
    ...(calls
      ? {
          dispatches: perStep(calls.dispatches),
          submits: perStep(calls.submits),
          buffers_created: perStep(calls.buffersCreated),
          bind_groups_created: perStep(calls.bindGroupsCreated),
          writes: perStep(calls.writes),
        }
      : {}),
    loss: significant(losses[lossIndex]!, 5),
  };
}

interface Report {
  adapter: ReturnType<typeof shortDescription>;
  /** `Node 20.20.2` or `Chromium 147.0.0.0`. */
  host: string;
  machine: ReturnType<typeof describeMachine>;
  task: { model: string; batch: number; loss_at_step: number };
  contenders: Result[];
}

function text({ adapter, host, machine, task, contenders }: Report): string {
  const header = [
    `${task.model}, batch ${task.batch}`,
    'ms/step',
    'min',
    'x ours',
    'first step ms',
    'dispatches',
    'submits',
    'new buffers',
    'new bind groups',
    'writes',
    `loss at step ${task.loss_at_step}`,
  ];
  const rows = contenders.map((row) => [
    row.note ? `${row.name} ${row.note}` : row.name,
    row.ms_per_step.median,
    row.ms_per_step.min,
    row.times_ours,
    row.first_step_ms,
    row.dispatches ?? '',
    row.submits ?? '',
    row.buffers_created ?? '',
    row.bind_groups_created ?? '',
    row.writes ?? '',
    row.loss,
  ]);
  return `${machineLine(`${adapter.name}, ${host}`, machine)}\n\n${table(header, rows)}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Only for a person who waits. */
function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${line}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`error: ${(error as Error).message}\n`);
  process.exitCode = 1;
});
