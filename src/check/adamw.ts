import type { Device } from '../gpu/device.ts';
import { type Command, runSchedule } from '../gpu/schedule.ts';
import { BufferPool, download, downloadU32, type Tensor } from '../gpu/tensor.ts';
import { ADAM_DEFAULTS } from '../kernels/adam.ts';
import { adamW, decayTable } from '../kernels/adamw.ts';
import { clipNorm, clipNormParts } from '../kernels/clip-norm.ts';
import { HALTED, OVERFLOWED, packState } from '../kernels/finish-step.ts';
import type { StepSchedule } from '../kernels/step-schedule.ts';
import { type Check, type CheckReport, compare, type Expected, report, testValues } from './check.ts';
import * as reference from './reference/adamw.ts';

const CONFIG = { ...ADAM_DEFAULTS, learningRate: 3e-3 };

/** The last part of the flat buffer shorter than 64; more gradients than one workgroup adds up. */
const SIZES = [4, 20, 784, 5 * 4096 * 4 + 68];
const STEPS = 4;

interface Case {
  title: string;
  /** The first step's number. */
  t: number;
  decay?: number;
  maxNorm?: number;
  schedule?: StepSchedule;
}

const CASES: Case[] = [
  { title: 'decay', t: 1, decay: 0.1 },
  { title: 'clipped', t: 1, maxNorm: 0.5 },
  { title: 'norm below the largest', t: 400, maxNorm: 1e6 },
  { title: 'warm-up', t: 1, schedule: { kind: 'warmup', steps: 3 } },
  { title: 'cosine to its end', t: 197, schedule: { kind: 'cosine', steps: 199, warmup: 20 } },
  { title: 'all', t: 9, decay: 0.02, maxNorm: 2, schedule: { kind: 'cosine', steps: 30, warmup: 10 } },
];

/** Every parameter's decay, and the table of it: half of the ranges of 64 decay, as weights do and biases do not. */
function decayOf(P: number, decay: number): { each: Float64Array; table: Float32Array<ArrayBuffer> } {
  const ranges = [];
  for (let offset = 0; offset < P; offset += 128) ranges.push({ offset, length: Math.min(64, P - offset), decay });
  const each = Float64Array.from({ length: P }, (_, i) => (i % 128 < 64 ? decay : 0));
  return { each, table: decayTable(P, ranges) };
}

function gradientOf(P: number, t: number): Float32Array {
  return testValues(P, 300 + t).map((value, i) => (i % 7 === 0 ? 0 : value * 10 ** -(i % 4)));
}

function exactly(values: Float32Array): Expected {
  return { values: Float64Array.from(values), tolerance: new Float64Array(values.length) };
}

/** Several steps, each with a gradient of its own, and the moments and parameters after the last one. */
async function runSteps(name: string, device: Device, problem: Case): Promise<CheckReport> {
  const { t: first, decay = 0, maxNorm, schedule = { kind: 'constant' } } = problem;
  const pool = new BufferPool(device);
  try {
    const comparisons = [];
    for (const P of SIZES) {
      const isFirst = first === 1;
      const param = testValues(P, 200);
      const m = isFirst ? new Float32Array(P) : testValues(P, 201).map((value) => value * 0.1);
      const v = isFirst ? new Float32Array(P) : testValues(P, 202).map((value) => 1e-3 + value * value);
      const { each, table } = decayOf(P, decay);
      const tensors = {
        param: pool.tensor('param', [P], { data: param }),
        m: pool.tensor('m', [P], { data: m }),
        v: pool.tensor('v', [P], { data: v }),
        decay: decay > 0 ? pool.tensor('decay', [table.length], { data: table }) : undefined,
      };
      const squares = pool.tensor('squares', [clipNormParts(P)]);
      const clip = maxNorm === undefined ? undefined : pool.tensor('clip', [2]);
      let expected = { param: exactly(param), m: exactly(m), v: exactly(v) };
      const commands: Command[] = [];
      for (let t = first; t < first + STEPS; t++) {
        const gradient = gradientOf(P, t);
        const grad = pool.tensor('grad', [P], { data: gradient });
        const words = packState({ step: t, epoch: 0, position: 0, halted: 0 });
        const state = pool.tensor('state', [4], { dtype: 'u32', data: words });
        if (clip && maxNorm !== undefined) commands.push(...clipNorm(pool, { grad, squares, clip }, { maxNorm }));
        commands.push(adamW(pool, { ...tensors, grad, state, clip }, { ...CONFIG, schedule }));
        expected = reference.adamW(expected, gradient, each, t, { ...CONFIG, schedule, maxNorm });
      }
      runSchedule(device, commands);
      for (const key of ['param', 'm', 'v'] as const) {
        comparisons.push(compare(`${key} (P=${P})`, await download(device, tensors[key]), expected[key]));
      }
      if (clip && maxNorm !== undefined) {
        const last = reference.clipNorm(gradientOf(P, first + STEPS - 1), maxNorm);
        comparisons.push(compare(`clip (P=${P})`, await download(device, clip), last.clip));
      }
    }
    return report(name, comparisons);
  } finally {
    pool.dispose();
  }
}

/** A gradient that is not finite, or whose square is not, must raise the alarm although it is clipped. */
async function runAlarms(name: string, device: Device): Promise<CheckReport> {
  const P = 132;
  const pool = new BufferPool(device);
  try {
    const comparisons = [];
    const zero = () => pool.tensor('moment', [P]);
    const run = async (bad: number, halted: number): Promise<{ state: Uint32Array; param: Float32Array }> => {
      const gradient = gradientOf(P, 1);
      gradient[P - 1] = bad;
      const grad = pool.tensor('grad', [P], { data: gradient });
      const squares = pool.tensor('squares', [clipNormParts(P)]);
      const clip = pool.tensor('clip', [2]);
      const words = packState({ step: 5, epoch: 0, position: 0, halted });
      const state = pool.tensor('state', [4], { dtype: 'u32', data: words });
      const param = pool.tensor('param', [P], { data: testValues(P, 1) });
      const tensors: Record<'m' | 'v', Tensor> = { m: zero(), v: zero() };
      runSchedule(device, [
        ...clipNorm(pool, { grad, squares, clip }, { maxNorm: 1 }),
        adamW(pool, { ...tensors, grad, state, param, clip }, CONFIG),
      ]);
      return { state: await downloadU32(device, state), param: await download(device, param) };
    };
    for (const [bad, flag] of [
      [0.5, 0],
      [1e18, 0],
      [Number.NaN, OVERFLOWED],
      [Number.NEGATIVE_INFINITY, OVERFLOWED],
      [1e21, OVERFLOWED],
    ] as const) {
      const words = Float64Array.of(5, 0, 0, flag);
      const { state } = await run(bad, 0);
      comparisons.push(compare(`state after ${bad}`, state, { values: words, tolerance: new Float64Array(4) }));
      const { param } = await run(bad, HALTED);
      comparisons.push(compare(`param once halted, ${bad}`, param, exactly(testValues(P, 1))));
    }
    return report(name, comparisons);
  } finally {
    pool.dispose();
  }
}

export function adamWChecks(): Check[] {
  const alarms = 'adamW, gradients that are not finite';
  return [
    ...CASES.map((problem): Check => {
      const name = `adamW, ${problem.title}, ${STEPS} steps from ${problem.t}`;
      return { name, op: 'adamW', run: (device) => runSteps(name, device, problem) };
    }),
    { name: alarms, op: 'adamW', run: (device) => runAlarms(alarms, device) },
  ];
}
