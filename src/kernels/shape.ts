import { formatShape, type Tensor } from '../gpu/tensor.ts';

/**
 * Compares a tensor's shape with the one that an operation needs.
 * @throws RangeError `denseForward: weight is (784, 400), expected (OC=400, C=784): …`
 */
export function expectShape(
  operation: string,
  name: string,
  tensor: Tensor,
  expected: Record<string, number>,
  remedy?: string,
): void {
  const sizes = Object.values(expected);
  if (tensor.shape.length === sizes.length && sizes.every((size, i) => size === tensor.shape[i])) return;
  const wanted = Object.entries(expected).map(([dimension, size]) => `${dimension}=${size}`);
  const hint = remedy ? `: ${remedy}` : '';
  throw new RangeError(`${operation}: ${name} is ${formatShape(tensor.shape)}, expected (${wanted.join(', ')})${hint}`);
}

/**
 * Numbers of classes or of rows of a table must be u32.
 * @throws RangeError `embedding: indices is f32, expected u32: numbers from 0`
 */
export function expectIndices(operation: string, name: string, tensor: Tensor): void {
  if (tensor.dtype === 'u32') return;
  throw new RangeError(`${operation}: ${name} is ${tensor.dtype}, expected u32: numbers from 0`);
}
