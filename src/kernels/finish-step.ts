import { createDispatch, type Dispatch } from '../gpu/kernel.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { packagedKernel } from './shaders.ts';
import { expectShape } from './shape.ts';

/** Bits of `StepState.halted`, as state.wgsl has them. */
export const HALTED = 1;
/** Adam has made a value that is not finite in step number `step`, which is the last one done. */
export const OVERFLOWED = 2;

/**
 * The step's state on the GPU, as the WGSL struct `State` lays it out: steps done; epoch and position of the next batch's
 * first sample; why no further step is done, 0 while they are: HALTED alone after a non-finite loss.
 */
export interface StepState {
  step: number;
  epoch: number;
  position: number;
  halted: number;
}

export function packState({ step, epoch, position, halted }: StepState): Uint32Array<ArrayBuffer> {
  return new Uint32Array([step, epoch, position, halted]);
}

export function unpackState(words: Uint32Array): StepState {
  return { step: words[0]!, epoch: words[1]!, position: words[2]!, halted: words[3]! };
}

/** As many terms of the loss as finish_step.wgsl has bindings for. */
export const MOST_TERMS = 4;

/**
 * Adds up the loss terms in a fixed order, losses[step mod capacity, i] = Σ terms[i] / B, and advances the state by one step of B
 * samples; on a non-finite loss, or after an overflow in Adam, sets HALTED instead.
 * `terms` one to four tensors f32 of any shape; `state` (4) u32, `losses` (capacity, T) f32.
 *
 * @param sizes.count N, images in an epoch
 * @throws RangeError if there is no term or more than four, or `losses` has another number of columns
 */
export function finishStep(
  pool: BufferPool,
  { terms, state, losses }: { terms: readonly Tensor[]; state: Tensor; losses: Tensor },
  sizes: { batch: number; count: number },
): Dispatch {
  const T = terms.length;
  if (T < 1 || T > MOST_TERMS) throw new RangeError(`finishStep: ${T} loss terms, expected 1 to ${MOST_TERMS}`);
  const [capacity] = losses.shape as [number];
  expectShape('finishStep', 'losses', losses, { capacity, T });
  const counts = [0, 1, 2, 3].map((i) => (terms[i]?.sizeBytes ?? 0) / 4);
  const params = {
    terms: T,
    count_0: counts[0]!,
    count_1: counts[1]!,
    count_2: counts[2]!,
    count_3: counts[3]!,
    batch: sizes.batch,
    count: sizes.count,
    capacity,
  };
  // A binding needs some tensor, also where there is no term.
  const [first] = terms as [Tensor];
  const [term_0, term_1, term_2, term_3] = [first, terms[1] ?? first, terms[2] ?? first, terms[3] ?? first];
  const kernel = packagedKernel(pool.device, ['state.wgsl', 'finish_step.wgsl']);
  const tensors = { term_0, term_1, term_2, term_3, state, losses };
  return createDispatch(pool, 'finish step', kernel, tensors, params, [1, 1, 1]);
}
