/** How the points of a space are chosen, one after the other. */
import type { Point } from '../space.ts';
import type { SearchName } from '../spec.ts';
import { gridPoint } from './grid.ts';
import { randomPoint } from './random.ts';
import type { SearchRequest } from './request.ts';
import { sobolPoint } from './sobol.ts';
import { tpePoint } from './tpe.ts';

/** Whether points depend on results. */
export function looksAtResults(search: SearchName): boolean {
  return search === 'tpe';
}

const SEARCH: Record<SearchName, (request: SearchRequest) => Point> = {
  grid: gridPoint,
  random: randomPoint,
  sobol: sobolPoint,
  tpe: tpePoint,
};

/** The next point; the same for the same request. */
export function suggest(search: SearchName, request: SearchRequest): Point {
  return SEARCH[search](request);
}
