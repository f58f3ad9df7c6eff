/** Every value drawn by itself (Bergstra & Bengio 2012, Random search for hyper-parameter optimization). */
import { atFraction, isRange, type Point } from '../space.ts';
import type { SearchRequest } from './request.ts';
import { uniform } from './uniform.ts';

export function randomPoint({ space, index, seed }: SearchRequest): Point {
  return space.map((axis, i) => {
    const u = uniform(seed, index, i);
    return isRange(axis) ? atFraction(axis, u) : axis.values[Math.floor(u * axis.values.length)];
  });
}
