import { z } from 'zod';
import {
  ConfigError,
  f32NonNegative,
  f32Positive,
  parseSettings,
  positiveInt,
  stepCount,
  trainSettings,
} from '../train/config.ts';
import type { ConfigOf } from '../train/model.ts';

export { ConfigError };

/** More are a mistake; a file that asks for millions would take minutes to refuse. */
const MOST_HIDDEN = 64;

/** The VAE's own settings, with their defaults. */
export const vaeSettings = {
  /** Widths of the encoder's hidden layers; the decoder has them in reverse. Empty: none. */
  hidden: z.array(z.unknown()).max(MOST_HIDDEN).pipe(z.array(positiveInt)).default([512, 256]),
  /** L, dimensions of z. */
  latent: positiveInt.default(2),
  /** p(x|z): `bernoulli` with the loss BCE, or `gaussian` with −log N(x; mean, σ²). */
  likelihood: z.enum(['bernoulli', 'gaussian']).default('bernoulli'),
  /** Standard deviation of the Gaussian likelihood; `learned`: one number for all pixels, a parameter. */
  sigma: z.union([f32Positive, z.literal('learned')]).default('learned'),
  /** `dynamic`: pixels are 0 or 1, drawn anew in every step with the grey levels as probabilities. */
  binarize: z.enum(['none', 'dynamic']).default('none'),
  /** Weight of the KL term: loss = BCE + beta KL. 1 is the evidence lower bound. */
  beta: f32NonNegative.default(1),
  /** Steps over which beta grows from 0 to its value. */
  betaWarmup: stepCount.default(0),
  /** Period in steps after which beta begins at 0 again, growing over the first half of it; 0: never. */
  betaCycle: stepCount.default(0),
  /** Nats of KL divergence per dimension of z that cost nothing. */
  freeBits: f32NonNegative.default(0),
};

/** Every setting of a run that changes its result. */
export type VaeConfig = ConfigOf<typeof vaeSettings>;

const schema = z.strictObject({ ...vaeSettings, ...trainSettings });

/**
 * Fills in defaults.
 * @throws ConfigError naming the setting, what was expected and what was given
 */
export function parseConfig(config: Partial<VaeConfig> = {}): VaeConfig {
  return parseSettings(schema, config);
}
