/** A data set's images in another order: some set aside for testing, or each one turned about its diagonal. */
import { type ImageSet, imageLength } from './dataset.ts';
import { TestSizeError } from './errors.ts';

/** Any fixed number: the same images are set aside whatever a run's seed is, so that runs can be compared. */
const SEED = 0x5eed;

/**
 * Sets `n` images aside for testing; both parts keep their order. Which ones depends on `count` and `n` only: they are drawn
 * at random (D. E. Knuth, The Art of Computer Programming, vol. 2, 3.4.2, algorithm S), since files are often sorted by
 * class, with a fixed seed, since a run that is resumed needs the same ones.
 * @throws TestSizeError unless `n` is an integer from 1 to `set.count` - 1
 */
export function setAside(set: ImageSet, n: number): { train: ImageSet; test: ImageSet } {
  const most = set.count - 1;
  if (!Number.isInteger(n) || n < 1 || n > most) {
    throw new TestSizeError(
      `set test images aside: expected 1 to ${most} of the ${set.count} training images, got ${n}: ask for a number in that range`,
    );
  }
  const random = mulberry32(SEED);
  const chosen: number[] = [];
  const others: number[] = [];
  for (let i = 0; i < set.count; i++) {
    const isChosen = random() * (set.count - i) < n - chosen.length;
    (isChosen ? chosen : others).push(i);
  }
  return { train: pick(set, others), test: pick(set, chosen) };
}

/** Copies of the images at these places. */
function pick(all: ImageSet, places: readonly number[]): ImageSet {
  const { images, labels } = all;
  const size = imageLength(all);
  const picked = new Uint8Array(places.length * size);
  for (const [i, place] of places.entries()) picked.set(images.subarray(place * size, (place + 1) * size), i * size);
  const set: ImageSet = { ...all, images: picked, count: places.length };
  return labels ? { ...set, labels: labels.slice(0, places.length).map((_, i) => labels[places[i]!]!) } : set;
}

/** A copy with rows and columns of each image exchanged: EMNIST's files have them so. */
export function transposed(set: ImageSet): ImageSet {
  const { images, count, rows, columns, channels = 1 } = set;
  const size = imageLength(set);
  const turned = new Uint8Array(images.length);
  for (let first = 0; first < count * size; first += size) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const [to, from] = [first + (column * rows + row) * channels, first + (row * columns + column) * channels];
        for (let c = 0; c < channels; c++) turned[to + c] = images[from + c]!;
      }
    }
  }
  return { ...set, images: turned, rows: columns, columns: rows };
}

/** Numbers in [0, 1), 32 bits of state: T. Ettinger, "Mulberry32" (2017), public domain. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
