/** All that is measured of a trained VAE, one part after the other. */
import type { DataSet, ImageSet } from '../../data/dataset.ts';
import { takeFirst } from '../../data/dataset.ts';
import type { Device } from '../../gpu/device.ts';
import { normalNumbers } from '../../nn/random.ts';
import type { NamedTensor } from '../../train/safetensors.ts';
import type { Elbo } from '../elbo.ts';
import type { Posterior } from '../heads.ts';
import type { VaeFile } from '../model-file.ts';
import { OpenedVae } from '../opened.ts';
import { type ImportanceEstimate, measureBound, measureElbo } from './bound.ts';
import { accuracyOf, CLASSES, confidenceOf, FEATURES, IMAGES, OpenedClassifier, type Seen } from './classifier.ts';
import { frechetDistance, type Moments, momentsOf } from './frechet.ts';
import {
  type AggregateEstimate,
  activeUnits,
  aggregateEstimate,
  klPerDimension,
  momentsOfMeans,
  samplePosterior,
} from './latent.ts';
import { fitMixture, sampleMixture } from './mixture.ts';
import { neighbourAccuracy } from './neighbours.ts';
import { type Binarization, binarized } from './pixels.ts';
import { probeAccuracy } from './probe.ts';

/** Of the accuracy by neighbours. */
export const NEIGHBOURS = 10;
/** Of the mixture that is fitted to the aggregate posterior. */
export const COMPONENTS = 10;
/** z of the minibatch estimate; it takes as many times the images. */
const DRAWN = 1000;
/** Training images that the mixture is fitted to. */
const FITTED = 10_000;
/** Images that are drawn and compared, and read back at once. */
const DRAWN_IMAGES = 10_000;
const PIECE = 1000;

export interface EvaluationOptions {
  pixels: Binarization;
  /** K of the importance-weighted bound, and how many of the test images it is measured on. */
  samples: number;
  images: number;
  /** Of whatever is drawn: z of the minibatch estimate, of samples and of the mixture. */
  seed: number;
  /** The fixed classifier's parameters. */
  classifier: NamedTensor[];
  /** Told what is measured and how far that is, from 0 to 1. */
  onProgress?: (what: string, part: number) => void;
}

/** What the fixed classifier says of images. */
export interface SampleQuality {
  /** Fréchet distance from the training images, in the classifier's features. */
  frechet: number;
  /** Where the images have labels: the part that the classifier gets right. */
  accuracy?: number;
  /** Mean probability of the class that it finds the likeliest. */
  confidence: number;
  images: number;
}

export interface Evaluation {
  elbo: Elbo;
  kl: number[];
  activeUnits: number;
  bound: ImportanceEstimate;
  aggregate: AggregateEstimate;
  /** Mean squared error of a pixel when μ is decoded. */
  squaredError: number;
  /** Of data with labels. */
  neighbours?: number;
  probe?: number;
  /** Of images of 28 x 28 pixels. */
  samples?: Record<'test' | 'reconstructions' | 'prior' | 'mixture', SampleQuality>;
}

/**
 * Measures a model on a data set's test images; whoever learns from examples (neighbours, probe, mixture) has the training images.
 * @throws ConfigError if a buffer has no room for so many samples, RangeError if the images have another size than the model's
 */
export async function evaluateVae(
  device: Device,
  model: VaeFile,
  data: DataSet,
  options: EvaluationOptions,
): Promise<Evaluation> {
  const { pixels, seed, onProgress = () => {} } = options;
  const L = model.config.latent;
  onProgress('reading the images', 0);
  const test = binarized(data.test, pixels);
  const train = binarized(data.train, pixels);
  const vae = await device.checked('open the model', () => new OpenedVae(device, model));
  try {
    onProgress('−ELBO', 0);
    const elbo = await measureElbo(device, model, test);
    const images = Math.min(options.images, test.count);
    const bound = await measureBound(device, model, takeFirst(test, images), {
      samples: options.samples,
      onImages: (done) => onProgress(`the bound with ${options.samples} samples`, done / images),
    });
    onProgress('posteriors', 0);
    const [ofTest, ofTrain] = [await vae.encode(test.images), await vae.encode(train.images)];
    const aggregate = aggregateEstimate(ofTest, L, DRAWN, seed);
    const labelled = await withLabels(device, model, { ...data, test, train }, { ofTest, ofTrain }, onProgress);
    const { error, samples } = await picturesOf(device, vae, data, { test, ofTest, ofTrain }, options);
    return {
      elbo,
      kl: klPerDimension(ofTest, L),
      activeUnits: activeUnits(ofTest, L),
      bound,
      aggregate,
      squaredError: error,
      ...labelled,
      ...(samples && { samples }),
    };
  } finally {
    vae.dispose();
  }
}

interface Posteriors {
  ofTest: Posterior;
  ofTrain: Posterior;
}

/** What needs labels. */
async function withLabels(
  device: Device,
  model: VaeFile,
  data: DataSet,
  { ofTest, ofTrain }: Posteriors,
  onProgress: (what: string, part: number) => void,
): Promise<Pick<Evaluation, 'neighbours' | 'probe'>> {
  const { train, test } = data;
  if (!train.labels || !test.labels) return {};
  const L = model.config.latent;
  const among = { points: ofTrain.mu, labels: train.labels };
  const queries = { points: ofTest.mu, labels: test.labels };
  const neighbours = await neighbourAccuracy(among, queries, L, {
    neighbours: NEIGHBOURS,
    async onPiece(done) {
      onProgress('nearest neighbours', done / test.count);
      await new Promise((resolve) => setTimeout(resolve));
    },
  });
  const scale = momentsOfMeans(ofTrain, L);
  const probe = await probeAccuracy(device, model, data, scale, (part) => onProgress('the linear probe', part));
  return { neighbours, probe };
}

/** Reconstructions, and what the classifier says of them and of samples. */
async function picturesOf(
  device: Device,
  vae: OpenedVae,
  data: DataSet,
  { test, ofTest, ofTrain }: Posteriors & { test: ImageSet },
  { seed, classifier: parameters, onProgress = () => {} }: EvaluationOptions,
): Promise<{ error: number; samples: Evaluation['samples'] }> {
  const L = vae.config.latent;
  const { rows, columns } = data.train;
  const fits =
    vae.imageSize === IMAGES.rows * IMAGES.columns &&
    rows === IMAGES.rows &&
    columns === IMAGES.columns &&
    (data.test.labels?.every((l) => l < CLASSES) ?? true);
  const classifier = fits ? new OpenedClassifier(device, parameters) : undefined;
  try {
    onProgress('reconstructions', 0);
    let error = 0;
    const reconstructions = await lookAtDecoded(vae, classifier, ofTest.mu, (pixels, first) => {
      const at = first * vae.imageSize;
      for (let i = 0; i < pixels.length; i++) error += (pixels[i]! - test.images[at + i]! / 255) ** 2;
    });
    error /= test.images.length;
    if (!classifier) return { error, samples: undefined };

    // Grey whatever the model looks at: what it draws are probabilities, grey too.
    onProgress("the classifier's view of the images", 0);
    const reference = momentsOf((await classifier.look(data.train.images)).features, FEATURES);
    const real = await classifier.look(data.test.images);
    onProgress('samples', 0);
    const ofPrior = await lookAtDecoded(vae, classifier, normalNumbers(DRAWN_IMAGES * L, seed));
    onProgress('the mixture', 0);
    const fitted = Math.min(FITTED, ofTrain.mu.length / L);
    const mixture = fitMixture(samplePosterior(ofTrain, L, fitted, seed), L, COMPONENTS, seed);
    onProgress('samples of the mixture', 0);
    const ofMixture = await lookAtDecoded(vae, classifier, sampleMixture(mixture, DRAWN_IMAGES, seed));
    const { labels } = data.test;
    const quality = (seen: Seen, labelled: boolean) => qualityOf(seen, reference, labelled ? labels : undefined);
    return {
      error,
      samples: {
        test: quality(real, true),
        reconstructions: quality(reconstructions, true),
        prior: quality(ofPrior, false),
        mixture: quality(ofMixture, false),
      },
    };
  } finally {
    classifier?.dispose();
  }
}

function qualityOf({ features, logits }: Seen, reference: Moments, labels: ImageSet['labels']): SampleQuality {
  return {
    frechet: frechetDistance(momentsOf(features, FEATURES), reference),
    ...(labels && { accuracy: accuracyOf(logits, labels) }),
    confidence: confidenceOf(logits, CLASSES),
    images: logits.length / CLASSES,
  };
}

/** Decodes z (n, L) piece by piece, and shows the images to the classifier. */
async function lookAtDecoded(
  vae: OpenedVae,
  classifier: OpenedClassifier | undefined,
  z: Float32Array,
  onPixels: (pixels: Float32Array, first: number) => void = () => {},
): Promise<Seen> {
  const L = vae.config.latent;
  const count = z.length / L;
  const seen: Seen = { features: new Float32Array(count * FEATURES), logits: new Float32Array(count * CLASSES) };
  for (let first = 0; first < count; first += PIECE) {
    const pixels = await vae.decode(z.subarray(first * L, (first + PIECE) * L));
    onPixels(pixels, first);
    const { features, logits } = (await classifier?.look(pixels)) ?? {};
    if (features) seen.features.set(features, first * FEATURES);
    if (logits) seen.logits.set(logits, first * CLASSES);
  }
  return seen;
}
