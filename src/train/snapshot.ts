import { type DataSet, type ImageSet, showSize } from '../data/dataset.ts';
import type { Choice } from '../kernels/tune.ts';
import { initialParameters, type NamedTensor } from '../nn/parameters.ts';
import { ConfigError, type TrainConfig } from './config.ts';
import { epochEnd, epochOf } from './epochs.ts';
import { type Losses, type LossSums, noSums, type WeightedTerm } from './losses.ts';
import type { SettledModel } from './model.ts';

export interface EpochResult {
  /** The epoch just done, from 1. */
  epoch: number;
  step: number;
  /** Means over the epoch's steps. */
  train: Losses;
  /** Over the whole test set, one z ~ q(z|x) per image, the same noise every time. */
  test: Losses;
  /** Spent in `train()`, also before a resume. */
  seconds: number;
}

/** Which images a model was trained on, to notice when a training is resumed with others. */
export interface DataIdentity {
  name: string;
  rows: number;
  columns: number;
  /** 3 of colour images; grey ones have none. */
  channels?: number;
  trainCount: number;
  testCount: number;
  /** FNV-1a of the training images, 8 hexadecimal digits. Finds mistakes, not forgeries. */
  fingerprint: string;
  /** Of the test images; checkpoints of before version 2 have none. Labels have none either: no number depends on them. */
  testFingerprint?: string;
  /** Of models that look at labels: how many classes there are, and FNV-1a of the training labels. */
  classes?: number;
  labelFingerprint?: string;
  testLabelFingerprint?: string;
}

/** All that a training needs to go on, bit for bit as if it had never stopped, besides the images. */
export interface Snapshot<Config extends TrainConfig = TrainConfig> {
  /** Which model this is: the definition's kind and version. */
  model: { kind: string; version: number };
  config: Config;
  data: DataIdentity;
  /** What the steps ran on; other adapters and other kernels round differently. */
  adapter: { name: string; backend: string };
  kernels: string[];
  /** The variant of every dense operation, by `problemKey`: to go on with the same bits. */
  variants: Record<string, Choice>;
  /** Steps done. */
  step: number;
  /** Every value is finite. */
  parameters: NamedTensor[];
  /** Adam's first and second moments, named and shaped as the parameters are. */
  m: NamedTensor[];
  v: NamedTensor[];
  /** Over the steps of the epoch that is not finished yet. */
  sums: LossSums;
  /** Every finished epoch, the first one first. */
  history: EpochResult[];
  /** Spent in `train()` so far. */
  seconds: number;
}

/** The part of a snapshot that training does not change. */
export type SnapshotIdentity<Config extends TrainConfig = TrainConfig> = Pick<
  Snapshot<Config>,
  'model' | 'config' | 'data' | 'adapter' | 'kernels' | 'variants'
>;

/** @param usesLabels whether the model looks at labels: then they matter, too */
export function identifyData({ name, train, test }: DataSet, { usesLabels, images }: SettledModel): DataIdentity {
  const { rows, columns, channels = 1 } = train;
  return {
    name,
    rows,
    columns,
    ...(channels > 1 && { channels }),
    trainCount: train.count,
    testCount: test.count,
    fingerprint: fingerprint(train.images),
    testFingerprint: fingerprint(test.images),
    ...(usesLabels
      ? {
          classes: images.classes,
          labelFingerprint: fingerprint(bytesOf(train.labels)),
          testLabelFingerprint: fingerprint(bytesOf(test.labels)),
        }
      : {}),
  };
}

/** Labels as they count: 32 bits each, however wide the file had them. */
function bytesOf(labels: ImageSet['labels']): Uint8Array {
  return new Uint8Array(Uint32Array.from(labels ?? []).buffer);
}

/** FNV-1a (Fowler, Noll, Vo) over bytes, 32 bits. */
function fingerprint(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** The same numbers in arrays of their own. */
export function copyOf<Config extends TrainConfig>(snapshot: Snapshot<Config>): Snapshot<Config> {
  const copied = (tensors: NamedTensor[]) => tensors.map((tensor) => ({ ...tensor, data: tensor.data.slice() }));
  const { parameters, m, v } = snapshot;
  return { ...snapshot, parameters: copied(parameters), m: copied(m), v: copied(v) };
}

/** What a training begins with: the parameters given or the seeded ones, and moments of zero. */
export function initialSnapshot<Config extends TrainConfig>(
  { table, terms }: SettledModel<Config>,
  identity: SnapshotIdentity<Config>,
  parameters: NamedTensor[] = initialParameters(table, identity.config.seed),
): Snapshot<Config> {
  const zeros = (): NamedTensor[] =>
    parameters.map(({ name, shape, data }) => ({ name, shape, data: new Float32Array(data.length) }));
  const own = parameters.map((tensor) => ({ ...tensor, data: tensor.data.slice() }));
  const state = { step: 0, parameters: own, m: zeros(), v: zeros(), sums: noSums(terms), history: [], seconds: 0 };
  return { ...identity, ...state };
}

/**
 * The settings to go on with: the snapshot's, and `given.epochs` if it is there.
 * @throws ConfigError if any other given setting differs from the snapshot's, or fewer epochs are asked for than are
 * done or begun
 */
export function resumedConfig<Config extends TrainConfig>(
  snapshot: Pick<Snapshot<Config>, 'config' | 'data' | 'history' | 'step'>,
  given: Partial<Config>,
): Config {
  for (const key of Object.keys(given) as (keyof Config & string)[]) {
    const asked = JSON.stringify(given[key]);
    const has = JSON.stringify(snapshot.config[key]);
    if (key !== 'epochs' && asked !== undefined && asked !== has) {
      throw new ConfigError(`resume: ${key} is ${asked}, the checkpoint has ${has}: leave it out to go on with that`);
    }
  }
  const epochs = given.epochs ?? snapshot.config.epochs;
  if (snapshot.config.lrSchedule === 'cosine' && epochs !== snapshot.config.epochs) {
    throw new ConfigError(
      `resume: epochs is ${epochs}, the checkpoint has ${snapshot.config.epochs}, which its lrSchedule cosine depends on: leave it out to go on with that`,
    );
  }
  const done = snapshot.history.at(-1)?.epoch ?? 0;
  if (epochs < done) {
    throw new ConfigError(`resume: epochs is ${epochs}, the checkpoint has done ${done}: ask for ${done} or more`);
  }
  const sizes = { count: snapshot.data.trainCount, batch: snapshot.config.batch };
  if (epochEnd(epochs, sizes) < snapshot.step) {
    const begun = epochOf(snapshot.step, sizes);
    throw new ConfigError(
      `resume: epochs is ${epochs}, the checkpoint is in epoch ${begun} (step ${snapshot.step}): ask for ${begun} or more`,
    );
  }
  return { ...snapshot.config, epochs };
}

/** @throws ConfigError if the snapshot is of another kind of model, or of another version of this kind */
export function checkSameModel(
  { model }: Pick<Snapshot, 'model'>,
  { kind, version }: { kind: string; version: number },
): void {
  if (model.kind === kind && model.version === version) return;
  const got = `${model.kind}, version ${model.version}`;
  throw new ConfigError(
    `resume: the checkpoint is of the model ${got}, expected ${kind}, version ${version}: use the program it is from`,
  );
}

/** @throws ConfigError if the loss had other terms when the snapshot was taken */
export function checkSameTerms({ sums }: Pick<Snapshot, 'sums'>, terms: readonly WeightedTerm[]): void {
  const got = Object.keys(sums.losses).sort().join(', ');
  const expected = ['loss', ...terms.map(({ name }) => name)].sort().join(', ');
  if (got === expected) return;
  throw new ConfigError(
    `resume: the checkpoint's losses are ${got}, expected ${expected}: raise the model's version when its loss changes`,
  );
}

/** @throws ConfigError if these are not the images that the snapshot was made with */
export function checkSameData(snapshot: Pick<Snapshot, 'data'>, data: DataIdentity): void {
  const show = (identity: DataIdentity) => {
    const { name, trainCount, testCount, fingerprint: hash, testFingerprint: testHash } = identity;
    const size = showSize(identity);
    return `${JSON.stringify(name)} with ${trainCount} training images of ${size} (fingerprint ${hash}) and ${testCount} test images (${testHash ?? 'no fingerprint'})`;
  };
  const { name: _, ...same } = snapshot.data;
  for (const key of Object.keys(same) as (keyof typeof same)[]) {
    if (data[key] === same[key] || same[key] === undefined) continue;
    throw new ConfigError(
      `resume: the data set is ${show(data)}, the checkpoint was made with ${show(snapshot.data)}: their ${key} differs, use the same images`,
    );
  }
}
