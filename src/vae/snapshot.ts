import type { DataSet } from '../data/dataset.ts';
import type { Choice } from '../kernels/tune.ts';
import { ConfigError, type VaeConfig } from './config.ts';
import { epochEnd, epochOf } from './epochs.ts';
import type { Losses, LossSums } from './losses.ts';
import { initialParameters, type ParameterTable } from './parameters.ts';
import type { NamedTensor } from './safetensors.ts';

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
  trainCount: number;
  testCount: number;
  /** FNV-1a of the training images, 8 hexadecimal digits. Finds mistakes, not forgeries. */
  fingerprint: string;
  /** Of the test images; checkpoints of before version 2 have none. Labels have none either: no number depends on them. */
  testFingerprint?: string;
}

/** All that a training needs to go on, bit for bit as if it had never stopped, besides the images. */
export interface Snapshot {
  config: VaeConfig;
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
export type SnapshotIdentity = Pick<Snapshot, 'config' | 'data' | 'adapter' | 'kernels' | 'variants'>;

export function identifyData({ name, train, test }: DataSet): DataIdentity {
  const { rows, columns } = train;
  return {
    name,
    rows,
    columns,
    trainCount: train.count,
    testCount: test.count,
    fingerprint: fingerprint(train.images),
    testFingerprint: fingerprint(test.images),
  };
}

/** FNV-1a (Fowler, Noll, Vo) over bytes, 32 bits. */
function fingerprint(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** What a training begins with: the parameters given or the seeded ones, and moments of zero. */
export function initialSnapshot(
  table: ParameterTable,
  identity: SnapshotIdentity,
  parameters: NamedTensor[] = initialParameters(table, identity.config.seed),
): Snapshot {
  const zeros = (): NamedTensor[] =>
    parameters.map(({ name, shape, data }) => ({ name, shape, data: new Float32Array(data.length) }));
  const sums = { bce: 0, kld: 0, weight: 0 };
  return { ...identity, step: 0, parameters, m: zeros(), v: zeros(), sums, history: [], seconds: 0 };
}

/**
 * The settings to go on with: the snapshot's, and `given.epochs` if it is there.
 * @throws ConfigError if any other given setting differs from the snapshot's, or fewer epochs are asked for than are
 * done or begun
 */
export function resumedConfig(
  snapshot: Pick<Snapshot, 'config' | 'data' | 'history' | 'step'>,
  given: Partial<VaeConfig>,
): VaeConfig {
  for (const key of Object.keys(given) as (keyof VaeConfig)[]) {
    const asked = JSON.stringify(given[key]);
    const has = JSON.stringify(snapshot.config[key]);
    if (key !== 'epochs' && asked !== undefined && asked !== has) {
      throw new ConfigError(`resume: ${key} is ${asked}, the checkpoint has ${has}: leave it out to go on with that`);
    }
  }
  const epochs = given.epochs ?? snapshot.config.epochs;
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

/** @throws ConfigError if these are not the images that the snapshot was made with */
export function checkSameData(snapshot: Pick<Snapshot, 'data'>, data: DataIdentity): void {
  const show = ({
    name,
    rows,
    columns,
    trainCount,
    testCount,
    fingerprint: hash,
    testFingerprint: testHash,
  }: DataIdentity) =>
    `${JSON.stringify(name)} with ${trainCount} training images of ${columns} x ${rows} (fingerprint ${hash}) and ${testCount} test images (${testHash ?? 'no fingerprint'})`;
  const { name: _, ...same } = snapshot.data;
  for (const key of Object.keys(same) as (keyof typeof same)[]) {
    if (data[key] === same[key] || same[key] === undefined) continue;
    throw new ConfigError(
      `resume: the data set is ${show(data)}, the checkpoint was made with ${show(snapshot.data)}: their ${key} differs, use the same images`,
    );
  }
}
