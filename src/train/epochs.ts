import type { StepState } from '../kernels/finish-step.ts';

/** How many images there are and how many a step takes: all that the order of steps and epochs depends on. */
export interface StepSizes {
  /** N, training images. */
  count: number;
  /** B, images of a step. */
  batch: number;
}

/** Steps after which `epoch` epochs are done: epoch N / B, rounded up. */
export function epochEnd(epoch: number, { count, batch }: StepSizes): number {
  return Math.ceil((epoch * count) / batch);
}

/** The epoch, from 1, whose end comes next after `step` steps. */
export function epochOf(step: number, sizes: StepSizes): number {
  let epoch = Math.max(1, Math.floor((step * sizes.batch) / sizes.count));
  while (epochEnd(epoch, sizes) <= step) epoch++;
  return epoch;
}

/** What the GPU's state is after `step` steps, however it came there. */
export function stateAfter(step: number, { count, batch }: StepSizes): StepState {
  // step B passes 2^53 in long runs, and the state wraps where u32 does.
  const samples = BigInt(step) * BigInt(batch);
  return {
    step,
    epoch: Number(BigInt.asUintN(32, samples / BigInt(count))),
    position: Number(samples % BigInt(count)),
    halted: 0,
  };
}
