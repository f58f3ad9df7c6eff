/** What an image's code costs, on the GPU: −ELBO with one z for each image, and the importance-weighted bound with many. */
import type { ImageSet } from '../../data/dataset.ts';
import type { Device } from '../../gpu/device.ts';
import { BufferPool, upload } from '../../gpu/tensor.ts';
import { flattenParameters } from '../../nn/parameters.ts';
import { mostBytes } from '../../train/batches.ts';
import { Evaluator } from '../../train/evaluator.ts';
import { settle } from '../../train/model.ts';
import { ConfigError, MOST_SAMPLES, type VaeConfig } from '../config.ts';
import { type Elbo, elboOf } from '../elbo.ts';
import { vae } from '../model.ts';
import type { VaeFile } from '../model-file.ts';

/** How long a submission should take, in ms. */
const CHUNK_MS = 60;
/** z of a step, more or less: images of a step times their samples. */
const STEP_SAMPLES = 1000;

type Measured = Pick<VaeFile, 'config' | 'images' | 'parameters'>;

/** The bound, and how far its mean over the images may be from that over all images there could be. */
export interface ImportanceEstimate {
  /** −log 1/K Σ p(x, z_k) / q(z_k|x) in nats per image. */
  nll: number;
  /** Standard error of the mean over the images. */
  standardError: number;
  samples: number;
  images: number;
}

/** −ELBO of the images, one z ~ q(z|x) for each, the same noise as in training's evaluation. */
export async function measureElbo(device: Device, model: Measured, set: ImageSet): Promise<Elbo> {
  const elbo: Partial<VaeConfig> = { objective: 'elbo', beta: 1, betaWarmup: 0, betaCycle: 0, freeBits: 0 };
  return withEvaluator(device, model, elbo, set, undefined, async (evaluator) => elboOf(await evaluator.run(CHUNK_MS)));
}

/** Images of a step with K samples each: so many that their noise does not depend on the adapter. */
export function imagesPerStep(samples: number): number {
  return Math.max(1, Math.floor(STEP_SAMPLES / samples));
}

/**
 * The importance-weighted bound with K samples, Burda et al. 2016, equation 8; the noise of sample k of image b of step s is Philox's
 * with the element (b K + k) L + j.
 * @param options.onImages told how many images are done
 * @throws ConfigError if a buffer has no room for so many samples
 */
export function measureBound(
  device: Device,
  model: Measured,
  set: ImageSet,
  { samples, onImages }: { samples: number; onImages?: (done: number) => void },
): Promise<ImportanceEstimate> {
  const others: Partial<VaeConfig> = {
    objective: 'iwae',
    iwSamples: samples,
    beta: 1,
    betaWarmup: 0,
    betaCycle: 0,
    freeBits: 0,
    sigma: sigmaOf(model),
  };
  const { widest } = settle(vae, { ...model.config, ...others, iwSamples: 1 }, model.images);
  const most = Math.min(MOST_SAMPLES, Math.floor(mostBytes(device) / (4 * widest)));
  if (samples > most) {
    throw new ConfigError(`eval: ${samples} samples for an image, the adapter has room for ${most}: ask for fewer`);
  }
  return withEvaluator(device, model, others, set, imagesPerStep(samples), async (evaluator) => {
    const means: { value: number; images: number }[] = [];
    let done = 0;
    const { iwae } = await evaluator.run(CHUNK_MS, undefined, (losses, images) => {
      for (const loss of losses) means.push({ value: loss.iwae!, images });
      done += losses.length * images;
      onImages?.(done);
    });
    // The variance of an image's bound from that of the steps' means, each of so many images.
    const squares = means.reduce((sum, { value, images }) => sum + images * (value - iwae!) ** 2, 0);
    const standardError = means.length < 2 ? Number.NaN : Math.sqrt(squares / (means.length - 1) / set.count);
    return { nll: iwae!, standardError, samples, images: set.count };
  });
}

/** A learned σ is a number here. */
function sigmaOf({ config, parameters }: Measured): VaeConfig['sigma'] {
  const logvar = parameters.find(({ name }) => name === 'log_variance.value')?.data[0];
  return config.likelihood === 'gaussian' && config.sigma === 'learned' && logvar !== undefined
    ? Math.exp(logvar / 2)
    : config.sigma;
}

/** The model with other settings, none of which changes what its parameters mean. */
async function withEvaluator<T>(
  device: Device,
  { config, images, parameters }: Measured,
  others: Partial<VaeConfig>,
  set: ImageSet,
  most: number | undefined,
  use: (evaluator: Evaluator) => Promise<T>,
): Promise<T> {
  const model = settle(vae, { ...config, ...others, binarize: 'none' }, images);
  const wanted = new Set(model.table.entries.map(({ name }) => name));
  const flat = flattenParameters(
    model.table,
    parameters.filter(({ name }) => wanted.has(name)),
  );
  const pool = new BufferPool(device);
  let evaluator: Evaluator | undefined;
  try {
    evaluator = await device.checked('evaluate', () => {
      const param = pool.tensor('parameters', [model.table.length]);
      upload(device, param, flat);
      return new Evaluator(device, model, param, set, most);
    });
    return await use(evaluator);
  } finally {
    evaluator?.dispose();
    pool.dispose();
  }
}
