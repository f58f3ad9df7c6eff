/**
 * Points that fill a space evenly: Sobol's sequence with the direction numbers of Joe & Kuo 2008, in the order of Antonov &
 * Saleev (Gray code).
 */
import { UsageError } from '../../errors.ts';
import { atFraction, isRange, type Point } from '../space.ts';
import type { SearchRequest } from './request.ts';
import { uniform } from './uniform.ts';

const BITS = 32;

/** Of each dimension after the first: the degree of its polynomial, the polynomial's inner coefficients, first numbers m. */
const DIRECTIONS: readonly (readonly [degree: number, inner: number, first: readonly number[]])[] = [
  [1, 0, [1]],
  [2, 1, [1, 3]],
  [3, 1, [1, 3, 1]],
  [3, 2, [1, 1, 1]],
  [4, 1, [1, 1, 3, 3]],
  [4, 4, [1, 3, 5, 13]],
  [5, 2, [1, 1, 5, 5, 17]],
  [5, 4, [1, 1, 5, 5, 5]],
  [5, 7, [1, 1, 7, 11, 19]],
  [5, 11, [1, 1, 5, 1, 1]],
  [5, 13, [1, 1, 1, 3, 11]],
  [5, 14, [1, 3, 5, 5, 31]],
  [6, 1, [1, 3, 3, 9, 7, 49]],
  [6, 13, [1, 1, 1, 15, 21, 21]],
  [6, 16, [1, 3, 1, 13, 27, 49]],
  [6, 19, [1, 1, 1, 15, 7, 5]],
  [6, 22, [1, 3, 1, 15, 13, 25]],
  [6, 25, [1, 1, 5, 5, 19, 61]],
];

export const MOST_DIMENSIONS = DIRECTIONS.length + 1;

/** The direction numbers v of a dimension, as fractions of 2^32. */
function directions(dimension: number): Uint32Array {
  const v = new Uint32Array(BITS);
  if (dimension === 0) return v.map((_, i) => 2 ** (BITS - 1 - i));
  const [degree, inner, first] = DIRECTIONS[dimension - 1]!;
  for (let i = 0; i < BITS; i++) {
    if (i < degree) v[i] = first[i]! * 2 ** (BITS - 1 - i);
    else {
      let next = v[i - degree]! ^ (v[i - degree]! >>> degree);
      for (let k = 1; k < degree; k++) {
        if ((inner >>> (degree - 1 - k)) & 1) next ^= v[i - k]!;
      }
      v[i] = next;
    }
  }
  return v;
}

/** Number `index` of the sequence in one dimension, in [0, 1). */
export function sobol(index: number, dimension: number): number {
  const v = directions(dimension);
  const gray = (index ^ (index >>> 1)) >>> 0;
  let bits = 0;
  for (let i = 0; i < BITS; i++) if ((gray >>> i) & 1) bits ^= v[i]!;
  return (bits >>> 0) / 2 ** BITS;
}

/** The point, moved by the same random distance in every dimension round its end, so that no point lies on the edge. */
export function sobolPoint({ space, index, seed }: SearchRequest): Point {
  if (space.length > MOST_DIMENSIONS) {
    throw new UsageError(
      `--search sobol: ${space.length} settings vary, expected at most ${MOST_DIMENSIONS}: use --search random`,
    );
  }
  return space.map((axis, i) => {
    const u = (sobol(index, i) + uniform(seed, i)) % 1;
    return isRange(axis) ? atFraction(axis, u) : axis.values[Math.floor(u * axis.values.length)];
  });
}
