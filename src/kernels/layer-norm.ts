import { createDispatch, type Dispatch, linearWorkgroups } from '../gpu/kernel.ts';
import type { Command } from '../gpu/schedule.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { type SinkOptions, sink, sumWorkgroup } from './elementwise.ts';
import { packagedKernel } from './shaders.ts';
import { expectShape } from './shape.ts';

/** Columns whose parameters' gradients a workgroup adds up. */
const COLUMNS = 16;

/** What torch.nn.LayerNorm adds to the variance. */
export const LAYER_NORM_EPSILON = 1e-5;

/**
 * out = (inp − mean) rstd · weight + bias, with the mean of each row and rstd = 1 / √(its biased variance + epsilon).
 * `inp`, `out` (R, C), `weight`, `bias` (C), `mean`, `rstd` (R), all f32. Overwrites `out`, `mean` and `rstd`, which the backward
 * pass reads. A NaN makes its row NaN. Ba et al. 2016, "Layer normalization".
 * @throws RangeError if a shape does not fit
 */
export function layerNormForward(
  pool: BufferPool,
  tensors: { inp: Tensor; weight: Tensor; bias: Tensor; out: Tensor; mean: Tensor; rstd: Tensor },
  { label = 'layer norm', epsilon = LAYER_NORM_EPSILON }: { label?: string; epsilon?: number } = {},
): Dispatch {
  const operation = 'layerNormForward';
  const { inp, weight, bias, out, mean, rstd } = tensors;
  const [R, C] = inp.shape as [number, number];
  expectShape(operation, 'inp', inp, { R, C });
  expectShape(operation, 'out', out, { R, C });
  for (const [name, tensor] of Object.entries({ weight, bias })) expectShape(operation, name, tensor, { C });
  for (const [name, tensor] of Object.entries({ mean, rstd })) expectShape(operation, name, tensor, { R });
  const files = ['elementwise.wgsl', 'workgroup_sum.wgsl', 'layer_norm.wgsl'];
  const kernel = packagedKernel(pool.device, files, { WORKGROUP_SIZE: sumWorkgroup(pool.device, C) });
  const params = { rows: R, columns: C, epsilon };
  return createDispatch(pool, label, kernel, tensors, params, linearWorkgroups(pool.device, R, 1));
}

/**
 * Gradients of `layerNormForward`, in two dispatches, or one without `dinp`: with n = (inp − mean) rstd, g = dout · weight and
 * means over the row, dinp = rstd (g − mean(g) − n mean(g n)); dweight = Σ over the rows of dout n, dbias = Σ dout, in a fixed order.
 * `dout`, `inp`, `dinp`, `mask` (R, C), `weight`, `dweight`, `dbias` (C), `mean`, `rstd` (R), all f32. Overwrites `dinp`, or adds to it
 * with `accumulate`; with `mask`, the ReLU output that `inp` is, 0 where that is not positive. Overwrites `dweight` and `dbias`, or
 * adds to them with `accumulateWeight` and `accumulateBias`.
 * @throws RangeError if a shape does not fit
 */
export function layerNormBackward(
  pool: BufferPool,
  tensors: {
    dout: Tensor;
    inp: Tensor;
    weight: Tensor;
    mean: Tensor;
    rstd: Tensor;
    dweight: Tensor;
    dbias: Tensor;
    dinp?: Tensor | undefined;
    mask?: Tensor | undefined;
  },
  options: SinkOptions & { accumulateWeight?: boolean; accumulateBias?: boolean } = {},
): Command[] {
  const operation = 'layerNormBackward';
  const { dout, inp, weight, mean, rstd, dweight, dbias, dinp, mask } = tensors;
  const [R, C] = inp.shape as [number, number];
  expectShape(operation, 'inp', inp, { R, C });
  expectShape(operation, 'dout', dout, { R, C });
  for (const [name, tensor] of Object.entries({ weight, dweight, dbias })) expectShape(operation, name, tensor, { C });
  for (const [name, tensor] of Object.entries({ mean, rstd })) expectShape(operation, name, tensor, { R });
  const { label = 'layer norm backward', accumulateWeight = false, accumulateBias = false } = options;
  const sizes = { rows: R, columns: C };
  const parameters = createDispatch(
    pool,
    dinp ? `${label}, weight` : label,
    packagedKernel(pool.device, ['layer_norm_backward_weight.wgsl']),
    { dout, inp, mean, rstd, dweight, dbias },
    { ...sizes, accumulate_weight: Number(accumulateWeight), accumulate_bias: Number(accumulateBias) },
    [Math.ceil(C / COLUMNS), 1, 1],
  );
  if (!dinp) return [parameters];
  expectShape(operation, 'dinp', dinp, { R, C });
  const into = sink(operation, { dinp, mask }, inp, options);
  const files = ['elementwise.wgsl', 'element_scalar.wgsl', 'sink.wgsl', 'workgroup_sum.wgsl'];
  const input = createDispatch(
    pool,
    `${label}, input`,
    packagedKernel(pool.device, [...files, 'layer_norm_backward_input.wgsl'], {
      WORKGROUP_SIZE: sumWorkgroup(pool.device, C),
    }),
    { dout, inp, weight, mean, rstd, ...into.tensors },
    { ...sizes, ...into.params },
    linearWorkgroups(pool.device, R, 1),
  );
  return [parameters, input];
}
