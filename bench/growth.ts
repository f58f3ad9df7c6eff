/**
 * `npm run bench:growth`: how the time of a training step grows with the batch, the layers' width and the latent
 * dimensions. The tables, or with `--json` one line of JSON, go to stdout.
 */
import { parseArgs } from 'node:util';
import { type DataSet, takeFirst } from '../src/data/dataset.ts';
import { type Device, formatBytes } from '../src/gpu/device.ts';
import { createDevice, loadMnist } from '../src/index.ts';
import { Vae } from '../src/vae/vae.ts';
import { modelName, stepFlops } from './arithmetic.ts';
import { describeMachine, machineLine, shortDescription } from './machine.ts';
import { median, significant } from './statistics.ts';
import type { StepConfig } from './step.ts';
import { table } from './table.ts';

const BASE: StepConfig = { hidden: [512, 256], latent: 2, batch: 128 };
/** Steps of two: what is worse than linear shows within one. */
const SWEEPS: Record<string, StepConfig[]> = {
  batch: powersOfTwo(32, 4096).map((batch) => ({ ...BASE, batch })),
  width: powersOfTwo(64, 4096).map((width) => ({ ...BASE, hidden: [width, width / 2] })),
  latent: powersOfTwo(1, 256).map((latent) => ({ ...BASE, latent })),
};
const TURNS = 4;
/** About how long a model's turn takes. */
const TURN_MS = 400;
const CHUNK_MS = 100;
const USAGE = `Usage: npm run bench:growth [-- options]
  --json             print one JSON object on one line and nothing else
  --adapter <name>   part of an adapter's name; default: the best one
  --only <sweeps>    some of ${Object.keys(SWEEPS).join(',')}; default: all`;

interface Point {
  model: string;
  batch: number;
  gflop_per_step: number;
  ms_per_step: { median: number; min: number };
  /** At the minimum, which disturbances change least. Should not grow with the arithmetic. */
  ms_per_gflop: number;
  gpu_bytes: number;
  /**
   * How ms per GFLOP changed since the sweep's previous point: the arithmetic's growth taken out of the time's growth.
   * At most 1 means no worse than linear; the first point has none.
   */
  growth?: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      adapter: { type: 'string' },
      only: { type: 'string', default: Object.keys(SWEEPS).join(',') },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return print(USAGE);
  const names = values.only.split(',');
  const unknown = names.find((name) => !(name in SWEEPS));
  if (unknown !== undefined) {
    throw new Error(`--only: there is no sweep "${unknown}", expected ${Object.keys(SWEEPS).join(', ')}`);
  }
  const full = await loadMnist();
  // The test set is not used here, and two of the largest batch are enough to train on.
  const data = { ...full, train: takeFirst(full.train, 8192), test: takeFirst(full.test, 1) };
  const device = await createDevice(values.adapter === undefined ? {} : { adapter: values.adapter });
  const sweeps: Record<string, Point[]> = {};
  const [adapter, machine] = [shortDescription(device.info), describeMachine()];
  try {
    for (const name of names) {
      if (process.stderr.isTTY) process.stderr.write(`measuring ${name}\n`);
      sweeps[name] = await measureSweep(device, data, SWEEPS[name]!);
    }
  } finally {
    device.dispose();
  }
  if (values.json) return print(JSON.stringify({ adapter, machine, ...sweeps }));
  const header = ['model', 'batch', 'GFLOP/step', 'ms/step', 'min', 'ms/GFLOP', 'growth', 'GPU memory'];
  const texts = Object.entries(sweeps).flatMap(([name, points]) => [
    table(
      header,
      points.map((point) => [
        point.model,
        point.batch,
        point.gflop_per_step,
        point.ms_per_step.median,
        point.ms_per_step.min,
        point.ms_per_gflop,
        point.growth ?? '',
        formatBytes(point.gpu_bytes),
      ]),
    ),
    overall(name, points),
  ]);
  print([machineLine(adapter.name, machine), ...texts].join('\n\n'));
}

/** The whole sweep in a sentence. */
function overall(name: string, points: readonly Point[]): string {
  const [first, last] = [points[0]!, points.at(-1)!];
  const arithmetic = significant(last.gflop_per_step / first.gflop_per_step, 3);
  const time = significant(last.ms_per_step.min / first.ms_per_step.min, 3);
  return `${name}: ${arithmetic} times the arithmetic takes ${time} times as long.`;
}

interface Candidate {
  config: StepConfig;
  vae: Vae;
  gpuBytes: number;
  /** Per step, from what was measured last. */
  ms: number;
  times: number[];
}

/** Every model in turn, several times over: what disturbs the machine for longer than a turn then disturbs them all. */
async function measureSweep(device: Device, data: DataSet, configs: readonly StepConfig[]): Promise<Point[]> {
  const candidates: Candidate[] = [];
  try {
    for (const config of configs) {
      const before = device.allocatedBytes;
      const vae = await Vae.create(device, data, config, { chunkMs: CHUNK_MS });
      candidates.push({ config, vae, gpuBytes: device.allocatedBytes - before, ms: 0, times: [] });
    }
    for (const candidate of candidates) {
      await advance(candidate, 1);
      await advance(candidate, 2);
      candidate.times = [];
    }
    for (let turn = 0; turn < TURNS; turn++) {
      for (const candidate of candidates) await advance(candidate, Math.max(2, Math.ceil(TURN_MS / candidate.ms)));
    }
    const points: Point[] = [];
    for (const candidate of candidates) points.push(pointOf(candidate, points.at(-1)));
    return points;
  } finally {
    for (const { vae } of candidates) vae.dispose();
  }
}

async function advance(candidate: Candidate, steps: number): Promise<void> {
  await candidate.vae.advance(steps, {
    onChunk: (_, ms) => {
      candidate.ms = ms;
      candidate.times.push(ms);
    },
  });
}

function pointOf({ config, vae, gpuBytes, times }: Candidate, previous: Point | undefined): Point {
  const gflop = stepFlops(config, config.batch, vae.imageSize) / 1e9;
  const fastest = Math.min(...times);
  const msPerGflop = fastest / gflop;
  return {
    model: modelName(config, vae.imageSize),
    batch: config.batch,
    gflop_per_step: significant(gflop),
    ms_per_step: { median: significant(median(times)), min: significant(fastest) },
    ms_per_gflop: significant(msPerGflop),
    gpu_bytes: gpuBytes,
    ...(previous ? { growth: significant(msPerGflop / previous.ms_per_gflop, 3) } : {}),
  };
}

function powersOfTwo(from: number, to: number): number[] {
  const values: number[] = [];
  for (let value = from; value <= to; value *= 2) values.push(value);
  return values;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`error: ${(error as Error).message}\n`);
  process.exitCode = 1;
});
