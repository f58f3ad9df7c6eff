import type { Device } from '../gpu/device.ts';
import { runSchedule } from '../gpu/schedule.ts';
import { BufferPool, download, downloadU32 } from '../gpu/tensor.ts';
import { finishStep, HALTED, OVERFLOWED, packState, type StepState } from '../kernels/finish-step.ts';
import { type Check, type CheckReport, compare, type Expected, report, testValues, U } from './check.ts';

interface Case {
  terms: number;
  batch: number;
  latent: number;
  count: number;
  state: StepState;
  next: StepState;
  /** A loss term that is not finite. */
  bad?: number;
}

const start: StepState = { step: 0, epoch: 0, position: 0, halted: 0 };

const CASES: Case[] = [
  { terms: 1, batch: 1, latent: 1, count: 1, state: start, next: { step: 1, epoch: 1, position: 0, halted: 0 } },
  { terms: 3, batch: 3, latent: 20, count: 7, state: start, next: { step: 1, epoch: 0, position: 3, halted: 0 } },
  {
    terms: 784,
    batch: 63,
    latent: 65,
    count: 100,
    state: { step: 5, epoch: 3, position: 90, halted: 0 },
    next: { step: 6, epoch: 4, position: 53, halted: 0 },
  },
  {
    terms: 25_088,
    batch: 128,
    latent: 2,
    count: 60,
    state: { step: 4097, epoch: 9, position: 59, halted: 0 },
    next: { step: 4098, epoch: 12, position: 7, halted: 0 },
  },
  ...[Number.NaN, Number.POSITIVE_INFINITY].map((bad) => ({
    terms: 300,
    batch: 20,
    latent: 3,
    count: 60,
    state: { step: 8, epoch: 1, position: 2, halted: 0 },
    next: { step: 8, epoch: 1, position: 2, halted: HALTED },
    bad,
  })),
  // After an overflow in Adam nothing moves, and no loss of a later step takes the place of an earlier one.
  ...[OVERFLOWED, HALTED | OVERFLOWED].map((halted) => ({
    terms: 300,
    batch: 20,
    latent: 3,
    count: 60,
    state: { step: 8, epoch: 1, position: 2, halted },
    next: { step: 8, epoch: 1, position: 2, halted: HALTED | OVERFLOWED },
  })),
];

const CAPACITY = 16;

function meanOf(terms: Float32Array, batch: number): { value: number; tolerance: number } {
  const sum = terms.reduce((total, term) => total + term, 0);
  const size = terms.reduce((total, term) => total + Math.abs(term), 0);
  // 256 threads add up every 256th term, then a tree of eight levels.
  const additions = Math.ceil(terms.length / 256) + 8;
  return { value: sum / batch, tolerance: ((additions + 3) * U * size) / batch };
}

async function run(
  name: string,
  device: Device,
  { terms, batch, latent, count, state, next, bad }: Case,
): Promise<CheckReport> {
  const pool = new BufferPool(device);
  try {
    const bce = testValues(terms, 21).map((value) => value + 1);
    const kld = testValues(batch * latent, 22).map((value) => value + 1);
    if (bad !== undefined) bce[Math.floor(terms / 2)] = bad;
    const tensors = {
      bce: pool.tensor('bce', [terms], { data: bce }),
      kld: pool.tensor('kld', [batch, latent], { data: kld }),
      state: pool.tensor('state', [4], { dtype: 'u32', data: packState(state) }),
      losses: pool.tensor('losses', [CAPACITY, 2]),
    };
    runSchedule(device, [finishStep(pool, tensors, { batch, count })]);
    const words = await downloadU32(device, tensors.state);
    const losses = (await download(device, tensors.losses)).subarray((state.step % CAPACITY) * 2);
    const exact: Expected = { values: Float64Array.from(packState(next)), tolerance: new Float64Array(4) };
    const comparisons = [compare('state', words, exact)];
    const nothing = { value: 0, tolerance: 0 };
    const means = state.halted ? [nothing, nothing] : [meanOf(bce, batch), meanOf(kld, batch)];
    for (const [index, label] of ['mean bce', 'mean kld'].entries()) {
      if (bad !== undefined && index === 0) continue;
      const { value, tolerance } = means[index]!;
      const expected = { values: Float64Array.of(value), tolerance: Float64Array.of(tolerance) };
      comparisons.push(compare(label, [losses[index]!], expected));
    }
    return report(name, comparisons);
  } finally {
    pool.dispose();
  }
}

export function finishStepChecks(): Check[] {
  return CASES.map((problem) => {
    const { terms, batch, latent, count, bad, state } = problem;
    const loss = bad === undefined ? '' : `, a term is ${bad}`;
    const halted = state.halted === 0 ? '' : `, halted=${state.halted}`;
    const name = `finishStep (${terms} terms, B=${batch}, L=${latent}, N=${count}${loss}${halted})`;
    return { name, op: 'finishStep', run: (device) => run(name, device, problem) };
  });
}
