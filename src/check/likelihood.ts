import type { Device } from '../gpu/device.ts';
import type { Command } from '../gpu/schedule.ts';
import { runSchedule } from '../gpu/schedule.ts';
import { BufferPool, download, type Tensor } from '../gpu/tensor.ts';
import { packState } from '../kernels/finish-step.ts';
import {
  bernoulli,
  gaussian,
  gaussianHeads,
  gaussianLearned,
  type LossOptions,
  likelihoodTerms,
  squaredError,
} from '../kernels/likelihood.ts';
import type { StepSchedule } from '../kernels/step-schedule.ts';
import { type Check, type CheckReport, compare, type Expected, report, testValues } from './check.ts';
import { sigmoidBce } from './reference/dense.ts';
import * as reference from './reference/likelihood.ts';
import { SCHEDULE_ERROR, scheduleFactor } from './reference/step-schedule.ts';
import { expectedInSink, SINKS, type SinkCase, sinkName, sinkTensors } from './sink.ts';

/** (B, D): one by one and four by four, within a workgroup and over several. */
const SIZES = [
  [1, 1],
  [3, 63],
  [65, 63],
  [1, 4],
  [20, 784],
] as const;

const SIGMA = 0.3;
const LOGVAR = -1.7;
const WEIGHT = 2.5;
const STEP = 17;
const SCHEDULE: StepSchedule = { kind: 'warmup', steps: 40 };

/** A loss of one problem: what it is computed from, and what comes out. */
interface Problem {
  pool: BufferPool;
  B: number;
  D: number;
  x: Float32Array;
  /** `x` on the GPU. */
  target: Tensor;
  /** weight / B, with the schedule's factor where there is one. */
  scale: number;
  kind: SinkCase;
  options: LossOptions;
}

interface Prepared {
  commands: Command[];
  /** Whose sum is the loss of the batch. */
  terms: Tensor;
  outputs: [Tensor, Expected][];
  sum: Expected;
}

const LIKELIHOODS: Record<string, (problem: Problem) => Prepared> = {
  squaredError: ({ pool, B, D, x, target, scale, kind, options }) => {
    const pred = testValues(B * D, 61).map((value) => value * 2);
    const { dinp, mask } = sinkTensors(pool, [B, D], kind);
    const terms = termsOf(pool, [B, D]);
    const expected = reference.squaredError(pred, x, scale);
    const tensors = { pred: pool.tensor('pred', [B, D], { data: pred }), x: target, dpred: dinp, mask, terms };
    return {
      commands: [squaredError(pool, tensors, options)],
      terms,
      sum: expected.sum,
      outputs: [[dinp, expectedInSink(expected.gradient, kind)]],
    };
  },
  gaussian: ({ pool, B, D, x, target, scale, kind, options }) => {
    const mean = testValues(B * D, 62);
    const { dinp, mask } = sinkTensors(pool, [B, D], kind);
    const terms = termsOf(pool, [B, D]);
    const expected = reference.squaredError(mean, x, scale, SIGMA);
    const tensors = { mean: pool.tensor('mean', [B, D], { data: mean }), x: target, dmean: dinp, mask, terms };
    return {
      commands: [gaussian(pool, tensors, { ...options, sigma: SIGMA })],
      terms,
      sum: expected.sum,
      outputs: [[dinp, expectedInSink(expected.gradient, kind)]],
    };
  },
  gaussianLearned: ({ pool, B, D, x, target, scale, kind, options }) => {
    const mean = testValues(B * D, 63);
    const { dinp, mask } = sinkTensors(pool, [B, D], kind);
    const term = pool.tensor('term', [1], { data: Float32Array.of(1e6) });
    const logvar = Math.fround(LOGVAR);
    const expected = reference.gaussianLearned(mean, x, logvar, scale);
    // The parameter's gradient knows no mask.
    const parameter = { ...kind, masked: false };
    const { dinp: dlogvar } = sinkTensors(pool, [1], parameter);
    const tensors = {
      mean: pool.tensor('mean', [B, D], { data: mean }),
      x: target,
      logvar: pool.tensor('logvar', [1], { data: Float32Array.of(LOGVAR) }),
      dmean: dinp,
      mask,
      dlogvar,
      squares: termsOf(pool, [B, D]),
      term,
    };
    return {
      commands: gaussianLearned(pool, tensors, options),
      terms: term,
      sum: expected.sum,
      outputs: [
        [dinp, expectedInSink(expected.gradient, kind)],
        [dlogvar, expectedInSink(expected.dlogvar, parameter)],
      ],
    };
  },
  gaussianHeads: ({ pool, B, D, x, target, scale, kind, options }) => {
    const heads = testValues(2 * B * D, 64).map((value) => value * 2);
    const { dinp, mask } = sinkTensors(pool, [B, 2 * D], kind);
    const terms = termsOf(pool, [B, D]);
    const expected = reference.gaussianHeads(heads, x, D, scale);
    const tensors = { heads: pool.tensor('heads', [B, 2 * D], { data: heads }), x: target, dheads: dinp, mask, terms };
    return {
      commands: [gaussianHeads(pool, tensors, options)],
      terms,
      sum: expected.sum,
      outputs: [[dinp, expectedInSink(expected.gradient, kind)]],
    };
  },
  bernoulli: ({ pool, B, D, x, target, scale, kind, options }) => {
    // Some large enough to saturate.
    const logits = testValues(B * D, 65).map((value, i) => value * (i % 9 === 0 ? 90 : 4));
    const { dinp, mask } = sinkTensors(pool, [B, D], kind);
    const terms = termsOf(pool, [B, D]);
    const exact = { values: Float64Array.from(logits), tolerance: new Float64Array(B * D) };
    const { bce, dlogits } = sigmoidBce(exact, x, 1 / scale);
    const tensors = { logits: pool.tensor('logits', [B, D], { data: logits }), x: target, dlogits: dinp, mask, terms };
    return {
      commands: [bernoulli(pool, tensors, options)],
      terms,
      sum: bce,
      outputs: [[dinp, expectedInSink(dlogits, kind)]],
    };
  },
};

/** Whatever stood in the terms must be overwritten. */
function termsOf(pool: BufferPool, shape: readonly number[]): Tensor {
  const count = likelihoodTerms(shape);
  return pool.tensor(`terms of ${shape.join('x')}`, [count], { data: new Float32Array(count).fill(1e6) });
}

/** Where a schedule multiplies a gradient, its factor is off too. */
function widened(expected: Expected, isScheduled: boolean): Expected {
  if (!isScheduled) return expected;
  const tolerance = expected.tolerance.map((value, i) => value + SCHEDULE_ERROR * Math.abs(expected.values[i]!));
  return { ...expected, tolerance };
}

async function run(name: string, device: Device, prepare: (problem: Problem) => Prepared): Promise<CheckReport> {
  const pool = new BufferPool(device);
  try {
    const state = pool.tensor('state', [4], {
      dtype: 'u32',
      data: packState({ step: STEP, epoch: 0, position: 0, halted: 0 }),
    });
    const comparisons = [];
    for (const [B, D] of SIZES) {
      // Pixels of every kind: black, white and grey.
      const x = testValues(B * D, 66).map((value) => Math.min(1, Math.max(0, value * 2)));
      const target = pool.tensor('x', [B, D], { data: x });
      for (const kind of SINKS) {
        const isScheduled = kind.masked && kind.accumulate;
        const schedule = isScheduled ? { kind: SCHEDULE, state } : undefined;
        const scale = (WEIGHT / B) * (isScheduled ? scheduleFactor(SCHEDULE, STEP) : 1);
        const options = { accumulate: kind.accumulate, weight: WEIGHT, schedule };
        const { commands, terms, outputs, sum } = prepare({ pool, B, D, x, target, scale, kind, options });
        runSchedule(device, commands);
        const title = `(B=${B}, D=${D}${sinkName(kind)})`;
        const total = (await download(device, terms)).reduce((all, term) => all + term, 0);
        comparisons.push(compare(`sum of the terms ${title}`, [total], sum));
        for (const [tensor, expected] of outputs) {
          const got = await download(device, tensor);
          comparisons.push(compare(`${tensor.label} ${title}`, got, widened(expected, isScheduled)));
        }
      }
      // A NaN among the targets is a NaN in the loss.
      const broken = pool.tensor('x with NaN', [B, D], { data: x.slice().fill(Number.NaN, x.length - 1) });
      const { commands, terms } = prepare({ pool, B, D, x, target: broken, scale: 1, kind: SINKS[0], options: {} });
      runSchedule(device, commands);
      const sum = (await download(device, terms)).reduce((all, term) => all + term, 0);
      const exactly = { values: Float64Array.of(0), tolerance: Float64Array.of(0) };
      comparisons.push(compare('whether the loss of a NaN is a number:', [Number.isNaN(sum) ? 0 : 1], exactly));
    }
    return report(name, comparisons);
  } finally {
    pool.dispose();
  }
}

export function likelihoodChecks(): Check[] {
  return Object.entries(LIKELIHOODS).map(([operation, prepare]): Check => {
    const name = `${operation}, terms and gradient`;
    return { name, op: operation, run: (device) => run(name, device, prepare) };
  });
}
