import * as z from 'zod/mini';
import type { Device } from '../gpu/device.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { DenseProblem } from '../kernels/gemm.ts';
import type { ParameterTable } from '../nn/parameters.ts';
import { type ImageShape, OutlineTape, type Tape, type Value } from '../nn/tape.ts';
import { parseSettings, type SettingsSchema, type TrainConfig, trainSettings } from './config.ts';
import type { WeightedTerm } from './losses.ts';

/** A batch, as a model's loss sees it. What a model does not look at costs nothing. */
export interface Batch {
  /** (B, D) f32 in [0, 1], D = rows · columns · channels. */
  readonly x: Value;
  /** (B, D) f32, each 1 with the probability that `x` is, else 0: drawn anew in every step, Burda et al. 2016, section 5.1. */
  readonly binarized: Value;
  /** (B) u32, each below `tape.images.classes`. */
  readonly labels: Value;
}

/** What can be looked at in a model: a part of it that is run without noise and without a loss. */
export interface ViewDefinition<Config> {
  /** The shape of its input without the batch's dimension; without this it is given images. */
  shape?(config: Config, images: ImageShape): readonly number[];
  /** @returns what it shows, by name: (B, …) f32 each */
  run(tape: Tape, inp: Value, config: Config): Record<string, Value>;
}

/** A setting of a model's own: how it is checked and what it is without. A field of zod 4 is one, of whichever copy of zod. */
export interface Setting {
  readonly '~standard': { readonly types?: { readonly output: unknown } | undefined };
}
/** A model's own settings by name. */
export type Settings = Readonly<Record<string, Setting>>;
/** All settings of a model whose own are `S`. */
export type ConfigOf<S extends Settings> = {
  [Name in keyof S]: NonNullable<S[Name]['~standard']['types']>['output'];
} & TrainConfig;

/** A model: its settings, what it computes, and what can be looked at in it. */
export interface ModelDefinition<Config extends TrainConfig = TrainConfig, Views extends string = string> {
  /** Of its checkpoints, which other models do not load. */
  readonly kind: string;
  /** To be raised when older checkpoints of this kind would be misread. */
  readonly version: number;
  readonly schema: SettingsSchema<Config>;
  /** Records the loss of a batch: at least one term, see `Tape.term`. */
  loss(tape: Tape, batch: Batch, config: Config): void;
  readonly views: Readonly<Record<Views, ViewDefinition<Config>>>;
}

/**
 * Defines a model.
 *
 * @param definition.settings the model's own, as fields of a zod object with their defaults; those of training (`TrainConfig`)
 * come with every model
 * @throws TypeError for a setting that is no field of zod 4
 */
export function defineModel<S extends Settings = Record<never, never>, Views extends string = never>(definition: {
  kind: string;
  version: number;
  settings?: S;
  loss(tape: Tape, batch: Batch, config: ConfigOf<S>): void;
  views?: Record<Views, ViewDefinition<ConfigOf<S>>>;
}): ModelDefinition<ConfigOf<S>, Views> {
  const { kind, version, settings, loss, views } = definition;
  if (typeof kind !== 'string' || kind === '' || !Number.isInteger(version) || typeof loss !== 'function') {
    throw new TypeError('defineModel: expected a kind (text), a version (whole number) and a loss (function)');
  }
  const taken = Object.keys(settings ?? {}).filter((name) => name in trainSettings);
  if (taken.length > 0) {
    throw new RangeError(
      `defineModel: ${kind} has a setting ${taken.join(', ')}, which training has: give it another name`,
    );
  }
  for (const [name, field] of Object.entries(settings ?? {})) {
    if ('_zod' in field) continue;
    throw new TypeError(`defineModel ${kind}: the setting ${name} is no field of zod 4: write z.number().default(1)`);
  }
  const own = settings as z.core.$ZodShape | undefined;
  const schema = z.strictObject({ ...own, ...trainSettings }) as unknown as SettingsSchema<ConfigOf<S>>;
  return { kind, version, schema, loss, views: views ?? ({} as Record<Views, ViewDefinition<ConfigOf<S>>>) };
}

/** A model with its settings, for images of one shape: all that planning needs besides a device. */
export interface SettledModel<Config extends TrainConfig = TrainConfig, Views extends string = string> {
  definition: ModelDefinition<Config, Views>;
  config: Config;
  images: ImageShape;
  table: ParameterTable;
  terms: readonly WeightedTerm[];
  usesLabels: boolean;
  /** Most elements that a tensor of the model has for one row of the batch. */
  widest: number;
  /** The matrix products of a training step, for the tuner. */
  problems: readonly DenseProblem[];
}

/**
 * Runs a model's loss once without a device, to see what it consists of.
 * @throws ConfigError for a setting that cannot be used
 * @throws RangeError if the model contradicts itself
 */
export function settle<Config extends TrainConfig, Views extends string>(
  definition: ModelDefinition<Config, Views>,
  given: Partial<Config>,
  images: ImageShape,
): SettledModel<Config, Views> {
  const config = parseSettings(definition.schema, given);
  const tape = new OutlineTape(config.batch, images);
  let usesLabels = false;
  const value = (label: string, shape: readonly number[]): Value => ({
    tensor: tape.tensor(label, shape),
    relu: false,
    needsGradient: false,
  });
  const batch: Batch = {
    x: value('x', [config.batch, pixelsOf(images)]),
    binarized: value('x', [config.batch, pixelsOf(images)]),
    get labels() {
      usesLabels = true;
      return value('labels', [config.batch]);
    },
  };
  definition.loss(tape, batch, config);
  const { table, terms, problems, widest } = tape.outline;
  if (terms.length === 0)
    throw new RangeError(`model ${definition.kind}: its loss has no term, expected at least one: call tape.term`);
  return { definition, config, images, table, terms, problems, usesLabels, widest };
}

/** A model on a device, to look through: its parameters (table.length) f32, which training changes. */
export interface PlacedModel<Config extends TrainConfig = TrainConfig, Views extends string = string> {
  device: Device;
  model: SettledModel<Config, Views>;
  param: Tensor;
}

/** D, numbers of an image. */
export function pixelsOf({ rows, columns, channels }: ImageShape): number {
  return rows * columns * channels;
}
