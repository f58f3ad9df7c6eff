import { createDispatch, type Dispatch, linearWorkgroups } from '../gpu/kernel.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { packagedKernel } from './shaders.ts';
import { expectShape } from './shape.ts';

const WORKGROUP_SIZE = 64;

/**
 * Free bits: loss = Σ over the latent dimensions j of max(floor, KL_j), with KL_j the mean over the batch of `kld`'s column j, so that
 * no dimension is pressed below `floor` nats (Kingma et al. 2016, "Improving variational inference with inverse autoregressive
 * flow", with every dimension a group of its own). Goes between `reparameterize`, which writes `kld`, and
 * `reparameterizeBackward`, which takes `counted`. One dispatch; the sums have a fixed order.
 * `kld` (B, L), `terms` and `counted` (L), f32. Overwrites both: Σ `terms` / B is the loss; `counted` is 1 where KL_j > floor, else 0.
 * NaN passes through.
 *
 * @param options.floor in nats per dimension
 * @throws RangeError if a shape does not fit, or the floor is negative
 */
export function freeBits(
  pool: BufferPool,
  tensors: { kld: Tensor; terms: Tensor; counted: Tensor },
  { floor, label = 'free bits' }: { floor: number; label?: string },
): Dispatch {
  const { kld, terms, counted } = tensors;
  const [B, L] = kld.shape as [number, number];
  if (!(floor >= 0 && Number.isFinite(floor))) {
    throw new RangeError(`freeBits: floor is ${floor}, expected nats from 0`);
  }
  expectShape('freeBits', 'kld', kld, { B, L });
  expectShape('freeBits', 'terms', terms, { L });
  expectShape('freeBits', 'counted', counted, { L });
  const files = ['elementwise.wgsl', 'workgroup_sum.wgsl', 'free_bits.wgsl'];
  const kernel = packagedKernel(pool.device, files, { WORKGROUP_SIZE });
  const params = { batch: B, latent: L, floor };
  return createDispatch(pool, label, kernel, tensors, params, linearWorkgroups(pool.device, L, 1));
}
