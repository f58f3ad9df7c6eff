import * as z from 'zod/mini';
import { f32NonNegative, f32Positive, integer, positiveInt, stepCount } from './schema.ts';

/** The settings of training that every model has. */
export interface TrainConfig {
  /** B, images per step; default 128. */
  batch: number;
  /** Default 20. */
  epochs: number;
  /** Default 1e-3. */
  learningRate: number;
  /** `adamw` is Adam with decoupled weight decay. Default `adam`. */
  optimizer: 'adam' | 'adamw';
  /** Of `adamw`: what parameters shrink by in a step, times the learning rate; not biases. Default 0.01. */
  weightDecay: number;
  /** The largest norm of all gradients together; 0, the default: any. */
  clipNorm: number;
  /** How the learning rate goes on after the warm-up: `cosine` to 0 at the end of the run. Default `constant`. */
  lrSchedule: 'constant' | 'cosine';
  /** Steps over which the learning rate grows from 0 to its value; default 0. */
  lrWarmup: number;
  /** Of the initial weights, the order of the images and the noise; default 0. */
  seed: number;
}

/** @internal How they are checked, with their defaults. */
export const trainSettings = {
  batch: z._default(positiveInt, 128),
  epochs: z._default(positiveInt, 20),
  learningRate: z._default(f32Positive, 1e-3),
  optimizer: z._default(z.enum(['adam', 'adamw']), 'adam'),
  weightDecay: z._default(f32NonNegative, 0.01),
  clipNorm: z._default(f32NonNegative, 0),
  lrSchedule: z._default(z.enum(['constant', 'cosine']), 'constant'),
  lrWarmup: z._default(stepCount, 0),
  seed: z._default(integer(0, 2 ** 32 - 1), 0),
} satisfies { [Name in keyof TrainConfig]: z.ZodMiniType<TrainConfig[Name]> };

/** What is known of a model's settings: how to check them and fill in defaults. An object schema of zod is one. */
export interface SettingsSchema<Config> {
  safeParse(
    given: unknown,
  ):
    | { success: true; data: Config }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } };
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
