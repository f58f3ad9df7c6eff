/** Every combination of the lists, the last list fastest, and then again; of each range a number is drawn. */
import { atFraction, isRange, type Point } from '../space.ts';
import type { SearchRequest } from './request.ts';
import { uniform } from './uniform.ts';

export function gridPoint({ space, index, seed }: SearchRequest): Point {
  let rest = index;
  const point: unknown[] = new Array(space.length);
  for (let i = space.length - 1; i >= 0; i--) {
    const axis = space[i]!;
    if (isRange(axis)) point[i] = atFraction(axis, uniform(seed, index, i));
    else {
      point[i] = axis.values[rest % axis.values.length];
      rest = Math.floor(rest / axis.values.length);
    }
  }
  return point;
}
