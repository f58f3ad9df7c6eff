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
