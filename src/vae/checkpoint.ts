/**
 * Checkpoints: a snapshot as a safetensors file. The parameters have the same names as in a model's file, Adam's moments
 * `adam.m.` and `adam.v.` before them, and everything else is JSON in the metadata.
 */
import { z } from 'zod';
import { vaeConfigSchema } from './config.ts';
import { parameterTable } from './parameters.ts';
import { type NamedTensor, readSafetensors, SafetensorsError, writeSafetensors } from './safetensors.ts';
import type { Snapshot } from './snapshot.ts';
import { variantsSchema } from './variants.ts';

/** Bytes that are no checkpoint of this program, or one that contradicts itself. */
export class CheckpointError extends Error {
  override name = 'CheckpointError';
}

/** Readers refuse other versions; to be raised whenever older files would be misread. */
const VERSION = '1';
const MOMENTS = { m: 'adam.m.', v: 'adam.v.' } as const;
/** Images of one data set; more than any buffer holds, and small enough that products stay exact. */
const MAX_COUNT = 2 ** 32 - 1;
const MAX_SIDE = 2 ** 16;
const MAX_STEP = 2 ** 32 - 1;

const count = z.int().min(0).max(MAX_COUNT);
const finite = z.number();
const losses = z.strictObject({ loss: finite, bce: finite, kld: finite });
const text = z.string().max(1000);

/** What the metadata holds besides the tensors; the settings are the same as those of a model's file. */
const stateSchema = z.strictObject({
  config: vaeConfigSchema,
  data: z.strictObject({
    name: text,
    rows: z.int().min(1).max(MAX_SIDE),
    columns: z.int().min(1).max(MAX_SIDE),
    trainCount: count.min(1),
    testCount: count.min(1),
    fingerprint: z.string().regex(/^[0-9a-f]{8}$/),
  }),
  adapter: z.strictObject({ name: text, backend: text }),
  kernels: z.array(text),
  // Files of before there was a choice have none: the default one.
  variants: variantsSchema.default({}),
  step: z.int().min(0).max(MAX_STEP),
  sums: z.strictObject({ bce: finite, kld: finite, weight: z.number().nonnegative() }),
  history: z.array(
    z.strictObject({
      epoch: z.int().min(1),
      step: z.int().min(1).max(MAX_STEP),
      train: losses,
      test: losses,
      seconds: z.number().nonnegative(),
    }),
  ),
  seconds: z.number().nonnegative(),
});

/** @returns the whole file */
export function writeCheckpoint(snapshot: Snapshot): Uint8Array {
  const { parameters, m, v, ...state } = snapshot;
  const prefixed = (prefix: string, tensors: NamedTensor[]) =>
    tensors.map((tensor) => ({ ...tensor, name: prefix + tensor.name }));
  return writeSafetensors([...parameters, ...prefixed(MOMENTS.m, m), ...prefixed(MOMENTS.v, v)], {
    format: 'pt',
    'webgpu-vae.checkpoint': VERSION,
    state: JSON.stringify(state),
  });
}

/**
 * Reads a checkpoint and checks that it is complete and agrees with itself: settings in their ranges, the tensors that
 * those settings need with their shapes and no others, finite values, a history that leads to the step.
 *
 * @param bytes the whole file
 * @throws CheckpointError or SafetensorsError that says what was expected and what was found
 */
export function readCheckpoint(bytes: Uint8Array): Snapshot {
  const { tensors, metadata } = readSafetensors(bytes);
  const version = Object.hasOwn(metadata, 'webgpu-vae.checkpoint') ? metadata['webgpu-vae.checkpoint'] : undefined;
  if (version === undefined) {
    fail('the file has no "webgpu-vae.checkpoint" in its metadata, it is no checkpoint: use --init for a model');
  }
  if (version !== VERSION)
    fail(`its format is version ${quote(version)}, expected ${VERSION}: use the program it is from`);
  const state = readState(Object.hasOwn(metadata, 'state') ? metadata.state : undefined);
  checkProgress(state);

  const { entries } = parameterTable(state.config, state.data.rows * state.data.columns);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const take = (prefix: string): NamedTensor[] =>
    entries.map(({ name, shape }) => {
      const tensor = byName.get(prefix + name);
      if (!tensor) fail(`tensor ${prefix}${name} is missing, expected (${shape.join(', ')})`);
      if (tensor.shape.join() !== shape.join()) {
        fail(`tensor ${prefix}${name} is (${tensor.shape.join(', ')}), expected (${shape.join(', ')})`);
      }
      const bad = tensor.data.findIndex((value) => !Number.isFinite(value) || (prefix === MOMENTS.v && value < 0));
      if (bad >= 0) fail(`tensor ${prefix}${name}: element ${bad} is ${tensor.data[bad]}, which training never makes`);
      byName.delete(prefix + name);
      return { ...tensor, name };
    });
  const snapshot = { ...state, parameters: take(''), m: take(MOMENTS.m), v: take(MOMENTS.v) };
  const [extra] = byName.keys();
  if (extra !== undefined) fail(`tensor ${quote(extra)} is not of the model that the settings describe`);
  return snapshot;
}

/** The parameters of a model's file or of a checkpoint, for a training that begins with them. */
export function readParameters(bytes: Uint8Array): NamedTensor[] {
  const { tensors } = readSafetensors(bytes);
  const prefixes = Object.values(MOMENTS);
  const parameters = tensors.filter(({ name }) => !prefixes.some((prefix) => name.startsWith(prefix)));
  for (const { name, data } of parameters) {
    const bad = data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new SafetensorsError(
        `safetensors read: tensor ${quote(name)}: element ${bad} is ${data[bad]}, expected finite numbers: use another file`,
      );
    }
  }
  return parameters;
}

function readState(json: string | undefined): z.output<typeof stateSchema> {
  if (json === undefined) fail('its metadata has no "state"');
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    fail('the "state" in its metadata is not JSON');
  }
  const result = stateSchema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  fail(`the state's ${quote(path.join('.') || 'fields')}: ${quote(message)}`);
}

/** A step, its history and its sums that no training could have led to would confuse everything after. */
function checkProgress({ step, history, config, sums }: z.output<typeof stateSchema>): void {
  for (const [i, { epoch, step: at }] of history.entries()) {
    const before = history[i - 1];
    if (at > step || (before && (epoch <= before.epoch || at <= before.step))) {
      fail(
        `the state's history: epoch ${epoch} at step ${at} cannot come ${before ? `after epoch ${before.epoch}, ` : ''}before step ${step}`,
      );
    }
    if (epoch > config.epochs)
      fail(`the state's history: epoch ${epoch} is more than the ${config.epochs} of its settings`);
  }
  if (sums.weight > step) fail(`the state's sums are of ${sums.weight} steps, expected at most ${step}`);
}

function quote(value: string | undefined): string {
  const shown = value ?? '';
  return JSON.stringify(shown.length > 120 ? `${shown.slice(0, 120)}...` : shown);
}

function fail(message: string): never {
  throw new CheckpointError(`checkpoint read: ${message}`);
}
