/** What a sweep varies: lists of values, and ranges. */

import { parseConfig, type VaeConfig } from 'webgpu-vae';
import { z } from 'zod';
import { UsageError } from '../errors.ts';

const key = z.string().refine((name) => name in parseConfig(), { error: 'expected the name of a setting' });

/** Values one by one. */
const listAxis = z.strictObject({ key, values: z.array(z.unknown()).min(1).max(10_000) });

/** Every number from `from` to `to`: the logarithm is uniform, or with `linear` the number itself. */
const rangeAxis = z
  .strictObject({
    key,
    from: z.number(),
    to: z.number(),
    scale: z.enum(['log', 'linear']),
    integer: z.boolean(),
  })
  .refine(({ from, to, scale }) => from < to && (scale === 'linear' || from > 0), {
    error: 'expected a range from less to more, and on a logarithmic scale from above 0',
  });

export const axisSchema = z.union([listAxis, rangeAxis]);

/** One setting that differs from trial to trial. */
export type Axis = z.output<typeof axisSchema>;
export type RangeAxis = z.output<typeof rangeAxis>;
export type ListAxis = z.output<typeof listAxis>;

/** The values of a point of the space, in the order of the axes. */
export type Point = readonly unknown[];

export function isRange(axis: Axis): axis is RangeAxis {
  return 'from' in axis;
}

/** How many points the lists alone make. */
export function gridSize(space: readonly Axis[]): number {
  return space.reduce((size, axis) => (isRange(axis) ? size : size * axis.values.length), 1);
}

/** Digits that a number of a range keeps, so that it can be typed again: finer steps change no result that matters. */
const DIGITS = 4;

/** A number of a range from its place in it, 0 to 1. */
export function atFraction(axis: RangeAxis, fraction: number): number {
  const [low, high] = bounds(axis);
  return fromScale(axis, low + fraction * (high - low));
}

/** The ends of a range on its scale; of whole numbers half a number further, so that each is equally near. */
export function bounds({ from, to, scale, integer }: RangeAxis): [low: number, high: number] {
  const half = integer ? 0.5 : 0;
  return scale === 'log' ? [Math.log(from - half), Math.log(to + half)] : [from - half, to + half];
}

/** The number on a range's scale. */
export function toScale({ scale }: RangeAxis, value: number): number {
  return scale === 'log' ? Math.log(value) : value;
}

/** The nearest number of the range. */
export function fromScale({ from, to, scale, integer }: RangeAxis, scaled: number): number {
  const value = scale === 'log' ? Math.exp(scaled) : scaled;
  return Math.min(to, Math.max(from, integer ? Math.round(value) : Number(value.toPrecision(DIGITS))));
}

/**
 * The settings of a trial.
 * @throws ConfigError if they cannot be used together
 */
export function configAt(
  { space, fixed }: { space: readonly Axis[]; fixed: Record<string, unknown> },
  point: Point,
  seedIndex: number,
): VaeConfig {
  const values = Object.fromEntries(space.map((axis, i) => [axis.key, point[i]]));
  const config = parseConfig({ ...fixed, ...values });
  return { ...config, seed: config.seed + seedIndex };
}

/** A value as a table and a file have it. */
export function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join('-');
  return String(value);
}

/**
 * Reads a space from a JSON file: `{"latent": [2, 8], "learningRate": {"from": 1e-4, "to": 1e-2}, "epochs": 5}`. A list is a
 * grid, an object a range (`"scale": "linear"` if not logarithmic), anything else a fixed setting. Settings that are lists
 * themselves stand in a list of lists.
 * @throws UsageError
 */
export function readSpace(text: string, file: string): { space: Axis[]; fixed: Record<string, unknown> } {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`--space ${file}: expected JSON, got ${(error as Error).message}`);
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new UsageError(`--space ${file}: expected an object with settings, got ${JSON.stringify(given)}`);
  }
  const space: Axis[] = [];
  const fixed: Record<string, unknown> = {};
  const defaults: Record<string, unknown> = { ...parseConfig() };
  for (const [name, value] of Object.entries(given)) {
    if (!(name in defaults)) {
      throw new UsageError(
        `--space ${file}: ${JSON.stringify(name)} is no setting, expected one of ${Object.keys(defaults).join(', ')}`,
      );
    }
    const isListItself = Array.isArray(defaults[name]) && Array.isArray(value) && !value.some(Array.isArray);
    if (Array.isArray(value) && !isListItself) space.push(checkAxis({ key: name, values: value }, file));
    else if (typeof value === 'object' && value !== null && !isListItself) {
      const integer = Number.isInteger(defaults[name]) && Object.keys(value).length > 0 && isWholeSetting(name);
      space.push(checkAxis({ scale: 'log', ...value, key: name, integer }, file));
    } else fixed[name] = value;
  }
  return { space, fixed };
}

/** Whether a setting takes whole numbers only. */
export function isWholeSetting(name: string): boolean {
  try {
    parseConfig({ [name]: 1.5 });
    return false;
  } catch {
    return true;
  }
}

function checkAxis(axis: unknown, file: string): Axis {
  const result = axisSchema.safeParse(axis);
  if (result.success) return result.data;
  const { key: name } = axis as { key: string };
  throw new UsageError(
    `--space ${file}: ${name}: expected a list of values, or a range such as {"from": 1e-4, "to": 1e-2}, got ${JSON.stringify(axis)}`,
  );
}
