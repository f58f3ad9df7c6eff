import type { Device } from '../gpu/device.ts';
import { runSchedule } from '../gpu/schedule.ts';
import { BufferPool, download, downloadU32 } from '../gpu/tensor.ts';
import { finishStep, HALTED, OVERFLOWED, packState, type StepState } from '../kernels/finish-step.ts';
import { type Check, type CheckReport, compare, type Expected, report, testValues, U } from './check.ts';

interface Case {
  /** Partial sums of each term. */
  terms: readonly number[];
  batch: number;
  count: number;
  state: StepState;
  next: StepState;
  /** A partial sum that is not finite. */
  bad?: { term: number; value: number };
}

const start: StepState = { step: 0, epoch: 0, position: 0, halted: 0 };

const CASES: Case[] = [
  { terms: [1, 1], batch: 1, count: 1, state: start, next: { step: 1, epoch: 1, position: 0, halted: 0 } },
  { terms: [3, 60], batch: 3, count: 7, state: start, next: { step: 1, epoch: 0, position: 3, halted: 0 } },
  {
    terms: [784, 4095],
    batch: 63,
    count: 100,
    state: { step: 5, epoch: 3, position: 90, halted: 0 },
    next: { step: 6, epoch: 4, position: 53, halted: 0 },
  },
  {
    terms: [25_088, 256],
    batch: 128,
    count: 60,
    state: { step: 4097, epoch: 9, position: 59, halted: 0 },
    next: { step: 4098, epoch: 12, position: 7, halted: 0 },
  },
  ...[0, 1, 2, 3].flatMap((term) =>
    [Number.NaN, Number.POSITIVE_INFINITY].map((value) => ({
      terms: [300, 60, 7, 20],
      batch: 20,
      count: 60,
      state: { step: 8, epoch: 1, position: 2, halted: 0 },
      next: { step: 8, epoch: 1, position: 2, halted: HALTED },
      bad: { term, value },
    })),
  ),
  // Models of one term, of three and of as many as there can be.
  ...[[5], [1, 300, 20], [700, 3, 64, 257]].map((terms) => ({
    terms,
    batch: 4,
    count: 60,
    state: { step: 18, epoch: 1, position: 2, halted: 0 },
    next: { step: 19, epoch: 1, position: 6, halted: 0 },
  })),
  // After an overflow in Adam nothing moves, and no loss of a later step takes the place of an earlier one.
  ...[OVERFLOWED, HALTED | OVERFLOWED].map((halted) => ({
    terms: [300, 60],
    batch: 20,
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
  { terms, batch, count, state, next, bad }: Case,
): Promise<CheckReport> {
  const pool = new BufferPool(device);
  try {
    const T = terms.length;
    const values = terms.map((length, i) => testValues(length, 21 + i).map((value) => value + 1));
    if (bad) values[bad.term]![Math.floor(terms[bad.term]! / 2)] = bad.value;
    const tensors = {
      terms: values.map((data, i) => pool.tensor(`term ${i}`, [data.length], { data })),
      state: pool.tensor('state', [4], { dtype: 'u32', data: packState(state) }),
      losses: pool.tensor('losses', [CAPACITY, T]),
    };
    runSchedule(device, [finishStep(pool, tensors, { batch, count })]);
    const words = await downloadU32(device, tensors.state);
    const losses = await download(device, tensors.losses);
    const exact: Expected = { values: Float64Array.from(packState(next)), tolerance: new Float64Array(4) };
    // Nothing but the step's own row of the ring is written.
    const at = (state.step % CAPACITY) * T;
    const ring = { values: new Float64Array(CAPACITY * T), tolerance: new Float64Array(CAPACITY * T) };
    for (const [i, term] of values.entries()) {
      const { value, tolerance } = state.halted ? { value: 0, tolerance: 0 } : meanOf(term, batch);
      ring.values[at + i] = value;
      ring.tolerance[at + i] = tolerance;
    }
    if (bad) {
      // Its mean is in the ring as it is; `compare` takes no number that is not finite.
      const place = at + bad.term;
      losses[place] = Number.isFinite(losses[place]!) ? Number.NaN : 0;
      ring.values[place] = 0;
    }
    return report(name, [compare('state', words, exact), compare('losses', losses, ring)]);
  } finally {
    pool.dispose();
  }
}

export function finishStepChecks(): Check[] {
  return CASES.map((problem) => {
    const { terms, batch, count, bad, state } = problem;
    const loss = bad ? `, term ${bad.term} is ${bad.value}` : '';
    const halted = state.halted === 0 ? '' : `, halted=${state.halted}`;
    const name = `finishStep (${terms.join(' + ')} terms, B=${batch}, N=${count}${loss}${halted})`;
    return { name, op: 'finishStep', run: (device) => run(name, device, problem) };
  });
}
