import type { AdamConfig } from '../../kernels/adam.ts';
import type { StepSchedule } from '../../kernels/step-schedule.ts';
import { type Expected, FLUSH, U } from '../check.ts';
import { updateError } from './adam.ts';
import { SCHEDULE_ERROR, scheduleFactor } from './step-schedule.ts';

type Values = ArrayLike<number>;

/** What a step starts from and leaves, with how far f32 may be off by then. All (P). */
export interface OptimizerState {
  param: Expected;
  m: Expected;
  v: Expected;
}

/** The norm of all gradients, and min(1, maxNorm / (norm + 1e-6)). P squares, their sum, a root and a division. */
export function clipNorm(grad: Values, maxNorm: number): { clip: Expected; relative: number } {
  let squares = 0;
  for (let i = 0; i < grad.length; i++) squares += grad[i]! ** 2;
  const norm = Math.sqrt(squares);
  const relative = (grad.length / 2 + 8) * U;
  const factor = Math.min(1, maxNorm / (norm + 1e-6));
  return {
    clip: {
      values: Float64Array.of(factor, norm),
      tolerance: Float64Array.of(relative * factor, relative * norm + FLUSH),
    },
    relative,
  };
}

/**
 * One step of AdamW (Loshchilov & Hutter 2019, algorithm 2) in float64, t from 1, with what the errors of the steps before come to.
 * `decay` (P): one for every parameter.
 */
export function adamW(
  before: OptimizerState,
  grad: Values,
  decay: Values,
  t: number,
  options: AdamConfig & { schedule: StepSchedule; maxNorm: number | undefined },
): OptimizerState {
  const { learningRate, beta1, beta2, epsilon, schedule, maxNorm } = options;
  const P = before.param.values.length;
  const make = (): Expected => ({ values: new Float64Array(P), tolerance: new Float64Array(P) });
  const after = { param: make(), m: make(), v: make() };
  const clipping = maxNorm === undefined ? undefined : clipNorm(grad, maxNorm);
  const gError = clipping ? clipping.relative + 2 * U : 0;
  const rate = learningRate * scheduleFactor(schedule, t - 1);
  const rateError = SCHEDULE_ERROR + 4 * U;
  const [correction1, correction2] = [1 - beta1 ** t, 1 - beta2 ** t];
  const relative = updateError(t, beta1, beta2);
  for (let i = 0; i < P; i++) {
    const g = grad[i]! * (clipping?.clip.values[0] ?? 1);
    const [param, m, v] = [before.param.values[i]!, before.m.values[i]!, before.v.values[i]!];
    const mNew = beta1 * m + (1 - beta1) * g;
    const vNew = beta2 * v + (1 - beta2) * g * g;
    const mError =
      beta1 * before.m.tolerance[i]! +
      (1 - beta1) * Math.abs(g) * gError +
      4 * U * (Math.abs(beta1 * m) + Math.abs((1 - beta1) * g)) +
      FLUSH;
    const vError = beta2 * before.v.tolerance[i]! + (1 - beta2) * g * g * 2 * gError + 6 * U * vNew + FLUSH;
    const denominator = Math.sqrt(vNew / correction2) + epsilon;
    const update = (rate / correction1) * (mNew / denominator);
    const shrink = rate * decay[i]! * param;
    // √ halves the relative error of v; where v is all error, the whole update may be.
    const fromV = vNew > 0 ? Math.min(1, (0.5 * vError) / vNew) : 0;
    after.m.values[i] = mNew;
    after.m.tolerance[i] = mError;
    after.v.values[i] = vNew;
    after.v.tolerance[i] = vError;
    after.param.values[i] = param - shrink - update;
    after.param.tolerance[i] =
      before.param.tolerance[i]! +
      Math.abs(update) * (relative + rateError + fromV) +
      ((rate / correction1) * mError) / denominator +
      Math.abs(shrink) * (rateError + 4 * U) +
      2 * U * (Math.abs(param) + Math.abs(shrink) + Math.abs(update)) +
      FLUSH;
  }
  return after;
}
