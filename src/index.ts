/**
 * webgpu-vae: trains a variational autoencoder with WebGPU compute shaders, in Node and in browsers.
 *
 * @packageDocumentation
 */
import { type OpenAdapterOptions, openAdapter } from '#host';
import type { DataSet } from './data/dataset.ts';
import { type Device, openDevice } from './gpu/device.ts';
import type { VaeConfig } from './vae/config.ts';
import { type CreateOptions, Vae } from './vae/vae.ts';

export { loadMnist, NoAdapterError, type OpenAdapterOptions, tuningStore } from '#host';
export { parseImages } from './data/arrays.ts';
export { classNamesOf } from './data/class-names.ts';
export { type Classes, classesOf, longClassName, shortClassName } from './data/classes.ts';
export {
  DataError,
  type DataSet,
  type ImageSet,
  type ImageSize,
  imageLength,
  type Labels,
  takeFirst,
} from './data/dataset.ts';
export { TestSizeError } from './data/errors.ts';
export { readFiles } from './data/files.ts';
export { type IdxImages, parseIdxImages } from './data/idx.ts';
export type { LoadOptions } from './data/mnist.ts';
export { writeNpy } from './data/npy.ts';
export { barColor, classColors, MOST_COLORS } from './data/palette.ts';
export { isPng, type Picture, readPng } from './data/png.ts';
export { resized } from './data/resize.ts';
export { setAside } from './data/split.ts';
export { checkFileSize, unpack } from './data/unpack.ts';
export { dataHints } from './data/validate.ts';
export {
  type AdapterDescription,
  type Device,
  DeviceLimitError,
  DeviceLostError,
  formatBytes,
  GpuError,
} from './gpu/device.ts';
export type { DispatchTime } from './gpu/profiler.ts';
export { GEMM_VARIANTS, type GemmVariant, supportedVariants, type VariantChoice } from './kernels/gemm.ts';
export { f16Bits } from './train/dtypes.ts';
export type { Losses } from './train/losses.ts';
export { NonFiniteError } from './train/non-finite.ts';
export { BusyError, DisposedError } from './train/queue.ts';
export { RepeatedDeviceLossError } from './train/recovery.ts';
export { LostStepsError } from './train/replay.ts';
export {
  type NamedTensor,
  readSafetensors,
  SafetensorsError,
  type SafetensorsFile,
  writeSafetensors,
} from './train/safetensors.ts';
export { resumedConfig } from './train/snapshot.ts';
export { type TunedVariants, type TuningStore, tunedVariants } from './train/variants.ts';
export { CheckpointError, readCheckpoint, readParameters, writeCheckpoint } from './vae/checkpoint.ts';
export { ConfigError, describeLayers, parseConfig, type VaeConfig } from './vae/config.ts';
export { type Elbo, elboOf } from './vae/elbo.ts';
export {
  COMPONENTS,
  type Evaluation,
  type EvaluationOptions,
  evaluateVae,
  NEIGHBOURS,
  type SampleQuality,
} from './vae/evaluation/evaluate.ts';
export type { Binarization } from './vae/evaluation/pixels.ts';
export type { Posterior } from './vae/heads.ts';
export {
  type ConvLayer,
  type DenseLayer,
  layersOfVae,
  type ShapeLayer,
  type VaeLayer,
  type VaeLayers,
} from './vae/layers.ts';
export { LiveDecoder, LiveEncoder, LiveReconstructor, type Model, viewCapacity } from './vae/live.ts';
export { vaeProblems } from './vae/model.ts';
export { ModelCopy } from './vae/model-copy.ts';
export { readVae, type VaeFile } from './vae/model-file.ts';
export { OpenedVae, openVae } from './vae/opened.ts';
export type { CreateOptions, EpochResult, Progress, Snapshot, SnapshotReason, TrainOptions, Vae } from './vae/vae.ts';

/**
 * Opens the best adapter (a GPU, then the system's lavapipe, then the SwiftShader that npm brings) and a device on it.
 * The caller owns the device: `dispose()` it after everything that lives on it, or Node will not exit.
 *
 * @throws NoAdapterError when there is none, or none whose name contains `options.adapter`
 */
export async function createDevice(options: OpenAdapterOptions = {}): Promise<Device> {
  const handle = await openAdapter(options);
  try {
    return await openDevice(handle.adapter, handle.info, handle);
  } catch (error) {
    handle.dispose();
    throw error;
  }
}

/**
 * A VAE for images of the data set's size, on the device, ready to train. Settings that are left out have the defaults
 * of `VaeConfig`: 784-512-256-2 for MNIST, batch 128, 20 epochs, Adam with learning rate 1e-3, seed 0.
 *
 * @param options where to go on or begin, and where to go when the device is lost
 * @throws ConfigError for a setting that cannot be used, or that contradicts `options.snapshot`
 * @throws DataError if the data contradicts itself
 * @throws DeviceLimitError if a tensor does not fit the device
 */
export function createVae(
  device: Device,
  data: DataSet,
  config: Partial<VaeConfig> = {},
  options: CreateOptions = {},
): Promise<Vae> {
  return Vae.create(device, data, config, options);
}
