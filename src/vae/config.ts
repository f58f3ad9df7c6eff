import { z } from 'zod';

const size = z
  .int()
  .min(1)
  .max(2 ** 31 - 1);

/** f32's smallest normal number and its largest: what is below may be computed with as 0. */
const F32 = { min: 2 ** -126, max: (2 - 2 ** -23) * 2 ** 127 };
const F32_RANGE = `from ${F32.min} to ${F32.max}, f32's normal range`;

const inF32 = (value: number): boolean => value >= F32.min && value <= F32.max;

/** Every setting of a run that changes its result, with its default. */
export const vaeConfigSchema = z.strictObject({
  /** Widths of the encoder's hidden layers; the decoder has them in reverse. Empty: none. */
  hidden: z.array(size).default([512, 256]),
  /** L, dimensions of z. */
  latent: size.default(2),
  /** B, images per step. */
  batch: size.default(128),
  epochs: size.default(20),
  /** Adam's learning rate. */
  learningRate: z
    .number()
    .refine(inF32, { error: `expected a number ${F32_RANGE}` })
    .default(1e-3),
  /** Weight of the KL term: loss = BCE + beta KL. 1 is the evidence lower bound. */
  beta: z
    .number()
    .refine((value) => value === 0 || inF32(value), { error: `expected 0 or a number ${F32_RANGE}` })
    .default(1),
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
  const { path, message } = result.error.issues[0]!;
  let given: unknown = config;
  for (const key of path) given = (given as Record<PropertyKey, unknown>)[key];
  const got = typeof given === 'number' ? `, got ${given}` : '';
  throw new ConfigError(`config: ${path.join('.') || 'settings'}: ${message}${got}`);
}
