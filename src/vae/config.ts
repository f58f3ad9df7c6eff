import * as z from 'zod/mini';
import { ConfigError, parseSettings, type TrainConfig, trainSettings } from '../train/config.ts';
import { f32NonNegative, f32Positive, integer, positiveInt, stepCount } from '../train/schema.ts';

export { ConfigError };

/** More are a mistake; a file that asks for millions would take minutes to refuse. */
const MOST_HIDDEN = 64;
/** So many halve any image to one pixel. */
const MOST_CONVOLUTIONS = 16;

/** Every setting of a run that changes its result. */
export interface VaeConfig extends TrainConfig {
  /** `dense`, the default: layers of the widths `hidden`; or `conv`: convolutions with `channels`, and a layer of the width `dense`. */
  arch: 'dense' | 'conv';
  /** Channels of the encoder's convolutions, each of which halves rows and columns; the decoder mirrors them. Default 32, 64. */
  channels: number[];
  /** Width of the layer between convolutions and z; default 256. */
  dense: number;
  /** Widths of the encoder's hidden layers; the decoder has them in reverse. Empty: none. Default 512, 256. */
  hidden: number[];
  /** After every hidden layer; default `relu`. */
  activation: 'relu' | 'tanh';
  /** L, dimensions of z; default 2. */
  latent: number;
  /** p(x|z): `bernoulli`, the default, with the loss BCE, or `gaussian` with −log N(x; mean, σ²). */
  likelihood: 'bernoulli' | 'gaussian';
  /** Standard deviation of the Gaussian likelihood; `learned`, the default: one number for all pixels, a parameter. */
  sigma: number | 'learned';
  /** `dynamic`: pixels are 0 or 1, drawn anew in every step with the grey levels as probabilities. Default `none`. */
  binarize: 'none' | 'dynamic';
  /** Weight of the KL term: loss = BCE + beta KL. 1, the default, is the evidence lower bound. */
  beta: number;
  /** Steps over which beta grows from 0 to its value; default 0. */
  betaWarmup: number;
  /** Period in steps, 2 or more, after which beta begins at 0 again, growing over the first half of it; 0, the default: never. */
  betaCycle: number;
  /** Nats of KL divergence per dimension of z that cost nothing; default 0. */
  freeBits: number;
  /** What training makes small: −ELBO, `elbo`, the default; or `iwae`, the importance-weighted bound with `iwSamples` z for every image. */
  objective: 'elbo' | 'iwae';
  /** K, of the objective `iwae`; default 5. */
  iwSamples: number;
}

/** More samples than any buffer has room for. */
export const MOST_SAMPLES = 2 ** 20;

/** @internal How the VAE's own settings are checked, with their defaults. */
export const vaeSettings = {
  arch: z._default(z.enum(['dense', 'conv']), 'dense'),
  channels: z._default(
    z.pipe(z.array(z.unknown()).check(z.minLength(1), z.maxLength(MOST_CONVOLUTIONS)), z.array(positiveInt)),
    [32, 64],
  ),
  dense: z._default(positiveInt, 256),
  hidden: z._default(z.pipe(z.array(z.unknown()).check(z.maxLength(MOST_HIDDEN)), z.array(positiveInt)), [512, 256]),
  activation: z._default(z.enum(['relu', 'tanh']), 'relu'),
  latent: z._default(positiveInt, 2),
  likelihood: z._default(z.enum(['bernoulli', 'gaussian']), 'bernoulli'),
  sigma: z._default(z.union([f32Positive, z.literal('learned')]), 'learned'),
  binarize: z._default(z.enum(['none', 'dynamic']), 'none'),
  beta: z._default(f32NonNegative, 1),
  betaWarmup: z._default(stepCount, 0),
  betaCycle: z._default(
    stepCount.check(
      z.refine((steps) => steps !== 1, { error: 'expected 0 or at least 2: in cycles of 1 beta stays 0' }),
    ),
    0,
  ),
  freeBits: z._default(f32NonNegative, 0),
  objective: z._default(z.enum(['elbo', 'iwae']), 'elbo'),
  iwSamples: z._default(integer(1, MOST_SAMPLES), 5),
} satisfies { [Name in Exclude<keyof VaeConfig, keyof TrainConfig>]: z.ZodMiniType<VaeConfig[Name]> };

const schema = z.strictObject({ ...vaeSettings, ...trainSettings });

/**
 * Fills in defaults.
 * @throws ConfigError naming the setting, what was expected and what was given
 */
export function parseConfig(config: Partial<VaeConfig> = {}): VaeConfig {
  return parseSettings(schema, config);
}

/** A model's layers in words, from the first hidden one to z: `512-256-2`, `conv 32,64-256-2`. */
export function describeLayers({ arch, hidden, channels, dense, latent }: VaeConfig): string {
  return (arch === 'conv' ? [`conv ${channels.join()}`, dense, latent] : [...hidden, latent]).join('-');
}
