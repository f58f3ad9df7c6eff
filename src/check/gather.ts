import { packState } from '../kernels/finish-step.ts';
import { gather, packImages } from '../kernels/gather.ts';
import { type Check, type Expected, runKernels, ULP } from './check.ts';
import { shuffledPosition } from './reference/random.ts';

interface Case {
  count: number;
  imageSize: number;
  batch: number;
  position: number;
  epoch: number;
  shuffle: boolean;
}

const CASES: Case[] = [
  { count: 1, imageSize: 1, batch: 1, position: 0, epoch: 0, shuffle: true },
  { count: 1, imageSize: 1, batch: 5, position: 0, epoch: 3, shuffle: true },
  { count: 3, imageSize: 20, batch: 20, position: 1, epoch: 0, shuffle: true },
  { count: 20, imageSize: 3, batch: 3, position: 19, epoch: 7, shuffle: false },
  { count: 63, imageSize: 65, batch: 63, position: 0, epoch: 1, shuffle: true },
  { count: 65, imageSize: 63, batch: 130, position: 33, epoch: 2, shuffle: true },
  { count: 784, imageSize: 5, batch: 784, position: 0, epoch: 12, shuffle: true },
  { count: 1000, imageSize: 784, batch: 128, position: 950, epoch: 19, shuffle: true },
  { count: 1000, imageSize: 784, batch: 128, position: 950, epoch: 19, shuffle: false },
];

const SEED = 42;

/** The whole range of bytes, different in every image. */
function bytesOf({ count, imageSize }: Case): Uint8Array {
  return Uint8Array.from({ length: count * imageSize }, (_, i) => (i * 31 + Math.floor(i / imageSize) * 7) % 256);
}

function expected(problem: Case): Expected {
  const { count, imageSize, batch, position, epoch, shuffle } = problem;
  const bytes = bytesOf(problem);
  const values = new Float64Array(batch * imageSize);
  for (let row = 0; row < batch; row++) {
    const stream = position + row;
    const place = stream % count;
    const image = shuffle ? shuffledPosition(place, count, SEED, epoch + Math.floor(stream / count)) : place;
    for (let d = 0; d < imageSize; d++) values[row * imageSize + d] = bytes[image * imageSize + d]! / 255;
  }
  // WGSL's division is within 2.5 ULP.
  return { values, tolerance: values.map((value) => 2.5 * ULP * value) };
}

export function gatherChecks(): Check[] {
  return CASES.map((problem) => {
    const { count, imageSize, batch, position, epoch, shuffle } = problem;
    const name = `gather (N=${count}, D=${imageSize}, B=${batch}) from ${position} of epoch ${epoch}${shuffle ? ', shuffled' : ''}`;
    return {
      name,
      op: 'gather',
      run: (device) =>
        runKernels(name, device, (pool) => {
          const images = packImages(pool, 'images', bytesOf(problem), imageSize);
          const state = pool.tensor('state', [4], {
            dtype: 'u32',
            data: packState({ step: 0, epoch, position, halted: 0 }),
          });
          const x = pool.tensor('x', [batch, imageSize]);
          return {
            commands: [gather(pool, images, { state, x }, { shuffle, seed: SEED })],
            outputs: [[x, expected(problem)]],
          };
        }),
    };
  });
}
