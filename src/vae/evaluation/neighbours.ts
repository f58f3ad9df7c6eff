import type { Labels } from '../../data/dataset.ts';

/** Points (n, L) and their classes. */
export interface Labelled {
  points: Float32Array;
  labels: Labels;
}

/** Queries between two looks at whoever waits. */
const PIECE = 250;

/**
 * The part of `queries` whose class most of their K nearest neighbours among `among` have, by Euclidean distance; of classes with as
 * many, the one of the nearest neighbour among them.
 * @param options.onPiece told how many queries are done; the caller may wait in it
 */
export async function neighbourAccuracy(
  among: Labelled,
  queries: Labelled,
  L: number,
  options: { neighbours: number; onPiece?: (done: number) => void | Promise<void> },
): Promise<number> {
  const { neighbours: K } = options;
  const count = queries.labels.length;
  const N = among.labels.length;
  const [distances, nearest] = [new Float64Array(K), new Int32Array(K)];
  let right = 0;
  for (let q = 0; q < count; q++) {
    distances.fill(Number.POSITIVE_INFINITY);
    nearest.fill(-1);
    for (let n = 0; n < N; n++) {
      const worst = distances[K - 1]!;
      let sum = 0;
      for (let j = 0; j < L && sum < worst; j++) sum += (queries.points[q * L + j]! - among.points[n * L + j]!) ** 2;
      if (!(sum < worst)) continue;
      let at = K - 1;
      for (; at > 0 && distances[at - 1]! > sum; at--) {
        distances[at] = distances[at - 1]!;
        nearest[at] = nearest[at - 1]!;
      }
      distances[at] = sum;
      nearest[at] = n;
    }
    if (mostOf(nearest, among.labels) === queries.labels[q]) right++;
    if (q % PIECE === PIECE - 1) await options.onPiece?.(q + 1);
  }
  return right / count;
}

/** The class that most have; of several the one that comes first. */
function mostOf(nearest: Int32Array, labels: Labels): number | undefined {
  const votes = new Map<number, number>();
  for (const n of nearest) if (n >= 0) votes.set(labels[n]!, (votes.get(labels[n]!) ?? 0) + 1);
  let [best, most]: [number | undefined, number] = [undefined, 0];
  for (const [label, count] of votes) if (count > most) [best, most] = [label, count];
  return best;
}
