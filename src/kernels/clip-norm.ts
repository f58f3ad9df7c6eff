import { createDispatch, linearWorkgroups } from '../gpu/kernel.ts';
import type { Command } from '../gpu/schedule.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { packagedKernel } from './shaders.ts';
import { expectShape } from './shape.ts';

const WORKGROUP_SIZE = 256;
const VEC4S_PER_THREAD = 16;

/** How many partial sums `clipNorm` needs for P gradients: one per workgroup. */
export function clipNormParts(P: number): number {
  return Math.ceil(P / 4 / (WORKGROUP_SIZE * VEC4S_PER_THREAD));
}

/**
 * What all gradients must be multiplied by so that the norm of all of them together is at most `maxNorm`:
 * clip = (min(1, maxNorm / (norm + 1e-6)), norm), as torch.nn.utils.clip_grad_norm_ has it (Pascanu et al. 2013, "On the difficulty
 * of training recurrent neural networks"). Two dispatches; the sums have a fixed order. `adamW` multiplies.
 * `grad` (P) f32, P a multiple of 4, gaps between parameters 0; `squares` (clipNormParts) and `clip` (2) f32. Overwrites both.
 * A norm that is not finite is the factor too, so that `adamW` notices.
 * @throws RangeError if a shape does not fit, or `maxNorm` is not positive
 */
export function clipNorm(
  pool: BufferPool,
  tensors: { grad: Tensor; squares: Tensor; clip: Tensor },
  { maxNorm }: { maxNorm: number },
): Command[] {
  const { grad, squares, clip } = tensors;
  const P = grad.shape[0]!;
  const parts = clipNormParts(P);
  if (!(maxNorm > 0 && Number.isFinite(maxNorm))) {
    throw new RangeError(`clipNorm: maxNorm is ${maxNorm}, expected a positive number`);
  }
  if (P % 4 !== 0) throw new RangeError(`clipNorm: grad has ${P} elements, expected a multiple of 4: pad it`);
  expectShape('clipNorm', 'squares', squares, { parts });
  expectShape('clipNorm', 'clip', clip, { 'factor and norm': 2 });
  const first = packagedKernel(pool.device, ['elementwise.wgsl', 'workgroup_sum.wgsl', 'grad_squares.wgsl'], {
    WORKGROUP_SIZE,
  });
  const second = packagedKernel(pool.device, ['workgroup_sum.wgsl', 'clip_norm.wgsl'], { WORKGROUP_SIZE });
  return [
    createDispatch(
      pool,
      'clip norm, squares',
      first,
      { grad, squares },
      { vec4s: P / 4 },
      linearWorkgroups(pool.device, parts, 1),
    ),
    createDispatch(pool, 'clip norm', second, { squares, clip }, { parts, max_norm: maxNorm }, [1, 1, 1]),
  ];
}
