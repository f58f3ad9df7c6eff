import { createDispatch, createKernel, type Dispatch } from '../gpu/kernel.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';

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

/**
 * Adds up the loss terms in a fixed order, losses[step mod capacity] = (Σ bce / B, Σ kld / B) in nats per image,
 * and advances the state by one step of B samples; on a non-finite loss, or after an overflow in Adam, sets HALTED instead.
 * `bce` (any), `kld` (B, L), `state` (4) u32, `losses` (capacity, 2) f32.
 *
 * @param count N, images in an epoch
 */
export function finishStep(
  pool: BufferPool,
  tensors: { bce: Tensor; kld: Tensor; state: Tensor; losses: Tensor },
  sizes: { batch: number; count: number },
): Dispatch {
  const { bce, kld, state, losses } = tensors;
  const params = {
    bce_terms: bce.sizeBytes / 4,
    kld_terms: kld.sizeBytes / 4,
    batch: sizes.batch,
    count: sizes.count,
    capacity: losses.shape[0]!,
  };
  const kernel = createKernel(pool.device, ['state.wgsl', 'finish_step.wgsl']);
  return createDispatch(pool, 'finish step', kernel, { bce, kld, state, losses }, params, [1, 1, 1]);
}
