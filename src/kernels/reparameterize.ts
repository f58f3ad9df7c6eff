import { createDispatch, type Dispatch, linearWorkgroups } from '../gpu/kernel.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { packagedKernel } from './shaders.ts';
import { expectShape } from './shape.ts';
import { isConstant, type StepSchedule, scaleOf } from './step-schedule.ts';

const WORKGROUP_SIZE = 64;

/** Streams of random numbers that never meet: part of the generator's counter. */
export const NOISE_STREAMS = {
  train: 0,
  evaluate: 1,
  sample: 2,
  initialize: 3,
  binarize: 4,
  binarizeEvaluation: 5,
  binarizeStatic: 6,
} as const;

/**
 * Where ε comes from: drawn on the GPU from (seed, stream, step, element); `'zero'`, so that z = μ; or a given
 * tensor (steps, B, L) f32, to replay a run whose noise was drawn elsewhere.
 */
export type Noise = { seed: number; stream: number } | 'zero' | Tensor;

export function noiseFiles(noise: Noise): string[] {
  if (noise === 'zero') return ['noise_zero.wgsl'];
  return 'seed' in noise ? ['philox.wgsl', 'normal.wgsl', 'noise_philox.wgsl'] : ['noise_given.wgsl'];
}

export function noiseParams(noise: Noise): { seed: number; stream: number } {
  return noise !== 'zero' && 'seed' in noise ? noise : { seed: 0, stream: 0 };
}

export function noiseTensors(noise: Noise): Record<string, Tensor> {
  return noise !== 'zero' && 'buffer' in noise ? { eps: noise } : {};
}

/**
 * z = μ + exp(log σ² / 2) ε, and the KL divergence from N(0, I) term by term, −½ (1 + log σ² − μ² − σ²), in nats.
 * `heads` (B, 2 L) f32: μ, then log σ²; `state` (4) u32; `z` and `kld` (B, L) f32. Overwrites both.
 * Kingma & Welling 2014, section 2.4 and appendix B.
 * @throws RangeError if a shape does not fit
 */
export function reparameterize(
  pool: BufferPool,
  tensors: { heads: Tensor; state: Tensor; z: Tensor; kld: Tensor },
  noise: Noise,
): Dispatch {
  const { heads, state, z, kld } = tensors;
  const [B, L] = z.shape as [number, number];
  expectShape('reparameterize', 'heads', heads, { B, '2L': 2 * L });
  expectShape('reparameterize', 'kld', kld, { B, L });
  const kernel = packagedKernel(
    pool.device,
    ['elementwise.wgsl', 'state.wgsl', ...noiseFiles(noise), 'reparameterize.wgsl'],
    { WORKGROUP_SIZE },
  );
  const params = { batch: B, latent: L, ...noiseParams(noise) };
  const workgroups = linearWorkgroups(pool.device, B * L, WORKGROUP_SIZE);
  return createDispatch(
    pool,
    'reparameterize',
    kernel,
    { heads, state, z, kld, ...noiseTensors(noise) },
    params,
    workgroups,
  );
}

/** How the weight of the KL divergence may differ from β. */
export interface KlOptions {
  /** β changes from step to step: β times the schedule's factor in step `state.step`. */
  schedule?: StepSchedule | undefined;
  /** (L) f32 from `freeBits`: 1 for a latent dimension whose KL divergence counts, 0 for one whose does not. */
  counted?: Tensor | undefined;
}

/**
 * Backward of `reparameterize` and of β KL, both as means over the batch:
 * dμ = dz + β μ / B; dlog σ² = dz ε σ / 2 + β (σ² − 1) / (2 B). The noise must be the forward pass's.
 * `heads` and `dheads` (B, 2 L), `dz` (B, L), already divided by B. Overwrites `dheads`.
 *
 * @param kl where β is not the same number in every step and dimension; without, one kernel with one number
 * @throws RangeError if a shape does not fit
 */
export function reparameterizeBackward(
  pool: BufferPool,
  tensors: { heads: Tensor; state: Tensor; dz: Tensor; dheads: Tensor },
  noise: Noise,
  beta: number,
  kl: KlOptions = {},
): Dispatch {
  const { heads, state, dz, dheads } = tensors;
  const [B, L] = dz.shape as [number, number];
  expectShape('reparameterizeBackward', 'heads', heads, { B, '2L': 2 * L });
  expectShape('reparameterizeBackward', 'dheads', dheads, { B, '2L': 2 * L });
  const weighted = weightedKl(L, state, kl);
  const kernel = packagedKernel(
    pool.device,
    [
      'elementwise.wgsl',
      'state.wgsl',
      ...noiseFiles(noise),
      ...(weighted?.files ?? []),
      weighted ? 'reparameterize_backward_weighted.wgsl' : 'reparameterize_backward.wgsl',
    ],
    { WORKGROUP_SIZE, ...weighted?.constants },
  );
  const scale = beta / B;
  const params = { batch: B, latent: L, ...noiseParams(noise), ...(weighted ? { scale } : { kl_scale: scale }) };
  const workgroups = linearWorkgroups(pool.device, B * L, WORKGROUP_SIZE);
  const resources = { heads, state, dz, dheads, ...noiseTensors(noise), ...weighted?.tensors };
  return createDispatch(pool, 'reparameterize backward', kernel, resources, params, workgroups);
}

/** Files, constants and bindings of a weight that depends on the step or the dimension; nothing if it does not. */
function weightedKl(L: number, state: Tensor, { schedule, counted }: KlOptions) {
  if (counted) expectShape('reparameterizeBackward', 'counted', counted, { L });
  if (!counted && isConstant(schedule)) return undefined;
  const scale = scaleOf({ schedule: schedule && { kind: schedule, state } });
  // This kernel has state.wgsl already.
  const files = [...scale.files.filter((file) => file !== 'state.wgsl'), counted ? 'kl_counted.wgsl' : 'kl_all.wgsl'];
  return { files, constants: scale.constants, tensors: { ...scale.tensors, ...(counted && { counted }) } };
}
