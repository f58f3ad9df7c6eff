/** What the settings do to whole training steps and to the evaluation, against float64 written from the formulas. */
import { compare, report, testValues, U } from '../../src/check/check.ts';
import { adamW } from '../../src/check/reference/adamw.ts';
import { bceOf, sigmoidOf } from '../../src/check/reference/dense.ts';
import { binarizedPixel, STREAMS, shuffledPosition, standardNormal } from '../../src/check/reference/random.ts';
import { scheduleFactor } from '../../src/check/reference/step-schedule.ts';
import { decode, encode, type Parameters } from '../../src/check/reference/vae.ts';
import type { DataSet, ImageSet } from '../../src/data/dataset.ts';
import { ADAM_DEFAULTS } from '../../src/kernels/adam.ts';
import type { StepSchedule } from '../../src/kernels/step-schedule.ts';
import { dense } from '../../src/nn/dense.ts';
import { softmaxCrossEntropy } from '../../src/nn/loss.ts';
import type { NamedTensor } from '../../src/nn/parameters.ts';
import type { Losses } from '../../src/train/losses.ts';
import { defineModel } from '../../src/train/model.ts';
import { createTrainer } from '../../src/train/trainer.ts';
import { parseConfig, type VaeConfig } from '../../src/vae/config.ts';
import { Vae } from '../../src/vae/vae.ts';
import { expect, test } from '../support/fixtures.ts';

const ROWS = 2;
const COLUMNS = 3;
const D = ROWS * COLUMNS;
const CLASSES = 3;
const B = 4;
const SEED = 3;
/**
 * Four times what src/check/vae.ts grants the layers' sums and the noise: a Gaussian with a small sigma multiplies what cancels.
 * And what differences with steps of 1e-5 are off by.
 */
const RELATIVE_TOLERANCE = 256 * U;
const DIFFERENCE_ERROR = 1e-8;

function imagesOf(count: number, seed: number): ImageSet {
  const images = Uint8Array.from(testValues(count * D, seed), (value) => 128 * (value + 1));
  return {
    images,
    labels: Uint8Array.from({ length: count }, (_, i) => (i * 2) % CLASSES),
    count,
    rows: ROWS,
    columns: COLUMNS,
  };
}

/** No whole number of batches: the third step ends one epoch and begins the next. */
const data: DataSet = { name: 'settings', train: imagesOf(11, 61), test: imagesOf(7, 62) };
const widths = { hidden: [5], latent: 2, batch: B, epochs: 4, seed: SEED };
const STEPS = 11;

/** Which images step number `step`, from 0, looks at. */
function imagesOfStep(step: number): number[] {
  const { count } = data.train;
  return Array.from({ length: B }, (_, row) => {
    const sample = step * B + row;
    return shuffledPosition(sample % count, count, SEED, Math.floor(sample / count));
  });
}

function near(label: string, got: ArrayLike<number>, expected: ArrayLike<number>, absolute = 0, summands = 0): void {
  expect(got, label).toHaveLength(expected.length);
  const values = Float64Array.from(expected);
  const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), summands);
  const tolerance = values.map(() => RELATIVE_TOLERANCE * largest + absolute);
  const { ok, message } = report(label, [compare(label, got, { values, tolerance })]);
  expect(ok, message).toBe(true);
}

function byName(tensors: readonly NamedTensor[]): Parameters {
  return new Map(tensors.map(({ name, data: values }) => [name, values]));
}

function joined(tensors: readonly NamedTensor[]): Float64Array {
  return Float64Array.from(tensors.flatMap(({ data: values }) => Array.from(values)));
}

/** A batch as a VAE gets it: pixels (B, D), and its noise (B, L). */
interface Batch {
  x: Float64Array;
  eps: Float64Array;
  size: number;
}

function batchOf(
  { images }: ImageSet,
  places: readonly number[],
  { binarize, latent }: VaeConfig,
  step: number,
  streams: { noise: number; binarize: number },
): Batch {
  const size = places.length;
  const x = Float64Array.from({ length: size * D }, (_, i) => {
    const [row, d] = [Math.floor(i / D), i % D];
    const byte = images[places[row]! * D + d]!;
    if (binarize === 'none') return byte / 255;
    return binarizedPixel(byte, { row, d, imageSize: D }, step, streams.binarize, SEED);
  });
  const eps = Float64Array.from(
    { length: size * latent },
    (_, i) => standardNormal(i, step, streams.noise, SEED).value,
  );
  return { x, eps, size };
}

/** In float64, straight from the formulas: both terms, and their sum with the weight of the KL divergence. */
function lossesOf(
  config: VaeConfig,
  { x, eps, size }: Batch,
  parameters: Parameters,
  klWeight: number,
  freeBits: number,
): { loss: number; reconstruction: number; kld: number } {
  const { latent, likelihood, sigma } = config;
  const logSigma2 = sigma === 'learned' ? (parameters.get('log_variance.value')?.[0] ?? 0) : 2 * Math.log(sigma);
  const kl = new Float64Array(latent);
  let reconstruction = 0;
  for (let row = 0; row < size; row++) {
    const image = x.subarray(row * D, (row + 1) * D);
    const { mu, logvar } = encode(config, parameters, image);
    const z = Float64Array.from(
      { length: latent },
      (_, j) => mu[j]! + Math.exp(logvar[j]! / 2) * eps[row * latent + j]!,
    );
    const logits = decode(config, parameters, z);
    for (const [d, pixel] of image.entries()) {
      const difference = sigmoidOf(logits[d]!) - pixel;
      const nll = (difference ** 2 / Math.exp(logSigma2) + logSigma2 + Math.log(2 * Math.PI)) / 2;
      reconstruction += (likelihood === 'gaussian' ? nll : bceOf(logits[d]!, pixel)) / size;
    }
    for (let j = 0; j < latent; j++) kl[j]! -= (1 + logvar[j]! - mu[j]! ** 2 - Math.exp(logvar[j]!)) / 2 / size;
  }
  const kld = kl.reduce((sum, value) => sum + Math.max(value, freeBits), 0);
  return { loss: reconstruction + klWeight * kld, reconstruction, kld };
}

/** Central differences of a loss in every parameter. */
function slopes(loss: (parameters: Parameters) => number, parameters: Parameters): Map<string, Float64Array> {
  const H = 1e-5;
  return new Map(
    [...parameters].map(([name, values]) => {
      const moved = Float64Array.from(values);
      const all = new Map(parameters).set(name, moved);
      const at = (i: number, value: number) => {
        moved[i] = value;
        return loss(all);
      };
      const slope = moved.map((value, i) => {
        const difference = at(i, value + H) - at(i, value - H);
        moved[i] = value;
        return difference / (2 * H);
      });
      return [name, slope];
    }),
  );
}

const BETA = 2;
const CONSTANT: StepSchedule = { kind: 'constant' };
const variations: { title: string; settings: Partial<VaeConfig>; schedule?: StepSchedule }[] = [
  { title: 'beta that grows', settings: { betaWarmup: 3 }, schedule: { kind: 'warmup', steps: 3 } },
  { title: 'beta in cycles', settings: { betaCycle: 4 }, schedule: { kind: 'cyclical', period: 4, ratio: 0.5 } },
  // One dimension of the two lies below that at the beginning, the other one above.
  { title: 'free bits', settings: { freeBits: 0.05 } },
  { title: 'binarized pixels', settings: { binarize: 'dynamic' } },
  { title: 'a Gaussian likelihood', settings: { likelihood: 'gaussian', sigma: 0.3 } },
  {
    title: 'a Gaussian likelihood whose sigma is learned, free bits and beta that grows',
    settings: { likelihood: 'gaussian', freeBits: 0.05, betaWarmup: 3 },
    schedule: { kind: 'warmup', steps: 3 },
  },
];

for (const { title, settings, schedule = CONSTANT } of variations) {
  test(`losses and gradients of steps, and the evaluation, are those of the formulas: ${title}`, async ({ device }) => {
    const config = parseConfig({ ...widths, ...settings, beta: BETA, learningRate: 0.02 });
    const vae = await Vae.create(device, data, config);
    const term = config.likelihood === 'gaussian' ? 'nll' : 'bce';
    const expectLosses = (label: string, got: Losses, expected: ReturnType<typeof lossesOf>) => {
      near(`${term} of ${label}`, [got[term]!], [expected.reconstruction], 0, D);
      // Near the prior its terms are differences of numbers near 1.
      near(`KL of ${label}`, [got.kld!], [expected.kld], 0, config.latent);
      near(`loss of ${label}`, [got.loss], [expected.loss], 0, D + BETA * config.latent);
    };
    try {
      const free = new Set<boolean>();
      for (let step = 0; step < 5; step++) {
        const parameters = byName(await vae.parameters());
        const seen: Losses[] = [];
        await vae.train({ steps: 1, onProgress: ({ train }) => void seen.push(train) });
        const streams = { noise: STREAMS.train, binarize: STREAMS.binarize };
        const batch = batchOf(data.train, imagesOfStep(step), config, step, streams);
        const klWeight = BETA * scheduleFactor(schedule, step);
        const lossAt = (moved: Parameters) => lossesOf(config, batch, moved, klWeight, config.freeBits);
        expect(seen).toHaveLength(1);
        expectLosses(`step ${step}`, seen[0]!, lossAt(parameters));
        const expected = slopes((moved) => lossAt(moved).loss, parameters);
        const gradients = await vae.gradients();
        expect(gradients.map(({ name }) => name).sort()).toEqual([...expected.keys()].sort());
        for (const { name, data: values } of gradients) {
          near(`gradient of ${name} in step ${step}`, values, expected.get(name)!, DIFFERENCE_ERROR);
        }
        free.add(lossAt(parameters).kld > lossesOf(config, batch, parameters, klWeight, 0).kld);
      }
      expect(free.has(true), 'free bits make a difference').toBe(config.freeBits > 0);
      const all = Array.from({ length: data.test.count }, (_, i) => i);
      const streams = { noise: STREAMS.evaluate, binarize: STREAMS.binarizeEvaluation };
      const batch = batchOf(data.test, all, config, 0, streams);
      // Nothing is free there and the weight is the full one, so that runs, and epochs of one, can be compared.
      expectLosses(
        'the test set',
        await vae.evaluate(),
        lossesOf(config, batch, byName(await vae.parameters()), BETA, 0),
      );
    } finally {
      vae.dispose();
    }
  });
}

const optimizers: { title: string; settings: Partial<VaeConfig>; schedule: StepSchedule; decay: number }[] = [
  {
    title: 'AdamW with clipping, a warm-up and a cosine',
    settings: { optimizer: 'adamw', weightDecay: 0.5, clipNorm: 0.125, lrSchedule: 'cosine', lrWarmup: 2 },
    schedule: { kind: 'cosine', steps: STEPS, warmup: 2 },
    decay: 0.5,
  },
  {
    title: 'Adam with a warm-up, which has no decay',
    settings: { optimizer: 'adam', weightDecay: 0.5, lrWarmup: 3 },
    schedule: { kind: 'warmup', steps: 3 },
    decay: 0,
  },
];

for (const { title, settings, schedule, decay } of optimizers) {
  test(`a step makes of gradients what float64 makes of them: ${title}`, async ({ device }) => {
    const learningRate = 0.05;
    const vae = await Vae.create(device, data, { ...widths, ...settings, learningRate });
    const maxNorm = settings.clipNorm;
    try {
      expect(vae.steps).toBe(STEPS);
      for (let t = 1; t <= STEPS; t++) {
        const exact = (values: Float64Array) => ({ values, tolerance: new Float64Array(values.length) });
        const state = async () => {
          const { m, v } = await vae.moments();
          return { param: joined(await vae.parameters()), m: joined(m), v: joined(v) };
        };
        const { param, m, v } = await state();
        await vae.advance(1);
        const gradients = await vae.gradients();
        const grad = joined(gradients);
        // Biases do not shrink.
        const decays = gradients.flatMap(({ shape, data: { length } }) =>
          new Array<number>(length).fill(shape.length > 1 ? decay : 0),
        );
        if (maxNorm !== undefined) expect(Math.hypot(...grad), 'there is something to clip').toBeGreaterThan(maxNorm);
        const before = { param: exact(param), m: exact(m), v: exact(v) };
        const options = { ...ADAM_DEFAULTS, learningRate, schedule, maxNorm };
        const expected = adamW(before, grad, decays, t, options);
        const got = await state();
        const comparisons = (['param', 'm', 'v'] as const).map((key) => compare(key, got[key], expected[key]));
        const { ok, message } = report(`step ${t}`, comparisons);
        expect(ok, message).toBe(true);
      }
    } finally {
      vae.dispose();
    }
  });
}

test('every image comes with its own label, in training and in evaluation', async ({ device }) => {
  const classifier = defineModel({
    kind: 'classifier',
    version: 1,
    loss: (tape, { x, labels }) =>
      softmaxCrossEntropy(tape, dense(tape, x, tape.images.classes, { name: 'logits' }), labels),
  });
  const lossOf = ({ images, labels }: ImageSet, places: readonly number[], parameters: Parameters): number => {
    const [weight, bias] = [parameters.get('logits.weight')!, parameters.get('logits.bias')!];
    return places.reduce((mean, place) => {
      const logits = Array.from({ length: CLASSES }, (_, k) => {
        let sum = bias[k]!;
        for (let d = 0; d < D; d++) sum += (weight[k * D + d]! * images[place * D + d]!) / 255;
        return sum;
      });
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
      return mean + (Math.log(total) - logits[labels![place]!]!) / places.length;
    }, 0);
  };
  const trainer = await createTrainer(classifier, device, data, {
    batch: B,
    epochs: 4,
    seed: SEED,
    learningRate: 0.05,
  });
  try {
    for (let step = 0; step < 4; step++) {
      const parameters = byName(await trainer.parameters());
      const losses: number[] = [];
      await trainer.advance(1, { onChunk: (chunk) => losses.push(...chunk.map((loss) => loss.cross_entropy!)) });
      const places = imagesOfStep(step);
      near(`loss of step ${step}`, losses, [lossOf(data.train, places, parameters)]);
      const expected = slopes((moved) => lossOf(data.train, places, moved), parameters);
      for (const { name, data: values } of await trainer.gradients()) {
        near(`gradient of ${name} in step ${step}`, values, expected.get(name)!, DIFFERENCE_ERROR);
      }
    }
    const { loss } = await trainer.evaluate();
    const all = Array.from({ length: data.test.count }, (_, i) => i);
    near('the test loss', [loss], [lossOf(data.test, all, byName(await trainer.parameters()))]);
    expect(trainer.settled.images.classes).toBe(CLASSES);
  } finally {
    trainer.dispose();
  }
});
