import { formatShape } from '../gpu/tensor.ts';
import type { Value } from './tape.ts';

/**
 * Rows and columns of an operation's input.
 * @param expected their names: `(B, C)`
 * @throws RangeError unless it has both
 */
export function matrixSize(operation: string, name: string, inp: Value, expected: string): [number, number] {
  const { shape, label } = inp.tensor;
  const [rows, columns] = shape;
  if (shape.length === 2 && rows !== undefined && columns !== undefined) return [rows, columns];
  const got = `${operation}: ${name} has the input ${label} ${formatShape(shape)}`;
  throw new RangeError(`${got}, expected ${expected}: flatten it`);
}

/**
 * Sizes of an operation's input that is images: (B, H, W, C), the channels of a pixel side by side.
 * @throws RangeError unless it has them
 */
export function imageSize(operation: string, inp: Value): [number, number, number, number] {
  const { shape, label } = inp.tensor;
  if (shape.length === 4) return shape as [number, number, number, number];
  throw new RangeError(`${operation}: the input ${label} is ${formatShape(shape)}, expected images (B, H, W, C)`);
}
