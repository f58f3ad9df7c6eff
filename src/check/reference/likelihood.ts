import { type Expected, expError, FLUSH, U } from '../check.ts';

type Values = ArrayLike<number>;

/** A loss of a batch: the sum of its terms over all elements, and gradients of scale · that sum. */
export interface Likelihood {
  sum: Expected;
  gradient: Expected;
}

const LOG_2_PI = Math.log(2 * Math.PI);

function make(length: number): Expected {
  return { values: new Float64Array(length), tolerance: new Float64Array(length) };
}

/**
 * A sum of terms in f32: each of them is off by what is given, and every term goes through fewer than 64 of the additions of a
 * thread, its lanes, and its workgroup's tree.
 */
function sumOf(terms: { value: number; tolerance: number }[]): Expected {
  const sum = make(1);
  for (const { value, tolerance } of terms) {
    sum.values[0]! += value;
    sum.tolerance[0]! += tolerance + 64 * U * Math.abs(value);
  }
  return sum;
}

/** Squared error, and with `sigma` −log N(x; pred, σ²). All (B, D). */
export function squaredError(pred: Values, x: Values, scale: number, sigma?: number): Likelihood {
  const quadratic = sigma === undefined ? 1 : 1 / (2 * sigma ** 2);
  const constant = sigma === undefined ? 0 : Math.log(sigma) + LOG_2_PI / 2;
  const gradient = make(pred.length);
  const terms = Array.from(pred, (value, i) => {
    const difference = value - x[i]!;
    const square = quadratic * difference ** 2;
    gradient.values[i] = 2 * quadratic * difference * scale;
    gradient.tolerance[i] = 8 * U * Math.abs(gradient.values[i]!) + FLUSH;
    return { value: square + constant, tolerance: 8 * U * (square + Math.abs(constant)) + FLUSH };
  });
  return { sum: sumOf(terms), gradient };
}

/** −log N(x; mean, σ²), σ² = e^logvar the same for all elements. mean, x (B, D). */
export function gaussianLearned(
  mean: Values,
  x: Values,
  logvar: number,
  scale: number,
): Likelihood & { dlogvar: Expected } {
  const precision = Math.exp(-logvar);
  const relative = expError(logvar) + 8 * U;
  const gradient = make(mean.length);
  const count = mean.length;
  const halves = Array.from(mean, (value, i) => {
    const difference = value - x[i]!;
    const half = 0.5 * precision * difference ** 2;
    gradient.values[i] = scale * precision * difference;
    gradient.tolerance[i] = relative * Math.abs(gradient.values[i]!) + FLUSH;
    return { value: half, tolerance: relative * half + FLUSH };
  });
  const { values, tolerance } = sumOf(halves);
  const rest = 0.5 * count * (logvar + LOG_2_PI);
  const restError = 4 * U * 0.5 * count * (Math.abs(logvar) + LOG_2_PI);
  const slope = scale * (count / 2 - values[0]!);
  return {
    gradient,
    sum: { values: Float64Array.of(values[0]! + rest), tolerance: Float64Array.of(tolerance[0]! + restError) },
    dlogvar: {
      values: Float64Array.of(slope),
      tolerance: Float64Array.of(scale * (tolerance[0]! + U * count) + 4 * U * Math.abs(slope) + FLUSH),
    },
  };
}

/** −log N(x; mean, σ²) with heads (B, 2 D): mean, then log σ². x (B, D). */
export function gaussianHeads(heads: Values, x: Values, D: number, scale: number): Likelihood {
  const gradient = make(heads.length);
  const terms = Array.from(x, (value, i) => {
    const head = Math.floor(i / D) * 2 * D + (i % D);
    const logvar = heads[head + D]!;
    const precision = Math.exp(-logvar);
    const relative = expError(logvar) + 8 * U;
    const difference = heads[head]! - value;
    const square = precision * difference ** 2;
    gradient.values[head] = scale * precision * difference;
    gradient.tolerance[head] = relative * Math.abs(gradient.values[head]!) + FLUSH;
    gradient.values[head + D] = 0.5 * scale * (1 - square);
    gradient.tolerance[head + D] = 0.5 * scale * (relative * square + 4 * U * (1 + square)) + FLUSH;
    const size = square + Math.abs(logvar) + LOG_2_PI;
    return {
      value: 0.5 * (square + logvar + LOG_2_PI),
      tolerance: 0.5 * (relative * square + 4 * U * size) + FLUSH,
    };
  });
  return { sum: sumOf(terms), gradient };
}
