import type { ImageSet } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import { GEMM_VARIANTS, type GemmVariant } from '../kernels/gemm.ts';
import type { VaeConfig } from '../vae/config.ts';
import { Vae } from '../vae/vae.ts';
import { type Check, type CheckReport, compare, report, testValues, U } from './check.ts';
import { STREAMS, shuffledPosition, standardNormal } from './reference/random.ts';
import { finiteDifferences, type Problem, vaeGradient, vaeLosses } from './reference/vae.ts';

/** What is checked: a model, and of how many images. */
export interface CheckedModel {
  hidden: number[];
  latent: number;
  batch: number;
  beta: number;
  rows: number;
  columns: number;
  activation?: 'relu' | 'tanh';
  /** K: the objective is the importance-weighted bound. */
  samples?: number;
}

/**
 * The last two have sizes divisible by four everywhere but for the batch, so that operands are read as vec4s and from textures,
 * and sums over the batch end within one.
 */
export const CHECKED_MODELS: readonly CheckedModel[] = [
  { hidden: [7, 5], latent: 2, batch: 5, beta: 1, rows: 3, columns: 4 },
  { hidden: [33], latent: 20, batch: 3, beta: 2.5, rows: 1, columns: 5 },
  { hidden: [1], latent: 1, batch: 1, beta: 1, rows: 1, columns: 1 },
  { hidden: [], latent: 3, batch: 20, beta: 0.5, rows: 2, columns: 3 },
  { hidden: [24, 12], latent: 8, batch: 11, beta: 1, rows: 4, columns: 4 },
  // 128 x 128 weights are enough for a dispatch for each gradient, 144 in a sum enough for split-K.
  { hidden: [128, 128], latent: 4, batch: 38, beta: 1.5, rows: 12, columns: 12 },
];

/** Other objectives and activations, whose gradients are measured by moving each parameter. */
const SMALL_MODELS: readonly CheckedModel[] = [
  { hidden: [6, 5], latent: 2, batch: 5, beta: 1.5, rows: 3, columns: 3, activation: 'tanh' },
  { hidden: [7], latent: 3, batch: 5, beta: 1, rows: 3, columns: 3, samples: 5 },
  { hidden: [8, 4], latent: 4, batch: 3, beta: 1, rows: 2, columns: 4, samples: 8, activation: 'tanh' },
];

const SEED = 3;
/** Another number of step and, as there are two images more than a batch has, another epoch within the batch. */
const STEPS = 2;

/**
 * An element of a gradient goes through up to ten layers, forward and back, each a sum that rounds as often as it has terms;
 * relative to the largest element of its tensor, 64 roundings cover that and the noise's, which are 32 of each ε.
 */
const RELATIVE_TOLERANCE = 64 * U;

/** Images that differ from each other, in every byte. */
function imagesOf({ batch, rows, columns }: CheckedModel): ImageSet {
  const count = batch + 2;
  const images = Uint8Array.from(testValues(count * rows * columns, 41), (value) => 128 * (value + 1));
  return { images, labels: new Uint8Array(count), count, rows, columns };
}

/** What step number `step`, from 0, has to work on: its images in the order of the shuffle, its noise from Philox. */
export function problemOfStep(model: CheckedModel, step: number): Problem {
  const { batch, latent } = model;
  const { images, count, rows, columns } = imagesOf(model);
  const imageSize = rows * columns;
  const x = new Float64Array(batch * imageSize);
  for (let row = 0; row < batch; row++) {
    const sample = step * batch + row;
    const image = shuffledPosition(sample % count, count, SEED, Math.floor(sample / count));
    for (let d = 0; d < imageSize; d++) x[row * imageSize + d] = images[image * imageSize + d]! / 255;
  }
  const eps = Array.from(
    { length: batch * (model.samples ?? 1) * latent },
    (_, i) => standardNormal(i, step, STREAMS.train, SEED).value,
  );
  return { ...model, imageSize, x, eps };
}

async function run(name: string, device: Device, variants: GemmVariant, model: CheckedModel): Promise<CheckReport> {
  const { batch, latent, hidden, beta, samples, activation = 'relu' } = model;
  const set = imagesOf(model);
  const objective: Partial<VaeConfig> = samples === undefined ? {} : { objective: 'iwae', iwSamples: samples };
  const config = { hidden, latent, batch, beta, activation, ...objective, epochs: STEPS, seed: SEED };
  const vae = await Vae.create(device, { name, train: set, test: set }, config, { variants });
  const comparisons: ReturnType<typeof compare>[] = [];
  const near = (label: string, got: ArrayLike<number>, values: Float64Array, summands = 0) => {
    const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), summands);
    comparisons.push(compare(label, got, { values, tolerance: values.map(() => RELATIVE_TOLERANCE * largest) }));
  };
  try {
    for (let step = 0; step < STEPS; step++) {
      const parameters = new Map((await vae.parameters()).map((tensor) => [tensor.name, tensor.data]));
      const problem = problemOfStep(model, step);
      const losses = vaeLosses(problem, parameters);
      await vae.advance(1, {
        onChunk: ([first]) => {
          if (samples !== undefined) near(`bound of step ${step}`, [first!.iwae!], Float64Array.of(losses.loss));
          near(`BCE of step ${step}`, [first!.bce], Float64Array.of(losses.bce));
          // Near the prior its terms are differences of numbers near 1.
          near(`KL of step ${step}`, [first!.kld], Float64Array.of(losses.kld), latent);
        },
      });
      const gradient = SMALL_MODELS.includes(model)
        ? finiteDifferences(problem, parameters)
        : vaeGradient(problem, parameters);
      for (const { name: tensor, data } of await vae.gradients()) {
        near(`gradient of ${tensor} in step ${step}`, data, gradient.get(tensor)!);
      }
    }
    return report(name, comparisons);
  } finally {
    vae.dispose();
  }
}

/** Whole training steps, forward and backward, with their own noise and order, against the chain rule in float64. */
export function vaeChecks(): Check[] {
  const checkOf = (variants: GemmVariant, model: CheckedModel): Check => {
    const { rows, columns, hidden, latent, batch, samples, activation } = model;
    const widths = [rows * columns, ...hidden, latent].join('-');
    const what = [...(samples === undefined ? [] : [`iwae K=${samples}`]), ...(activation ? [activation] : [])];
    const name = `vae step [${variants}] (${[widths, `B=${batch}`, ...what].join(', ')})`;
    return { name, op: 'vae step', variant: variants, run: (device) => run(name, device, variants, model) };
  };
  return [
    ...GEMM_VARIANTS.flatMap((variants) => CHECKED_MODELS.map((model) => checkOf(variants, model))),
    // What differs from these is no product.
    ...SMALL_MODELS.map((model) => checkOf('tile_32x32', model)),
  ];
}
