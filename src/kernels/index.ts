/**
 * Kernels of your own: WGSL, bound by the names that it gives its bindings.
 *
 * @packageDocumentation
 */
export type { Kernel, WgslModule } from '../gpu/compile.ts';
export type { Device } from '../gpu/device.ts';
export { createDispatch, createKernel, type Dispatch, linearWorkgroups } from '../gpu/kernel.ts';
export type { Command, Schedule } from '../gpu/schedule.ts';
export { Stopwatch } from '../gpu/stopwatch.ts';
export { BufferPool, download, downloadU32, elementCount, type Tensor, upload } from '../gpu/tensor.ts';
export {
  type DenseProblem,
  defaultVariant,
  GEMM_VARIANTS,
  type GemmVariant,
  problemKey,
  stepFlops,
  supportedVariants,
  type VariantChoice,
} from './gemm.ts';
export { ruleOf, type VariantRule } from './gemm-variants.ts';
export { shaderModules } from './library.ts';
export type { TunedProblem, Tuning } from './tune.ts';
