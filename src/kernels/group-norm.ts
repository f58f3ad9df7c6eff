import type { Device } from '../gpu/device.ts';
import { createDispatch, type Dispatch, linearWorkgroups } from '../gpu/kernel.ts';
import type { Command } from '../gpu/schedule.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { elementsOf, elementwise, type SinkOptions, sink, sumWorkgroup } from './elementwise.ts';
import { packagedKernel } from './shaders.ts';
import { expectShape } from './shape.ts';

/** What torch.nn.GroupNorm adds to the variance. */
export const GROUP_NORM_EPSILON = 1e-5;

/** The function that follows in the same kernel, and its files. */
const FILES = { none: ['identity.wgsl'], silu: ['logistic.wgsl', 'silu.wgsl'] } as const;

export type GroupNormActivation = keyof typeof FILES;

interface Options {
  groups: number;
  /** Default `none`. */
  activation?: GroupNormActivation;
}

/** @throws RangeError unless C channels can be divided into so many groups */
export function expectGroups(operation: string, C: number, groups: number): void {
  if (Number.isInteger(groups) && groups >= 1 && C % groups === 0) return;
  throw new RangeError(`${operation}: groups is ${String(groups)}, expected a divisor of the ${C} channels`);
}

/** The sizes of a problem, in Elements as the kernels count them. */
function sizesOf(device: Device, operation: string, inp: Tensor, groups: number) {
  const [B, H, W, C] = inp.shape as [number, number, number, number];
  expectShape(operation, 'inp', inp, { B, H, W, C });
  expectGroups(operation, C, groups);
  const { file, width } = elementsOf(inp.shape, C / groups);
  const pixels = H * W;
  const numbers = (pixels * C) / groups;
  const inGroup = C / groups / width;
  const threads = sumWorkgroup(device, pixels * inGroup);
  const steps = { step_pixels: Math.floor(threads / inGroup), step_columns: threads % inGroup };
  return { B, H, W, C, G: groups, file, pixels, columns: C / width, width: inGroup, numbers, threads, steps };
}

/**
 * out = f((inp − mean) rstd · weight + bias), with mean and rstd = 1 / √(biased variance + epsilon) over the pixels of an image and the
 * C / G channels of a group, and f the activation.
 * `inp`, `out` (B, H, W, C), `weight`, `bias` (C), `moments` (B, G, 2), mean and rstd, all f32. Overwrites `out` and `moments`, which
 * the backward pass reads. A NaN makes its group NaN. Wu & He 2018, "Group normalization".
 * @throws RangeError if a shape does not fit
 */
export function groupNormForward(
  pool: BufferPool,
  tensors: { inp: Tensor; weight: Tensor; bias: Tensor; out: Tensor; moments: Tensor },
  options: Options & { label?: string; epsilon?: number },
): Dispatch {
  const operation = 'groupNormForward';
  const { label = 'group norm', groups, activation = 'none', epsilon = GROUP_NORM_EPSILON } = options;
  const { inp, weight, bias, out, moments } = tensors;
  const { B, H, W, C, G, file, pixels, columns, width, numbers, threads, steps } = sizesOf(
    pool.device,
    operation,
    inp,
    groups,
  );
  expectShape(operation, 'out', out, { B, H, W, C });
  expectShape(operation, 'moments', moments, { B, G, pair: 2 });
  for (const [name, tensor] of Object.entries({ weight, bias })) expectShape(operation, name, tensor, { C });
  const files = [
    'elementwise.wgsl',
    file,
    'group_elements.wgsl',
    'workgroup_sum.wgsl',
    ...FILES[activation],
    'group_norm.wgsl',
  ];
  const kernel = packagedKernel(pool.device, files, { WORKGROUP_SIZE: threads });
  const params = { groups: G, images: B, pixels, columns, width, numbers, ...steps, epsilon };
  return createDispatch(pool, label, kernel, tensors, params, linearWorkgroups(pool.device, B * G, 1));
}

/**
 * Gradients of `groupNormForward`, in three dispatches, or two without `dinp`: with n = (inp − mean) rstd, d = dout f′(n · weight + bias),
 * g = d · weight and means over the group, dinp = rstd (g − mean(g) − n mean(g n)); dweight = Σ over images and pixels of d n,
 * dbias = Σ d, in a fixed order.
 * `dout`, `inp`, `dinp`, `mask` (B, H, W, C), `weight`, `bias`, `dweight`, `dbias` (C), `moments` (B, G, 2), all f32. Overwrites `dinp`,
 * or adds to it with `accumulate`; with `mask`, the ReLU output that `inp` is, 0 where that is not positive. Overwrites `dweight` and
 * `dbias`, or adds to them with `accumulateWeight` and `accumulateBias`.
 * @throws RangeError if a shape does not fit
 */
export function groupNormBackward(
  pool: BufferPool,
  tensors: {
    dout: Tensor;
    inp: Tensor;
    weight: Tensor;
    bias: Tensor;
    moments: Tensor;
    dweight: Tensor;
    dbias: Tensor;
    dinp?: Tensor | undefined;
    mask?: Tensor | undefined;
  },
  options: Options & SinkOptions & { accumulateWeight?: boolean; accumulateBias?: boolean },
): Command[] {
  const operation = 'groupNormBackward';
  const { label = 'group norm backward', groups, activation = 'none' } = options;
  const { accumulateWeight = false, accumulateBias = false } = options;
  const { dout, inp, weight, bias, moments, dweight, dbias, dinp, mask } = tensors;
  const { B, H, W, C, G, file, pixels, columns, width, numbers, threads, steps } = sizesOf(
    pool.device,
    operation,
    inp,
    groups,
  );
  expectShape(operation, 'dout', dout, { B, H, W, C });
  expectShape(operation, 'moments', moments, { B, G, pair: 2 });
  for (const [name, tensor] of Object.entries({ weight, bias, dweight, dbias })) {
    expectShape(operation, name, tensor, { C });
  }
  const sums = pool.tensor(`${label} sums`, [B, 2, C]);
  const read = { dout, inp, weight, bias, moments };
  const sizes = { groups: G, pixels, columns, width };
  // Four channels at a time only where groups allow it, so that all kernels see the same Elements.
  const rowSize = C / G;
  const parameters = [
    elementwise(
      pool,
      `${label}, sums`,
      [B, C],
      [...FILES[activation], 'group_norm_backward_sums.wgsl'],
      { ...read, sums },
      { params: sizes, rowSize },
    ),
    elementwise(
      pool,
      `${label}, weight`,
      [C],
      ['group_norm_backward_weight.wgsl'],
      { sums, dweight, dbias },
      {
        params: { images: B, accumulate_weight: Number(accumulateWeight), accumulate_bias: Number(accumulateBias) },
        rowSize,
      },
    ),
  ];
  if (!dinp) return parameters;
  expectShape(operation, 'dinp', dinp, { B, H, W, C });
  const into = sink(operation, { dinp, mask }, inp, options);
  const common = [
    'elementwise.wgsl',
    file,
    'group_elements.wgsl',
    'sink.wgsl',
    'workgroup_sum.wgsl',
    ...FILES[activation],
  ];
  const kernel = packagedKernel(pool.device, [...common, 'group_norm_backward_input.wgsl'], {
    WORKGROUP_SIZE: threads,
  });
  const params = { ...sizes, images: B, numbers, ...steps, ...into.params };
  const workgroups = linearWorkgroups(pool.device, B * G, 1);
  return [
    ...parameters,
    createDispatch(pool, `${label}, input`, kernel, { ...read, sums, ...into.tensors }, params, workgroups),
  ];
}
