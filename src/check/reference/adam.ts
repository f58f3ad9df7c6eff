import { type Expected, expError, FLUSH, U } from '../check.ts';

type Values = ArrayLike<number>;

/**
 * One step of Adam (Kingma & Ba 2015, algorithm 1), t from 1. All (P).
 * The first step from m = v = 0 moves every parameter by the learning rate towards −sign(g).
 *
 * @returns with `overflows` the elements whose new v or parameter is no finite f32; their values mean nothing
 */
export function adam(
  param: Values,
  grad: Values,
  m: Values,
  v: Values,
  t: number,
  { learningRate, beta1, beta2, epsilon }: { learningRate: number; beta1: number; beta2: number; epsilon: number },
): { param: Expected; m: Expected; v: Expected; overflows: number[] } {
  const P = param.length;
  const make = (): Expected => ({ values: new Float64Array(P), tolerance: new Float64Array(P) });
  const out = { param: make(), m: make(), v: make(), overflows: [] as number[] };
  const correction1 = 1 - beta1 ** t;
  const correction2 = 1 - beta2 ** t;
  const relative = updateError(t, beta1, beta2);
  for (let i = 0; i < P; i++) {
    const g = grad[i]!;
    const mNew = beta1 * m[i]! + (1 - beta1) * g;
    const vNew = beta2 * v[i]! + (1 - beta2) * g * g;
    const mError = 4 * U * (Math.abs(beta1 * m[i]!) + Math.abs((1 - beta1) * g)) + FLUSH;
    const denominator = Math.sqrt(vNew / correction2) + epsilon;
    const update = (learningRate / correction1) * (mNew / denominator);
    out.m.values[i] = mNew;
    out.m.tolerance[i] = mError;
    out.v.values[i] = vNew;
    out.v.tolerance[i] = 6 * U * vNew + FLUSH;
    out.param.values[i] = param[i]! - update;
    if (![vNew, param[i]! - update].every((value) => Number.isFinite(Math.fround(value)))) out.overflows.push(i);
    // A gradient so small that its square is flushed to zero leaves epsilon alone in the denominator.
    const flushed = vNew < 2 * FLUSH ? ((learningRate / correction1) * Math.abs(mNew)) / epsilon : 0;
    out.param.tolerance[i] =
      Math.abs(update) * relative +
      ((learningRate / correction1) * mError) / denominator +
      2 * U * Math.abs(param[i]!) +
      flushed +
      FLUSH;
  }
  return out;
}

/** How far the factor of an update, and its denominator, may be off in step t, relative to the update. */
export function updateError(t: number, beta1: number, beta2: number): number {
  // 1 − β^t as the kernel computes it: a series near 0, else 1 − exp(x), whose error grows by e^x / (1 − e^x).
  const correctionError = (beta: number): number => {
    const x = t * Math.log(beta);
    return 8 * U + (x > -0.5 ? 0 : (Math.exp(x) / (1 - Math.exp(x))) * expError(x));
  };
  return correctionError(beta1) + correctionError(beta2) + 24 * U;
}
