import { createDispatch, type Dispatch, linearWorkgroups } from '../gpu/kernel.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { packagedKernel } from './shaders.ts';
import { expectShape } from './shape.ts';

const WORKGROUP_SIZE = 256;
/** Where threads are slow to begin. */
const MOST_VEC4S_PER_THREAD = 4;

export interface AdamConfig {
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
}

/** The defaults of the paper and of torch.optim.Adam. */
export const ADAM_DEFAULTS: AdamConfig = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** The fields of the uniform, whose numbers come from f64. */
export function adamParams(P: number, { learningRate, beta1, beta2, epsilon }: AdamConfig): Record<string, number> {
  return {
    vec4s: P / 4,
    learning_rate: learningRate,
    beta1,
    beta2,
    one_minus_beta1: 1 - beta1,
    one_minus_beta2: 1 - beta2,
    log_beta1: Math.log(beta1),
    log_beta2: Math.log(beta2),
    epsilon,
  };
}

/** Vec4s that a thread updates on the pool's device. */
export function adamVec4sPerThread({ device }: BufferPool): number {
  return device.capabilities.slowThreads ? MOST_VEC4S_PER_THREAD : 1;
}

/**
 * One step of Adam over all parameters: Kingma & Ba 2015, algorithm 1, with t = `state.step`, which is 1 in the first
 * step (the step has been counted when Adam runs). Does nothing while HALTED is set in `state.halted`. Where a new value
 * of `v` or `param` is not finite it is written as the others are, and sets OVERFLOWED for the steps that follow.
 * `grad`, `param`, `m`, `v` (P) f32, P a multiple of 4; `state` (4) u32. Updates `param`, `m`, `v` and `state.halted`.
 * @throws RangeError if a shape does not fit
 */
export function adam(
  pool: BufferPool,
  tensors: { grad: Tensor; state: Tensor; param: Tensor; m: Tensor; v: Tensor },
  config: AdamConfig,
): Dispatch {
  const P = tensors.param.shape[0]!;
  if (P % 4 !== 0) throw new RangeError(`adam: param has ${P} elements, expected a multiple of 4: pad it`);
  for (const name of ['grad', 'm', 'v'] as const) expectShape('adam', name, tensors[name], { P });
  const VEC4S_PER_THREAD = adamVec4sPerThread(pool);
  const kernel = packagedKernel(pool.device, ['elementwise.wgsl', 'state.wgsl', 'adam.wgsl'], {
    WORKGROUP_SIZE,
    VEC4S_PER_THREAD,
  });
  const threads = Math.ceil(P / 4 / VEC4S_PER_THREAD);
  const workgroups = linearWorkgroups(pool.device, threads, WORKGROUP_SIZE);
  return createDispatch(pool, 'adam', kernel, tensors, adamParams(P, config), workgroups);
}
