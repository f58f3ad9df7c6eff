import { runSchedule } from '../gpu/schedule.ts';
import { BufferPool, downloadU32, type Tensor } from '../gpu/tensor.ts';
import { packState } from '../kernels/finish-step.ts';
import { gather, gatherLabels, packImages } from '../kernels/gather.ts';
import { NOISE_STREAMS } from '../kernels/reparameterize.ts';
import { type Check, compare, type Expected, report, runKernels, ULP } from './check.ts';
import { binarizedPixel, shuffledPosition } from './reference/random.ts';

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
const STEP = 77;

/** The whole range of bytes, different in every image. */
function bytesOf({ count, imageSize }: Case): Uint8Array {
  return Uint8Array.from({ length: count * imageSize }, (_, i) => (i * 31 + Math.floor(i / imageSize) * 7) % 256);
}

/** Which image is in each row of the batch. */
function imagesOf({ count, batch, position, epoch, shuffle }: Case): number[] {
  return Array.from({ length: batch }, (_, row) => {
    const place = (position + row) % count;
    const later = Math.floor((position + row) / count);
    return shuffle ? shuffledPosition(place, count, SEED, epoch + later) : place;
  });
}

/** The bytes of the batch, row by row. */
function batchBytes(problem: Case): Uint8Array {
  const { imageSize } = problem;
  const bytes = bytesOf(problem);
  return Uint8Array.from(
    imagesOf(problem).flatMap((image) => [...bytes.subarray(image * imageSize, (image + 1) * imageSize)]),
  );
}

function expected(problem: Case): Expected {
  const values = Float64Array.from(batchBytes(problem), (byte) => byte / 255);
  // WGSL's division is within 2.5 ULP.
  return { values, tolerance: values.map((value) => 2.5 * ULP * value) };
}

function expectedBits(problem: Case): Expected {
  const { imageSize } = problem;
  const values = Float64Array.from(batchBytes(problem), (byte, i) => {
    const pixel = { row: Math.floor(i / imageSize), d: i % imageSize, imageSize };
    return binarizedPixel(byte, pixel, STEP, NOISE_STREAMS.binarize, SEED);
  });
  return { values, tolerance: new Float64Array(values.length) };
}

/** Small ones, because Philox with BigInt takes microseconds a pixel; with D a multiple of four, and without. */
const BINARIZED: Case[] = CASES.filter(({ batch, imageSize }) => batch * imageSize < 8000);

function nameOf({ count, imageSize, batch, position, epoch, shuffle }: Case): string {
  return `(N=${count}, D=${imageSize}, B=${batch}) from ${position} of epoch ${epoch}${shuffle ? ', shuffled' : ''}`;
}

function stateOf(pool: BufferPool, { epoch, position }: Case): Tensor {
  const data = packState({ step: STEP, epoch, position, halted: 0 });
  return pool.tensor('state', [4], { dtype: 'u32', data });
}

function imagesCheck(problem: Case, binarize?: { stream: number }): Check {
  const { imageSize, batch, shuffle } = problem;
  const name = `gather ${nameOf(problem)}${binarize ? ', binarized' : ''}`;
  return {
    name,
    op: 'gather',
    run: (device) =>
      runKernels(name, device, (pool) => {
        const images = packImages(pool, 'images', bytesOf(problem), imageSize);
        const x = pool.tensor('x', [batch, imageSize]);
        const tensors = { state: stateOf(pool, problem), x };
        return {
          commands: [gather(pool, images, tensors, { shuffle, seed: SEED, binarize })],
          outputs: [[x, binarize ? expectedBits(problem) : expected(problem)]],
        };
      }),
  };
}

/** All cases in one: a label is a number of its own for every image. */
function labelsCheck(): Check {
  const name = 'gatherLabels, in the order of the images';
  return {
    name,
    op: 'gatherLabels',
    run: async (device) => {
      const pool = new BufferPool(device);
      try {
        const comparisons = [];
        for (const problem of CASES) {
          const data = Uint32Array.from({ length: problem.count }, (_, i) => 3 * i + 1);
          const labels = pool.tensor('labels', [problem.count], { dtype: 'u32', data });
          const out = pool.tensor('out', [problem.batch], { dtype: 'u32' });
          const tensors = { labels, state: stateOf(pool, problem), out };
          runSchedule(device, [gatherLabels(pool, tensors, { shuffle: problem.shuffle, seed: SEED })]);
          const values = Float64Array.from(imagesOf(problem), (image) => data[image]!);
          const exact = { values, tolerance: new Float64Array(values.length) };
          comparisons.push(compare(`out ${nameOf(problem)}`, await downloadU32(device, out), exact));
        }
        return report(name, comparisons);
      } finally {
        pool.dispose();
      }
    },
  };
}

export function gatherChecks(): Check[] {
  return [
    ...CASES.map((problem) => imagesCheck(problem)),
    ...BINARIZED.map((problem) => imagesCheck(problem, { stream: NOISE_STREAMS.binarize })),
    labelsCheck(),
  ];
}
