import type { Device } from '../gpu/device.ts';
import { createDispatch, type Dispatch, linearWorkgroups } from '../gpu/kernel.ts';
import { type BufferPool, elementCount, formatShape, type Tensor } from '../gpu/tensor.ts';
import { packagedKernel } from './shaders.ts';

const WORKGROUP_SIZE = 64;

/** Sizes of workgroups that add up numbers together. */
const SUM_WORKGROUPS = [8, 16, 32, 64] as const;

/** Threads of the workgroup that adds up `length` Elements with `workgroup_sum`, about as many as there are Elements. */
export function sumWorkgroup(device: Device, length: number): number {
  if (device.info.software) return SUM_WORKGROUPS[0];
  return SUM_WORKGROUPS.find((size) => size >= length) ?? SUM_WORKGROUPS.at(-1)!;
}

/** How the gradient of an input is written. */
export interface SinkOptions {
  label?: string;
  /** Add to what stands in the gradient instead of overwriting it: the input has another consumer too. */
  accumulate?: boolean;
}

/** The sink's bindings and parameters, as shaders/sink.wgsl has them. `standIn` is bound where there is no mask. */
export function sink(
  operation: string,
  { dinp, mask }: { dinp: Tensor; mask?: Tensor | undefined },
  standIn: Tensor,
  { accumulate = false }: SinkOptions,
): { tensors: { dinp: Tensor; mask: Tensor }; params: { masked: number; accumulate: number } } {
  if (mask) expectSameShape(operation, { mask, dinp });
  return {
    tensors: { dinp, mask: mask ?? standIn },
    params: { masked: Number(mask !== undefined), accumulate: Number(accumulate) },
  };
}

/**
 * Tensors must have the shape of the last one.
 * @throws RangeError `multiply: a is (3, 4), expected (3, 5), the shape of out`
 */
export function expectSameShape(operation: string, tensors: Record<string, Tensor>): void {
  const [name, last] = Object.entries(tensors).at(-1)!;
  for (const [other, { shape }] of Object.entries(tensors)) {
    if (formatShape(shape) === formatShape(last.shape)) continue;
    throw new RangeError(
      `${operation}: ${other} is ${formatShape(shape)}, expected ${formatShape(last.shape)}, the shape of ${name}`,
    );
  }
}

/** What a thread computes with, one number or four: four where every row of `rowSize` numbers is a multiple of four. */
export function elementsOf(
  shape: readonly number[],
  rowSize = elementCount(shape),
): { file: string; width: number; elements: number } {
  const width = rowSize % 4 === 0 ? 4 : 1;
  const file = width === 4 ? 'element_vec4.wgsl' : 'element_scalar.wgsl';
  return { file, width, elements: elementCount(shape) / width };
}

/** An elementwise dispatch over a shape, one thread per Element: `files` after the two that all of them need. */
export function elementwise(
  pool: BufferPool,
  label: string,
  shape: readonly number[],
  files: readonly string[],
  tensors: Record<string, Tensor>,
  options: { params?: Record<string, number>; constants?: Record<string, number>; rowSize?: number } = {},
): Dispatch {
  const { params = {}, constants = {}, rowSize } = options;
  const { file, elements } = elementsOf(shape, rowSize);
  const kernel = packagedKernel(pool.device, ['elementwise.wgsl', file, ...files], { WORKGROUP_SIZE, ...constants });
  const workgroups = linearWorkgroups(pool.device, elements, WORKGROUP_SIZE);
  return createDispatch(pool, label, kernel, tensors, { elements, ...params }, workgroups);
}
