import type { Tensor } from '../gpu/tensor.ts';
import { type StepSchedule, stepFactor, type WeightOptions } from '../kernels/step-schedule.ts';

/** What multiplies a term of the loss: a number, or one that a schedule changes from step to step, on the GPU. */
export type Weight = number | { readonly value: number; readonly schedule: StepSchedule };

/** The weight in the step that follows `done` finished ones. */
export function weightAt(weight: Weight, done: number): number {
  return typeof weight === 'number' ? weight : weight.value * stepFactor(weight.schedule, done);
}

/** The weight that a schedule leads to. */
export function fullWeight(weight: Weight): number {
  return typeof weight === 'number' ? weight : weight.value;
}

/** The weight as the kernels take it. */
export function weightOptions(weight: Weight, state: Tensor): WeightOptions {
  return typeof weight === 'number' ? { weight } : { weight: weight.value, schedule: { kind: weight.schedule, state } };
}
