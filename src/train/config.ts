import { z } from 'zod';

/** A size of something: at least one of it. */
export const positiveInt = z
  .int()
  .min(1)
  .max(2 ** 31 - 1);

/** f32's smallest normal number: what is below may be computed with as 0. */
export const F32_MIN = 2 ** -126;
const F32_MAX = (2 - 2 ** -23) * 2 ** 127;
const F32_RANGE = `from ${F32_MIN} to ${F32_MAX}, f32's normal range`;

const inF32 = (value: number): boolean => value >= F32_MIN && value <= F32_MAX;

/** A positive number that f32 has. */
export const f32Positive = z.number().refine(inF32, { error: `expected a number ${F32_RANGE}` });

/** A number that f32 has, 0 or more. */
export const f32NonNegative = z
  .number()
  .refine((value) => value === 0 || inF32(value), { error: `expected 0 or a number ${F32_RANGE}` });

/** A number of steps, which may be none. */
export const stepCount = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);

/** The settings of training that every model has, with their defaults. */
export const trainSettings = {
  /** B, images per step. */
  batch: positiveInt.default(128),
  epochs: positiveInt.default(20),
  learningRate: f32Positive.default(1e-3),
  /** `adamw` is Adam with decoupled weight decay. */
  optimizer: z.enum(['adam', 'adamw']).default('adam'),
  /** Of `adamw`: what parameters shrink by in a step, times the learning rate; not biases. */
  weightDecay: f32NonNegative.default(0.01),
  /** The largest norm of all gradients together; 0: any. */
  clipNorm: f32NonNegative.default(0),
  /** How the learning rate goes on after the warm-up: `cosine` to 0 at the end of the run. */
  lrSchedule: z.enum(['constant', 'cosine']).default('constant'),
  /** Steps over which the learning rate grows from 0 to its value. */
  lrWarmup: stepCount.default(0),
  /** Of the initial weights, the order of the images and the noise. */
  seed: z
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(0),
};

export type TrainConfig = z.output<z.ZodObject<typeof trainSettings>>;

/** What is known of a model's settings: how to check them and fill in defaults. */
export interface SettingsSchema<Config> {
  safeParse(given: unknown): z.ZodSafeParseResult<Config>;
}

/** A setting that cannot be used. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/**
 * Fills in defaults.
 * @throws ConfigError naming the setting, what was expected and what was given
 */
export function parseSettings<Config>(schema: SettingsSchema<Config>, given: unknown): Config {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  let value: unknown = given;
  for (const key of path) value = (value as Record<PropertyKey, unknown>)[key];
  const got = typeof value === 'number' ? `, got ${value}` : '';
  throw new ConfigError(`config: ${path.join('.') || 'settings'}: ${message}${got}`);
}
