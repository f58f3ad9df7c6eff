import type { Dispatch } from '../gpu/kernel.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { elementwise, expectSameShape } from './elementwise.ts';

/**
 * gradient = 0 where `out`, the output of a ReLU, is not positive, in place: for gradients whose own kernel does not do it. Both
 * f32 of one shape. Updates `gradient`.
 * @throws RangeError if the shapes differ
 */
export function maskGradient(pool: BufferPool, out: Tensor, gradient: Tensor): Dispatch {
  expectSameShape('maskGradient', { out, gradient });
  const label = `${gradient.label}, masked`;
  return elementwise(pool, label, gradient.shape, ['gradient_mask.wgsl'], { out, gradient });
}
