import { z } from 'zod';

const size = z
  .int()
  .min(1)
  .max(2 ** 31 - 1);

/** More are a mistake; a file that asks for millions would take minutes to refuse. */
const MOST_HIDDEN = 64;

/** Every setting of a run that changes its result, with its default. */
export const vaeConfigSchema = z.strictObject({
  /** Widths of the encoder's hidden layers; the decoder has them in reverse. Empty: none. */
  hidden: z.array(z.unknown()).max(MOST_HIDDEN).pipe(z.array(size)).default([512, 256]),
  /** L, dimensions of z. */
  latent: size.default(2),
  /** B, images per step. */
  batch: size.default(128),
  epochs: size.default(20),
  /** Adam's learning rate. */
  learningRate: z.number().positive().default(1e-3),
  /** Weight of the KL term: loss = BCE + beta KL. 1 is the evidence lower bound. */
  beta: z.number().nonnegative().default(1),
  /** Of the initial weights, the order of the images and the noise. */
  seed: z
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(0),
});

export type VaeConfig = z.output<typeof vaeConfigSchema>;

/** A setting that cannot be used. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/**
 * Fills in defaults.
 * @throws ConfigError naming the setting, what was expected and what was given
 */
export function parseConfig(config: Partial<VaeConfig> = {}): VaeConfig {
  const result = vaeConfigSchema.safeParse(config);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new ConfigError(`config: ${issue.path.join('.') || 'settings'}: ${issue.message}`);
}
