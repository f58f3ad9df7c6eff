// Written apart from the engine's own generator: with BigInt, straight from the paper.

const MASK = 0xffffffffn;

/** The generator's streams, as they have to be for an old run to go on with its numbers; see `NOISE_STREAMS`. */
export const STREAMS = {
  train: 0,
  evaluate: 1,
  sample: 2,
  initialize: 3,
  binarize: 4,
  binarizeEvaluation: 5,
  binarizeStatic: 6,
} as const;

/** Philox4x32-10 (Salmon et al. 2011). */
export function philox(counter: readonly number[], key: readonly number[]): number[] {
  let c = counter.map(BigInt);
  let k = key.map(BigInt);
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c[0]!;
    const p1 = 0xcd9e8d57n * c[2]!;
    c = [(p1 >> 32n) ^ c[1]! ^ k[0]!, p1 & MASK, (p0 >> 32n) ^ c[3]! ^ k[1]!, p0 & MASK];
    k = [(k[0]! + 0x9e3779b9n) & MASK, (k[1]! + 0xbb67ae85n) & MASK];
  }
  return c.map(Number);
}

/** The engine's normal number for a counter, and the radius of the Box–Muller transform, which scales its error. */
export function standardNormal(
  element: number,
  step: number,
  stream: number,
  seed: number,
): { value: number; radius: number } {
  const [a, b] = philox([element, step, stream, 0], [seed, 0]);
  const u1 = ((a! >>> 8) + 1) / 2 ** 24;
  const u2 = (b! >>> 8) / 2 ** 24;
  const radius = Math.sqrt(-2 * Math.log(u1));
  return { value: radius * Math.cos(2 * Math.PI * u2), radius };
}

function mix(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) >>> 0;
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35) >>> 0;
  return (x ^ (x >>> 16)) >>> 0;
}

/** Which image stands at a position of an epoch: the Feistel network of shaders/shuffle.wgsl with cycle walking. */
export function shuffledPosition(position: number, count: number, seed: number, epoch: number): number {
  let half = 1;
  while (2 ** (2 * half) < count) half++;
  const size = 2 ** half;
  const key = mix((seed ^ mix(epoch)) >>> 0);
  let value = position;
  do {
    let left = Math.floor(value / size);
    let right = value % size;
    for (let round = 0; round < 6; round++) {
      [left, right] = [right, (left ^ (mix((right ^ mix((key + round) >>> 0)) >>> 0) % size)) >>> 0];
    }
    value = left * size + right;
  } while (value >= count);
  return value;
}

/** Pixel `d` of row `row` of a batch, 1 with probability byte / 255: u < byte / 255 for the u of shaders/gather_binarized.wgsl. */
export function binarizedPixel(
  byte: number,
  { row, d, imageSize }: { row: number; d: number; imageSize: number },
  step: number,
  stream: number,
  seed: number,
): number {
  const words = philox([row * Math.ceil(imageSize / 4) + Math.floor(d / 4), step, stream, 0], [seed, 0]);
  return (words[d % 4]! >>> 8) / 2 ** 24 < byte / 255 ? 1 : 0;
}
