/**
 * Training any model: define it, then `createTrainer`.
 *
 * @packageDocumentation
 */
export { CheckpointError, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
export { ConfigError, type TrainConfig } from './config.ts';
export { F32_MIN } from './f32.ts';
export type { Losses, StepLoss } from './losses.ts';
export {
  type Batch,
  defineModel,
  type ModelDefinition,
  type PlacedModel,
  type SettledModel,
  settle,
  type ViewDefinition,
} from './model.ts';
export { readParameters } from './model-file.ts';
export { NonFiniteError } from './non-finite.ts';
export type { AdvanceOptions, CreateOptions, Progress, SnapshotReason, TrainOptions } from './options.ts';
export { BusyError, DisposedError } from './queue.ts';
export { RepeatedDeviceLossError } from './recovery.ts';
export { LostStepsError } from './replay.ts';
export {
  type NamedTensor,
  readSafetensors,
  SafetensorsError,
  type SafetensorsFile,
  writeSafetensors,
} from './safetensors.ts';
export type { EpochResult, Snapshot } from './snapshot.ts';
export { createTrainer, type Trainer } from './trainer.ts';
export { type TunedVariants, type TuningStore, tunedVariants } from './variants.ts';
export { LiveImages, LiveView, type Shown, viewCapacity } from './view.ts';
