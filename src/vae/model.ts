import type { DenseProblem } from '../kernels/gemm.ts';
import { dense, denseBernoulli, denseStack } from '../nn/dense.ts';
import { activation } from '../nn/elementwise.ts';
import { importanceBound, importanceSamples } from '../nn/importance.ts';
import { bernoulli, gaussian } from '../nn/loss.ts';
import { reparameterize } from '../nn/reparameterize.ts';
import type { ImageShape, Tape, Value } from '../nn/tape.ts';
import type { Weight } from '../nn/weight.ts';
import { defineModel, type ModelDefinition, pixelsOf, settle } from '../train/model.ts';
import { ConfigError, type VaeConfig, vaeSettings } from './config.ts';
import { convDecoder, convEncoder } from './conv.ts';

/** The encoder but for its heads: images (B, D) -> (B, width). */
export function encodeHidden(tape: Tape, x: Value, config: VaeConfig): Value {
  const { arch, hidden, activation: after } = config;
  return arch === 'conv' ? convEncoder(tape, x, config) : denseStack(tape, x, hidden, 'encoder', after);
}

/** q(z|x): images (B, D) -> (B, 2 L), μ, then log σ². Both heads are one product. */
function encode(tape: Tape, x: Value, config: VaeConfig): Value {
  const { latent } = config;
  const parts = ['mu', 'logvar'].map((name) => ({ name, rows: latent }));
  return dense(tape, encodeHidden(tape, x, config), 2 * latent, { name: 'mu+logvar', parts });
}

/** p(x|z) but for its last layer, which training has together with the loss. */
function decodeHidden(tape: Tape, z: Value, { hidden, activation: after }: VaeConfig): { inp: Value; last: string } {
  return { inp: denseStack(tape, z, hidden.toReversed(), 'decoder', after), last: `decoder.${2 * hidden.length}` };
}

/** z (B, L) -> logits (B, D). */
function decodeLogits(tape: Tape, z: Value, config: VaeConfig): Value {
  if (config.arch === 'conv') return convDecoder(tape, z, config);
  const { inp, last } = decodeHidden(tape, z, config);
  return dense(tape, inp, pixelsOf(tape.images), { name: last });
}

/** z (B, L) -> pixels (B, D) in [0, 1]. */
function decode(tape: Tape, z: Value, config: VaeConfig): Value {
  if (config.arch === 'dense' && tape.mode === 'infer') {
    const { inp, last } = decodeHidden(tape, z, config);
    return dense(tape, inp, pixelsOf(tape.images), { name: last, activation: 'sigmoid' });
  }
  return activation(tape, decodeLogits(tape, z, config), 'sigmoid');
}

/** β, in every step or as it changes from step to step. */
function klWeight({ beta, betaWarmup, betaCycle }: VaeConfig): Weight {
  if (betaWarmup > 0 && betaCycle > 0) {
    throw new ConfigError(`config: betaWarmup is ${betaWarmup}, betaCycle ${betaCycle}: expected only one of them`);
  }
  if (betaWarmup > 0) return { value: beta, schedule: { kind: 'warmup', steps: betaWarmup } };
  if (betaCycle > 0) return { value: beta, schedule: { kind: 'cyclical', period: betaCycle, ratio: 0.5 } };
  return beta;
}

export type VaeViews = 'encode' | 'decode' | 'reconstruct';

/**
 * The importance-weighted bound, Burda et al. 2016. Without weights of the KL term: it has none.
 * @throws ConfigError for settings that contradict it
 */
function recordIwae(tape: Tape, x: Value, config: VaeConfig): void {
  const { beta, betaWarmup, betaCycle, freeBits, likelihood, sigma } = config;
  const others = { beta: [beta, 1], betaWarmup: [betaWarmup, 0], betaCycle: [betaCycle, 0], freeBits: [freeBits, 0] };
  for (const [name, [got, expected]] of Object.entries(others)) {
    if (got === expected) continue;
    throw new ConfigError(
      `config: ${name} is ${got}, expected ${expected} with the objective iwae, which has no KL term of its own`,
    );
  }
  if (likelihood === 'gaussian' && sigma === 'learned') {
    throw new ConfigError('config: sigma is learned, expected a number with the objective iwae');
  }
  const { z, ...samples } = importanceSamples(tape, encode(tape, x, config), { samples: config.iwSamples });
  if (likelihood === 'gaussian') {
    importanceBound(tape, samples, decode(tape, z, config), x, { kind: 'gaussian', sigma: Number(sigma) });
    return;
  }
  importanceBound(tape, samples, decodeLogits(tape, z, config), x, { kind: 'bernoulli' });
}

/**
 * The variational autoencoder of Kingma & Welling 2014 with dense layers: q(z|x) = N(μ, diag σ²), p(x|z) Bernoulli,
 * loss = BCE + beta KL; with the objective `iwae` the importance-weighted bound of Burda et al. 2016.
 */
export const vae: ModelDefinition<VaeConfig, VaeViews> = defineModel({
  kind: 'vae',
  version: 1,
  settings: vaeSettings,
  loss(tape, batch, config) {
    const x = config.binarize === 'dynamic' ? batch.binarized : batch.x;
    if (config.objective === 'iwae') {
      recordIwae(tape, x, config);
      return;
    }
    const kl = { weight: klWeight(config), freeBits: config.freeBits };
    const z = reparameterize(tape, encode(tape, x, config), kl);
    if (config.likelihood === 'gaussian') {
      gaussian(tape, decode(tape, z, config), x, { sigma: config.sigma });
      return;
    }
    if (config.arch === 'conv') {
      bernoulli(tape, decodeLogits(tape, z, config), x);
      return;
    }
    const { inp, last } = decodeHidden(tape, z, config);
    denseBernoulli(tape, inp, x, { name: last });
  },
  views: {
    encode: { run: (tape, x, config) => ({ heads: encode(tape, x, config) }) },
    decode: { shape: ({ latent }) => [latent], run: (tape, z, config) => ({ pixels: decode(tape, z, config) }) },
    reconstruct: {
      run(tape, x, config) {
        const heads = encode(tape, x, config);
        return { heads, pixels: decode(tape, reparameterize(tape, heads), config) };
      },
    },
  },
});

/**
 * The matrix products of a training step, for the tuner.
 * @param images rows, columns and channels of the images, or of models without convolutions D, how many numbers they have
 */
export function vaeProblems(
  config: Partial<VaeConfig>,
  images: number | (Pick<ImageShape, 'rows' | 'columns'> & { channels?: number }),
): readonly DenseProblem[] {
  const { rows, columns, channels = 1 } = typeof images === 'number' ? { rows: 1, columns: images } : images;
  return settle(vae, config, { rows, columns, channels, classes: 0 }).problems;
}
