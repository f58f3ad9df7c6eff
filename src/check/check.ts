import { type Device, DeviceLostError } from '../gpu/device.ts';
import { type Command, runSchedule } from '../gpu/schedule.ts';
import { BufferPool, download, type Tensor } from '../gpu/tensor.ts';
import type { GemmVariant } from '../kernels/gemm.ts';

/** What a check found. */
export interface CheckReport {
  name: string;
  ok: boolean;
  /** Numbers compared. */
  elements: number;
  /** The number with the largest error relative to its tolerance. */
  worst: Difference | null;
  /** One line; says what is wrong if something is. */
  message: string;
}

export interface Difference {
  tensor: string;
  index: number;
  expected: number;
  got: number;
  error: number;
  tolerance: number;
}

/** A kernel's accuracy on one problem, against the same formula in float64. Runs wherever the engine runs. */
export interface Check {
  name: string;
  /** The operation checked, as the kernels' modules call it. */
  op: string;
  /** The GEMM variant that it checks, which a device may not support. */
  variant?: GemmVariant;
  run(device: Device): Promise<CheckReport>;
}

/**
 * A check's report; one that throws has failed, and others can still run.
 * @throws DeviceLostError
 */
export async function runCheck(check: Check, device: Device): Promise<CheckReport> {
  try {
    // The scopes of `checked` end with the first wait.
    const refused = device.watchErrors();
    const result = await device.checked(check.name, () => check.run(device));
    const error = refused();
    if (error) throw error;
    return result;
  } catch (error) {
    if (error instanceof DeviceLostError) throw error;
    const message = `${check.name}: ${(error as Error).message}`;
    return { name: check.name, ok: false, elements: 0, worst: null, message };
  }
}

/** What a float64 reference says of a tensor: its values, and how far a correct f32 computation may be from each. */
export interface Expected {
  values: Float64Array;
  tolerance: Float64Array;
}

/** These elements, and no others are looked at, must be NaN: one that comes in is never hidden. */
export interface ExpectedNaN {
  nan: readonly number[];
}

export function isNaNAt(nan: readonly number[]): ExpectedNaN {
  return { nan };
}

/** 0 where a NaN was expected and is one, 1 where it is a number. */
function compareNaN(tensor: string, got: ArrayLike<number>, { nan }: ExpectedNaN) {
  const numbers = nan.map((index) => (Number.isNaN(got[index]) ? 0 : 1));
  const zeros = { values: new Float64Array(nan.length), tolerance: new Float64Array(nan.length) };
  return compare(`${tensor}, whether element ${nan.join(', ')} is a number:`, numbers, zeros);
}

/** Unit roundoff of f32: the largest relative error of one correctly rounded operation. */
export const U = 2 ** -24;
/** One ULP, relative: WGSL states the accuracy of its functions in ULP. */
export const ULP = 2 ** -23;
/** Subnormal results may be flushed to zero. */
export const FLUSH = 2 ** -126;

/** The largest error that WGSL allows `exp(x)` relative to its value: 3 + 2 |x| ULP. */
export function expError(x: number): number {
  return (3 + 2 * Math.abs(x)) * ULP;
}

/** Compares every element; NaN on either side is a failure. */
export function compare(
  tensor: string,
  got: ArrayLike<number>,
  expected: Expected,
): { elements: number; worst: Difference | null } {
  if (got.length < expected.values.length) {
    throw new RangeError(`compare: ${tensor} has ${got.length} elements, expected ${expected.values.length}`);
  }
  let worst: Difference | null = null;
  let worstRatio = -1;
  for (let index = 0; index < expected.values.length; index++) {
    const value = expected.values[index]!;
    const error = Math.abs(got[index]! - value);
    const tolerance = expected.tolerance[index]!;
    const ratio =
      error <= tolerance
        ? error === 0
          ? 0
          : error / tolerance
        : Number.isFinite(error)
          ? error / tolerance
          : Infinity;
    if (!(ratio <= worstRatio)) {
      worstRatio = ratio;
      worst = { tensor, index, expected: value, got: got[index]!, error, tolerance };
    }
  }
  return { elements: expected.values.length, worst };
}

function isWithin({ error, tolerance }: Difference): boolean {
  return error <= tolerance;
}

/** Makes a report of several comparisons. */
export function report(name: string, comparisons: { elements: number; worst: Difference | null }[]): CheckReport {
  const elements = comparisons.reduce((sum, comparison) => sum + comparison.elements, 0);
  const differences = comparisons.flatMap(({ worst }) => (worst ? [worst] : []));
  const failed = differences.filter((difference) => !isWithin(difference));
  const byRatio = (a: Difference, b: Difference) => b.error / b.tolerance - a.error / a.tolerance;
  const worst = failed[0] ?? differences.filter(({ error }) => error > 0).sort(byRatio)[0] ?? differences[0] ?? null;
  const ok = failed.length === 0 && elements > 0;
  const message =
    worst === null
      ? `${name}: nothing was compared`
      : `${name}: ${worst.tensor}[${worst.index}] is ${worst.got}, expected ${worst.expected} ± ${worst.tolerance.toExponential(2)} (error ${worst.error.toExponential(2)})`;
  return { name, ok, elements, worst, message };
}

/** Runs commands once in a pool of their own and compares what they wrote. */
export async function runKernels(
  name: string,
  device: Device,
  build: (pool: BufferPool) => {
    commands: readonly Command[];
    outputs: readonly (readonly [Tensor, Expected | ExpectedNaN])[];
    times?: number;
  },
): Promise<CheckReport> {
  const pool = new BufferPool(device);
  try {
    const { commands, outputs, times } = build(pool);
    runSchedule(device, commands, times);
    const comparisons = [];
    for (const [tensor, expected] of outputs) {
      const got = await download(device, tensor);
      comparisons.push(
        'nan' in expected ? compareNaN(tensor.label, got, expected) : compare(tensor.label, got, expected),
      );
    }
    return report(name, comparisons);
  } finally {
    pool.dispose();
  }
}

/** Reproducible test values from U[-1, 1), exact in f32. `seed` tells tensors apart. */
export function testValues(length: number, seed: number): Float32Array {
  let state = (seed * 0x9e3779b9 + 1) >>> 0;
  return Float32Array.from({ length }, () => {
    // xorshift32 (Marsaglia 2003); its top 24 bits are exact in f32.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 8) / 2 ** 23 - 1;
  });
}
