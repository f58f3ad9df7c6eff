import type { Device } from '../gpu/device.ts';
import type { VariantChoice } from '../kernels/gemm.ts';
import type { NamedTensor } from '../nn/parameters.ts';
import type { TrainConfig } from './config.ts';
import type { Losses, StepLoss } from './losses.ts';
import type { EpochResult, Snapshot } from './snapshot.ts';

export interface Progress {
  /** The epoch being trained, from 1. */
  epoch: number;
  epochs: number;
  /** Steps done. */
  step: number;
  steps: number;
  /** Means over the chunk of steps just done. */
  train: Losses;
  stepsPerSecond: number;
  secondsLeft: number;
}

export function progressOf(
  epoch: number,
  epochs: number,
  step: number,
  steps: number,
  train: Losses,
  msPerStep: number,
): Progress {
  const secondsLeft = ((steps - step) * msPerStep) / 1000;
  return { epoch, epochs, step, steps, train, stepsPerSecond: 1000 / msPerStep, secondsLeft };
}

/** Why a snapshot was taken: an epoch was done, `snapshotEveryMs` had passed, or `signal` or `steps` stopped an epoch. */
export type SnapshotReason = 'epoch' | 'time' | 'stop';

/** What a callback throws, or its promise rejects with, ends `train()`, after the steps in flight; callbacks may use every method of the model. */
export interface TrainOptions<Config extends TrainConfig = TrainConfig> {
  /** Called after every chunk of steps, which go on if it is asynchronous; after a recovery again for the steps that are done again. */
  onProgress?: (progress: Progress) => void;
  /**
   * Called after every epoch, when the test set has been evaluated; training waits for it. Called again with the same
   * result if the device was lost meanwhile or it threw.
   */
  onEpoch?: (result: EpochResult) => void | Promise<void>;
  /** Called with every snapshot, for an epoch's after `onEpoch`; training waits for it. */
  onSnapshot?: (snapshot: Snapshot<Config>, reason: SnapshotReason) => void | Promise<void>;
  /**
   * Time between snapshots within an epoch. Taking one lets the chunks in flight end and copies three times the
   * parameters. Default 10,000; none are taken without `onSnapshot` and `CreateOptions.reopen`.
   */
  snapshotEveryMs?: number;
  /** Stops training after the chunks in flight. */
  signal?: AbortSignal;
  /** Stops training after this many steps, a whole number. Default: when `config.epochs` are done. */
  steps?: number;
}

export interface AdvanceOptions {
  /** Called after every chunk of steps, with their losses in order. What it throws ends `advance()` after the steps in flight. */
  onChunk?: (losses: StepLoss[], msPerStep: number) => void;
  /** Stops after the chunks in flight. */
  signal?: AbortSignal;
}

/** How a model begins, and what it does when its device is lost. */
export interface CreateOptions<Config extends TrainConfig = TrainConfig> {
  /** Instead of the seeded initialization. */
  parameters?: NamedTensor[];
  /**
   * Kernels of the dense layers, as `tunedVariants` finds them. Default: the snapshot's, as far as this device can run
   * them, else the default ones. They change results in their last bits only, and never within a run.
   */
  variants?: VariantChoice | undefined;
  /** Goes on where this was taken; the settings are its own, only `epochs` may be given another value. */
  snapshot?: Snapshot<Config>;
  /**
   * Opens another device after the one in use was lost. The model then rebuilds itself there from its last snapshot and
   * goes on; what it was asked for meanwhile only takes longer, so this must not wait for it. Without it, a loss is a
   * DeviceLostError. The caller owns both devices, and may dispose of the lost one in here.
   */
  reopen?: () => Promise<Device>;
  /** Told of every recovery: why, and the step from which training goes on. */
  onRecover?: (recovery: { loss: Error; step: number; device: Device }) => void;
}

/** For replaying a run that was begun elsewhere, and for tests. */
export interface Internals<Config extends TrainConfig = TrainConfig> extends CreateOptions<Config> {
  /** Instead of the seeded noise, of a model with one place for it: ε (steps, B, …). */
  eps?: Float32Array;
  /** False: images in their own order. */
  shuffle?: boolean;
  /** How long a submission should take, in ms. */
  chunkMs?: number;
}
