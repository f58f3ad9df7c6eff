import type { Device } from '../gpu/device.ts';
import { createDispatch, createKernel, type Dispatch, linearWorkgroups } from '../gpu/kernel.ts';
import { type BufferPool, elementCount, formatShape, type Tensor } from '../gpu/tensor.ts';

const WORKGROUP_SIZE = 64;

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

/** The file that says what a thread computes with, and how many of that `count` numbers are. */
export function elementsOf(count: number): { file: string; elements: number } {
  return count % 4 === 0
    ? { file: 'element_vec4.wgsl', elements: count / 4 }
    : { file: 'element_scalar.wgsl', elements: count };
}

/** An elementwise dispatch over `count` numbers, one thread per Element: `files` after the two that all of them need. */
export function elementwise(
  pool: BufferPool,
  label: string,
  shape: readonly number[],
  files: readonly string[],
  tensors: Record<string, Tensor>,
  { params = {}, constants = {} }: { params?: Record<string, number>; constants?: Record<string, number> } = {},
): Dispatch {
  const { device }: { device: Device } = pool;
  const { file, elements } = elementsOf(elementCount(shape));
  const kernel = createKernel(device, ['elementwise.wgsl', file, ...files], { WORKGROUP_SIZE, ...constants });
  const workgroups = linearWorkgroups(device, elements, WORKGROUP_SIZE);
  return createDispatch(pool, label, kernel, tensors, { elements, ...params }, workgroups);
}
