/**
 * The format of checkpoints: a snapshot of any model's training as a safetensors file. The parameters have the same
 * names as in a model's file, Adam's moments `adam.m.` and `adam.v.` before them; the rest is JSON in the metadata:
 *
 * - `webgpu-vae.sha256`: the file's seal (seal.ts)
 * - `webgpu-vae.checkpoint`: the format's version, 2
 * - `state`: model { kind, version, config }, data, adapter, kernels, variants, step, sums { weight, losses }, seconds
 * - `history`: for every finished epoch its number, step, seconds, and `train` and `test` losses { loss, <term>... }
 *
 * Version 1 had no seal, the history in the state, `config` instead of `model`, and sums of `bce` and `kld` alone.
 */
import * as z from 'zod/mini';
import type { NamedTensor } from '../nn/parameters.ts';
import { weightAt } from '../nn/weight.ts';
import type { TrainConfig } from './config.ts';
import { epochEnd, epochOf, type StepSizes } from './epochs.ts';
import { isObject, JsonError, type JsonLimits, parseJson, quote } from './json.ts';
import type { Losses, WeightedTerm } from './losses.ts';
import { type ModelDefinition, type SettledModel, settle } from './model.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import { integer, text } from './schema.ts';
import { isSealed, SEAL_KEY, seal, UNSEALED } from './seal.ts';
import type { DataIdentity, EpochResult, Snapshot } from './snapshot.ts';
import { variantsSchema } from './variants.ts';

/** Bytes that are no checkpoint of this program, one that was damaged, or one that contradicts itself. */
export class CheckpointError extends Error {
  override name = 'CheckpointError';
}

type Progress = Pick<Snapshot, 'data' | 'step' | 'history' | 'sums'> & { config: { epochs: number; batch: number } };

const VERSION_KEY = 'webgpu-vae.checkpoint';
/** Readers refuse other versions; to be raised whenever older files would be misread. */
const VERSION = '2';
/** Had no name for its model. */
const FIRST_VERSION = '1';
const FIRST_MODEL = { kind: 'vae', version: 1 };
export const MOMENTS = { m: 'adam.m.', v: 'adam.v.' } as const;

/** Images of one data set; more than any buffer holds, and small enough that products stay exact. */
const MAX_COUNT = 2 ** 32 - 1;
const MAX_SIDE = 2 ** 16;
const MAX_STEP = 2 ** 32 - 1;

/** Models of hundreds of layers have a few thousand entries; a model's own settings may be nested. */
const STATE_LIMITS: JsonLimits = { depth: 16, entries: 2 ** 16, keys: 2 ** 14 };
/** The history of the first version lay in the state: as many epochs as the longest header has room for. */
const FIRST_STATE_LIMITS: JsonLimits = { ...STATE_LIMITS, entries: 2 ** 22 };

const count = integer(1, MAX_COUNT);
const finite = z.number();
const seconds = z.number().check(z.nonnegative());
const name = text(1000);
const fingerprint = z.string().check(z.regex(/^[0-9a-f]{8}$/));

const stateSchema = z.strictObject({
  model: z.strictObject({
    kind: name,
    version: integer(1),
    config: z.record(z.string(), z.unknown()),
  }),
  data: z.strictObject({
    name,
    rows: integer(1, MAX_SIDE),
    columns: integer(1, MAX_SIDE),
    // Of colour images.
    channels: z.exactOptional(z.literal(3)),
    trainCount: count,
    testCount: count,
    fingerprint,
    // The first version did without.
    testFingerprint: z.exactOptional(fingerprint),
    // Of models that look at labels.
    classes: z.exactOptional(integer(0, MAX_COUNT)),
    labelFingerprint: z.exactOptional(fingerprint),
    testLabelFingerprint: z.exactOptional(fingerprint),
  }),
  adapter: z.strictObject({ name, backend: name }),
  kernels: z.array(name).check(z.maxLength(1000)),
  // Files of before there was a choice have none: the default one.
  variants: z._default(variantsSchema, {}),
  step: integer(0, MAX_STEP),
  sums: z.strictObject({ weight: integer(0), losses: z.record(z.string(), finite) }),
  seconds,
});

function lossesSchema(terms: readonly WeightedTerm[]) {
  return z.strictObject(Object.fromEntries(['loss', ...terms.map(({ name }) => name)].map((name) => [name, finite])));
}

function historySchema(terms: readonly WeightedTerm[]) {
  const losses = lossesSchema(terms);
  return z.array(
    z.strictObject({
      epoch: integer(1),
      step: integer(1, MAX_STEP),
      train: losses,
      test: losses,
      seconds,
    }),
  );
}

/**
 * @returns the whole file, sealed
 * @throws CheckpointError if the step lies beyond the run that the settings describe, as `advance` may lead to: nobody could read
 * it, ask for more epochs
 */
export function writeCheckpoint<Config extends TrainConfig>(snapshot: Snapshot<Config>): Uint8Array {
  checkProgress('write', snapshot);
  const { parameters, m, v, model, config, history, ...state } = snapshot;
  const prefixed = (prefix: string, tensors: NamedTensor[]) =>
    tensors.map((tensor) => ({ ...tensor, name: prefix + tensor.name }));
  const file = writeSafetensors([...parameters, ...prefixed(MOMENTS.m, m), ...prefixed(MOMENTS.v, v)], {
    [SEAL_KEY]: UNSEALED,
    format: 'pt',
    [VERSION_KEY]: VERSION,
    state: JSON.stringify({ model: { ...model, config }, ...state }),
    history: JSON.stringify(history),
  });
  seal(file);
  return file;
}

/**
 * Reads a checkpoint of either version and checks that it is as it was written, complete, and in agreement with itself:
 * settings in their ranges, the tensors that those settings need with their shapes and no others, finite values, a
 * history that leads to the step, a step within the run.
 *
 * @param definition the model that it must be of
 * @param bytes the whole file
 * @throws CheckpointError or SafetensorsError that says what was expected and what was found
 */
export function readCheckpoint<Config extends TrainConfig, Views extends string>(
  definition: ModelDefinition<Config, Views>,
  bytes: Uint8Array,
): Snapshot<Config> {
  const { tensors, metadata, notices } = readSafetensors(bytes);
  const version = checkVersion(bytes, metadata);
  if (version === undefined) {
    fail('read', `the file has no "${VERSION_KEY}" in its metadata, it is no checkpoint: use --init for a model`);
  }
  if (notices.length > 0) fail('read', 'a checkpoint with tensors that are not F32 has lost bits: use it with --init');

  const { state, history: rawHistory } = version === FIRST_VERSION ? readFirstState(metadata) : readState(metadata);
  const { model: its, sums, ...rest } = state;
  if (its.kind !== definition.kind || its.version !== definition.version) {
    const expected = `expected ${quote(definition.kind)}, version ${definition.version}`;
    fail(
      'read',
      `it is of the model ${quote(its.kind)}, version ${its.version}, ${expected}: use the program it is from`,
    );
  }
  const { config, terms, table } = settleOn(definition, its.config, state.data);
  const losses = checked('sums', lossesSchema(terms), withLoss(terms, sums.losses)) as Losses;
  const model = { kind: its.kind, version: its.version };
  const beginning = { ...rest, model, config, sums: { weight: sums.weight, losses } };
  // The run's length bounds the history's, so it is settled before the history is looked at.
  checkProgress('read', { ...beginning, history: [] });
  const mostEpochs = Math.min(config.epochs, state.step);
  const history = readHistory(terms, rawHistory(historyLimits(mostEpochs, terms)), mostEpochs);
  checkProgress('read', { ...beginning, history });
  return { ...beginning, history, ...takeTensors(tensors, table.entries) };
}

/** Whether a safetensors file with this metadata is meant as a checkpoint. */
export function isCheckpoint(metadata: Record<string, string>): boolean {
  return own(metadata, VERSION_KEY) !== undefined;
}

/** The model for its settings and images; nothing is allocated. */
function settleOn<Config extends TrainConfig, Views extends string>(
  definition: ModelDefinition<Config, Views>,
  settings: unknown,
  { rows, columns, channels = 1, classes = 0 }: DataIdentity,
): SettledModel<Config, Views> {
  try {
    return settle(definition, settings as Partial<Config>, { rows, columns, channels, classes });
  } catch (error) {
    throw new CheckpointError(`checkpoint read: ${quote((error as Error).message, 160)}`, { cause: error });
  }
}

/** Version 1 had no sum of the whole loss. */
function withLoss(terms: readonly WeightedTerm[], losses: Record<string, number>): Record<string, number> {
  if (losses.loss !== undefined) return losses;
  return {
    loss: terms.reduce((sum, { name, weight }) => sum + weightAt(weight, 0) * (losses[name] ?? 0), 0),
    ...losses,
  };
}

/**
 * The format's version, undefined if the file is no checkpoint. Whatever has a seal or should have one was not changed.
 * @throws CheckpointError
 */
export function checkVersion(bytes: Uint8Array, metadata: Record<string, string>): string | undefined {
  const version = own(metadata, VERSION_KEY);
  if (version !== undefined && version !== FIRST_VERSION && version !== VERSION) {
    fail(
      'read',
      `its format is version ${quote(version)}, expected ${FIRST_VERSION} or ${VERSION}: use the program it is from`,
    );
  }
  if ((version === VERSION || own(metadata, SEAL_KEY) !== undefined) && !isSealed(bytes)) {
    fail(
      'read',
      'its bytes are not those that were written (their SHA-256 differs): it was damaged, use an earlier one',
    );
  }
  return version;
}

interface RawState {
  state: z.output<typeof stateSchema>;
  /** As JSON has it, if it is within the limits. */
  history(limits: JsonLimits): unknown;
}

function readState(metadata: Record<string, string>): RawState {
  const state = checked('state', stateSchema, parse('state', own(metadata, 'state'), STATE_LIMITS));
  return { state, history: (limits) => parse('history', own(metadata, 'history'), limits) };
}

/** The first version's state, as the second has it. */
function readFirstState(metadata: Record<string, string>): RawState {
  const value = parse('state', own(metadata, 'state'), FIRST_STATE_LIMITS);
  if (!isObject(value)) fail('read', 'the "state" in its metadata is not an object');
  const { config, history, sums, ...rest } = value;
  const { weight, ...losses } = isObject(sums) ? sums : {};
  const state = { ...rest, model: { ...FIRST_MODEL, config }, sums: { weight, losses } };
  return { state: checked('state', stateSchema, state), history: () => history };
}

function parse(name: string, json: string | undefined, limits: JsonLimits): unknown {
  if (json === undefined) fail('read', `its metadata has no ${quote(name)}`);
  try {
    return parseJson(json, limits);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    fail('read', `the ${quote(name)} in its metadata ${error.message}`);
  }
}

function checked<T>(name: string, schema: z.ZodMiniType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  fail('read', `the ${name}'s ${quote(path.join('.') || 'fields', 120)}: ${quote(message, 120)}`);
}

function readHistory(terms: readonly WeightedTerm[], value: unknown, mostEpochs: number): EpochResult[] {
  if (!Array.isArray(value)) fail('read', 'its history is not a list');
  if (value.length > mostEpochs) {
    fail(
      'read',
      `its history has ${value.length} epochs, expected at most ${mostEpochs} from its settings and its step`,
    );
  }
  return checked('history', historySchema(terms), value) as EpochResult[];
}

/** An epoch is four values and two lists of losses. */
function historyLimits(mostEpochs: number, terms: readonly unknown[]): JsonLimits {
  const entries = 1 + mostEpochs * (6 + 2 * (1 + terms.length));
  return { depth: 3, entries: Math.min(entries, FIRST_STATE_LIMITS.entries), keys: STATE_LIMITS.keys };
}

/**
 * A step, its history and its sums that no training could have led to would confuse everything after. Epochs may be
 * missing: `advance()` makes steps without evaluating.
 */
function checkProgress(operation: 'read' | 'write', { step, history, config, data, sums }: Progress): void {
  const sizes = { count: data.trainCount, batch: config.batch };
  const steps = epochEnd(config.epochs, sizes);
  if (step > steps) {
    fail(operation, `step ${step} lies beyond the ${steps} steps of its ${config.epochs} epochs: expected more epochs`);
  }
  for (const [i, { epoch, step: at }] of history.entries()) {
    const before = history[i - 1];
    if (at > step || (before && (epoch <= before.epoch || at <= before.step))) {
      const after = before ? `after epoch ${before.epoch}, ` : '';
      fail(operation, `its history: epoch ${epoch} at step ${at} cannot come ${after}before step ${step}`);
    }
    if (epoch > config.epochs) {
      fail(operation, `its history: epoch ${epoch} is more than the ${config.epochs} of its settings`);
    }
    if (at !== epochEnd(epoch, sizes) || epoch !== epochOf(at - 1, sizes)) {
      fail(
        operation,
        `its history: epoch ${epoch} does not end at step ${at} with batches of ${sizes.batch} of ${sizes.count} images`,
      );
    }
  }
  // An epoch that is done but was not evaluated still has its sums.
  const isDue = step > 0 && history.at(-1)?.step !== step;
  const inEpoch = step - lastEnd(isDue ? step - 1 : step, sizes);
  if (sums.weight > inEpoch) {
    fail(
      operation,
      `its sums are of ${sums.weight} steps, expected at most the ${inEpoch} of the epoch that step ${step} is in`,
    );
  }
}

/** The last step, at most `step`, with which an epoch was done. */
function lastEnd(step: number, sizes: StepSizes): number {
  const end = epochEnd(epochOf(step, sizes) - 1, sizes);
  return Math.min(end, step);
}

/** The model's tensors, each three times. What they take is bounded by the file: whatever is too large is missing. */
function takeTensors(
  tensors: readonly NamedTensor[],
  wanted: readonly { name: string; shape: readonly number[] }[],
): Record<'parameters' | 'm' | 'v', NamedTensor[]> {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const take = (prefix: string): NamedTensor[] =>
    wanted.map(({ name, shape }) => {
      const tensor = byName.get(prefix + name);
      if (!tensor) fail('read', `tensor ${prefix}${name} is missing, expected (${shape.join(', ')})`);
      if (tensor.shape.join() !== shape.join()) {
        fail('read', `tensor ${prefix}${name} is (${tensor.shape.join(', ')}), expected (${shape.join(', ')})`);
      }
      const bad = tensor.data.findIndex((value) => !Number.isFinite(value) || (prefix === MOMENTS.v && value < 0));
      if (bad >= 0) {
        fail('read', `tensor ${prefix}${name}: element ${bad} is ${tensor.data[bad]}, which training never makes`);
      }
      byName.delete(prefix + name);
      return { ...tensor, name };
    });
  const taken = { parameters: take(''), m: take(MOMENTS.m), v: take(MOMENTS.v) };
  const [extra] = byName.keys();
  if (extra !== undefined) fail('read', `tensor ${quote(extra)} is not of the model that the settings describe`);
  return taken;
}

function own(metadata: Record<string, string>, key: string): string | undefined {
  return Object.hasOwn(metadata, key) ? metadata[key] : undefined;
}

function fail(operation: 'read' | 'write', message: string): never {
  throw new CheckpointError(`checkpoint ${operation}: ${message}`);
}
