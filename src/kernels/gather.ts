import { createDispatch, type Dispatch, linearWorkgroups } from '../gpu/kernel.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { packagedKernel } from './shaders.ts';
import { expectIndices } from './shape.ts';

const WORKGROUP_SIZE = 64;
const PIXELS_PER_THREAD = 16;

/** Images of one byte per pixel, packed into u32 words, on the GPU. */
export interface PackedImages {
  /** (words) u32. */
  words: Tensor;
  /** N. */
  count: number;
  /** D, pixels of an image. */
  imageSize: number;
}

/**
 * Uploads images; the only time that they cross to the GPU.
 * @param images (N, D) u8, row-major
 */
export function packImages(pool: BufferPool, label: string, images: Uint8Array, imageSize: number): PackedImages {
  const count = images.length / imageSize;
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(
      `packImages: ${label} has ${images.length} bytes, expected a positive multiple of D=${imageSize}`,
    );
  }
  // One more word than there are bytes for: an image that is not word-aligned reads across its end.
  const padded = new Uint8Array((Math.ceil(images.length / 4) + 1) * 4);
  padded.set(images);
  const words = pool.tensor(label, [padded.length / 4], { dtype: 'u32', data: padded });
  return { words, count, imageSize };
}

/** Half the bits of the shuffle's Feistel network: the smallest h >= 1 with 4^h >= count. */
function shuffleHalfBits(count: number): number {
  let halfBits = 1;
  while (4 ** halfBits < count) halfBits++;
  return halfBits;
}

/**
 * x[i] = images[sample(state.position + i)] / 255.
 * `x` (B, D) f32; `state` (4) u32. With `shuffle`, every image is seen once per epoch in an order that the seed and the
 * epoch give; without, in its own order. Wraps round at the end of an epoch. Overwrites `x`.
 *
 * @param options.binarize x = 1 with that probability, else 0, drawn from (seed, stream, step, pixel): anew in every step, the
 * same bits on every adapter; Burda et al. 2016, "Importance weighted autoencoders", section 5.1
 */
export function gather(
  pool: BufferPool,
  images: PackedImages,
  tensors: { state: Tensor; x: Tensor },
  options: { shuffle: boolean; seed: number; binarize?: { stream: number } | undefined },
): Dispatch {
  const { binarize } = options;
  const { x, state } = tensors;
  const [batch, imageSize] = x.shape as [number, number];
  if (imageSize !== images.imageSize) {
    throw new RangeError(`gather: x is (${batch}, ${imageSize}), expected (B, D=${images.imageSize})`);
  }
  const params = {
    batch,
    image_size: imageSize,
    count: images.count,
    half_bits: options.shuffle ? shuffleHalfBits(images.count) : 0,
    seed: options.seed,
    ...binarize,
  };
  const pixels = imageSize % 4 === 0 ? 'pixels_vec4.wgsl' : 'pixels_scalar.wgsl';
  const own = binarize ? ['philox.wgsl', 'gather_binarized.wgsl'] : ['gather.wgsl'];
  const files = ['elementwise.wgsl', 'shuffle.wgsl', 'state.wgsl', ...own, pixels];
  const kernel = packagedKernel(pool.device, files, { WORKGROUP_SIZE });
  const threads = batch * Math.ceil(imageSize / PIXELS_PER_THREAD);
  const workgroups = linearWorkgroups(pool.device, threads, WORKGROUP_SIZE);
  return createDispatch(pool, 'gather', kernel, { images: images.words, state, x }, params, workgroups);
}

/**
 * out[i] = labels[sample(state.position + i)]: the labels of the images that `gather` takes with the same options.
 * `labels` (N) u32, `state` (4) u32, `out` (B) u32. Overwrites `out`.
 * @throws RangeError if a tensor is not u32
 */
export function gatherLabels(
  pool: BufferPool,
  tensors: { labels: Tensor; state: Tensor; out: Tensor },
  options: { shuffle: boolean; seed: number },
): Dispatch {
  const { labels, out } = tensors;
  for (const [name, tensor] of Object.entries({ labels, out })) expectIndices('gatherLabels', name, tensor);
  const batch = out.shape[0]!;
  const count = labels.shape[0]!;
  const half_bits = options.shuffle ? shuffleHalfBits(count) : 0;
  const files = ['elementwise.wgsl', 'shuffle.wgsl', 'state.wgsl', 'gather_labels.wgsl'];
  const kernel = packagedKernel(pool.device, files, { WORKGROUP_SIZE });
  const workgroups = linearWorkgroups(pool.device, batch, WORKGROUP_SIZE);
  const params = { batch, count, half_bits, seed: options.seed };
  return createDispatch(pool, 'gather labels', kernel, tensors, params, workgroups);
}
