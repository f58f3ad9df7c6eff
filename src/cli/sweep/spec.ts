/** What a study is: everything that its trials follow from. */
import { createHash } from 'node:crypto';
import { ConfigError, type VaeConfig } from 'webgpu-vae';
import { z } from 'zod';
import { axisSchema, configAt, type Point } from './space.ts';

const count = z
  .int()
  .min(1)
  .max(2 ** 31 - 1);

export const SEARCHES = ['grid', 'random', 'sobol', 'tpe'] as const;
export type SearchName = (typeof SEARCHES)[number];

/** The data set that every trial is trained on: who has another one takes no trial. */
const dataSchema = z.strictObject({
  name: z.string().max(1000),
  trainCount: count,
  testCount: count,
  fingerprint: z.string().max(100),
  testFingerprint: z.string().max(100),
});

export const specSchema = z.strictObject({
  format: z.literal(1),
  space: z.array(axisSchema).max(100),
  fixed: z.record(z.string(), z.unknown()),
  /** Runs in all; each point of the space is run with `seeds` seeds, one after the other. */
  trials: count.max(100_000),
  seeds: count.max(100_000),
  search: z.enum(SEARCHES),
  searchSeed: z.int().min(0),
  stop: z.strictObject({ name: z.literal('asha'), from: count, factor: z.int().min(2).max(1000) }).nullable(),
  transpose: z.boolean(),
  trainSize: count.nullable(),
  testSize: count.nullable(),
  variant: z.string().max(100),
  checkpointEvery: z.number().positive(),
  data: dataSchema,
});

export type StudySpec = z.output<typeof specSchema>;

/** The study's name in a database and of its folder: the same settings, the same name. */
export function studyId(spec: StudySpec): string {
  return createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 12);
}

/** Trial n runs point ⌊n / seeds⌋ with seed n mod seeds. */
export function placeOf({ seeds }: Pick<StudySpec, 'seeds'>, trial: number): { point: number; seedIndex: number } {
  return { point: Math.floor(trial / seeds), seedIndex: trial % seeds };
}

/** @throws ConfigError */
export function trialConfig(spec: StudySpec, point: Point, trial: number): VaeConfig {
  if (point.length !== spec.space.length) {
    throw new ConfigError(`config: expected ${spec.space.length} values, got ${point.length}`);
  }
  return configAt(spec, point, placeOf(spec, trial).seedIndex);
}
