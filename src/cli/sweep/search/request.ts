/** What a search is asked with. */
import type { Axis, Point } from '../space.ts';

/** What is known of a point that was tried. */
export interface Observation {
  point: Point;
  /** Test −ELBO, nats per image; less is better. */
  value: number;
}

export interface SearchRequest {
  space: readonly Axis[];
  /** Which point this is, from 0. */
  index: number;
  seed: number;
  /** What was found so far, in the order in which the points were asked for. Only `tpe` looks at it. */
  history: readonly Observation[];
}
