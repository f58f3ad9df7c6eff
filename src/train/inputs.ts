/** What callers hand in to be looked at, as copies: they may change theirs before its turn comes. */
import { kindOf } from '../data/validate.ts';

/**
 * @param images (n, D) levels: u8 from 0 to 255, or f32 from 0 to 1
 * @throws TypeError for another kind of array; RangeError unless the length is a positive multiple of D, or if a level is not
 * in [0, 1]
 */
export function imagesOf(operation: string, images: unknown, imageSize: number): Uint8Array | Float32Array {
  const kind = kindOf(images);
  if (kind !== 'Uint8Array' && kind !== 'Uint8ClampedArray' && kind !== 'Float32Array') {
    throw new TypeError(
      `${operation}: images is ${kind}, expected Uint8Array with levels from 0 to 255, or Float32Array with levels from 0 to 1: make one of them`,
    );
  }
  const levels = images as Uint8Array | Uint8ClampedArray | Float32Array;
  const { length } = levels;
  if (length < 1 || length % imageSize !== 0) {
    const unit = kind === 'Float32Array' ? 'levels' : 'bytes';
    throw new RangeError(
      `${operation}: images has ${length} ${unit}, expected a positive multiple of D=${imageSize}: pass whole images`,
    );
  }
  if (kind !== 'Float32Array') return Uint8Array.from(levels);
  const bad = levels.findIndex((level: number) => !(level >= 0 && level <= 1));
  if (bad >= 0) {
    throw new RangeError(
      `${operation}: images[${bad}] is ${levels[bad]}, expected levels from 0 to 1: divide by the largest, or pass Uint8Array with levels from 0 to 255`,
    );
  }
  return Float32Array.from(levels);
}

/**
 * @param input (n, size): an array of numbers, typed or not
 * @param named what the caller calls the input and the size of its rows: `z`, `L`
 * @returns (n, size) f32
 * @throws TypeError for something else; RangeError unless the length is a positive multiple of `size`
 */
export function rowsOf(
  operation: string,
  input: unknown,
  size: number,
  named: { input: string; size: string } = { input: 'input', size: 'size' },
): Float32Array {
  const kind = kindOf(input);
  if (kind !== 'Float32Array' && kind !== 'Float64Array' && kind !== 'Array') {
    throw new TypeError(
      `${operation}: ${named.input} is ${kind}, expected Float32Array or an array of numbers: make one of them`,
    );
  }
  if (Array.isArray(input)) {
    const bad = input.findIndex((value) => typeof value !== 'number');
    if (bad >= 0) {
      throw new TypeError(
        `${operation}: ${named.input}[${bad}] is ${kindOf(input[bad])}, expected numbers: pass the rows' values one after the other`,
      );
    }
  }
  const values = Float32Array.from(input as ArrayLike<number>);
  if (values.length < 1 || values.length % size !== 0) {
    throw new RangeError(
      `${operation}: ${named.input} has ${values.length} values, expected a positive multiple of ${named.size}=${size}: pass whole rows, one after the other`,
    );
  }
  return values;
}
