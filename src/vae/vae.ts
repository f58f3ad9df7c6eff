import type { DataSet, ImageSet } from '../data/dataset.ts';
import { checkDataSet, checkImageSet } from '../data/validate.ts';
import type { Device } from '../gpu/device.ts';
import { type DispatchTime, profileSchedule } from '../gpu/profiler.ts';
import { dispatchesOf } from '../gpu/schedule.ts';
import { download, type Tensor, upload } from '../gpu/tensor.ts';
import { OVERFLOWED, type StepState } from '../kernels/finish-step.ts';
import type { VariantChoice } from '../kernels/gemm.ts';
import { checkMs, checkWhole } from './arguments.ts';
import { parseConfig, type VaeConfig } from './config.ts';
import { buildModel, type DeviceModel, loadSnapshot } from './device-model.ts';
import { evaluateOnce } from './evaluator.ts';
import { decodeLatents, encodeImages, type Model } from './inference.ts';
import { imagesOf, latentsOf } from './inputs.ts';
import { Ledger } from './ledger.ts';
import type { Losses } from './losses.ts';
import { badLoss, readState, whyHalted } from './non-finite.ts';
import type { AdvanceOptions, TrainOptions, VaeInternals } from './options.ts';
import { nameParameters, type ParameterTable, parameterTable } from './parameters.ts';
import { DisposedError, JobQueue } from './queue.ts';
import { normalNumbers } from './random.ts';
import { Recovery } from './recovery.ts';
import { LostStepsError } from './replay.ts';
import type { NamedTensor } from './safetensors.ts';
import {
  checkSameData,
  type DataIdentity,
  type EpochResult,
  identifyData,
  initialSnapshot,
  resumedConfig,
  type Snapshot,
  type SnapshotIdentity,
} from './snapshot.ts';
import { type Trainable, Training } from './training.ts';
import { denseProblems, resolveVariants, runnableVariants } from './variants.ts';

export type { CreateOptions, Progress, SnapshotReason, TrainOptions, VaeInternals } from './options.ts';
export type { EpochResult, Snapshot } from './snapshot.ts';

const DEFAULT_CHUNK_MS = 60;

/**
 * A variational autoencoder on the GPU: parameters, optimizer state, the training step, and ways to look at it.
 * Owns its buffers (`dispose()` frees them); the device is the caller's.
 *
 * Every method may be called at any time, and by many callers at once: what they ask for is done one after the other, and while
 * `train()` runs, between its chunks of steps. So a method gives what it would give alone. Only those that do steps, `train()` and
 * `advance()`, refuse to wait for each other, with a BusyError. After `dispose()` every method rejects with a DisposedError.
 */
export class Vae {
  readonly config: VaeConfig;
  readonly table: ParameterTable;
  /** D, pixels of an image. */
  readonly imageSize: number;
  /** Steps of the whole training: epochs N / B, rounded up. */
  readonly steps: number;
  #device: Device;
  #data: DataSet;
  #identity: DataIdentity;
  #options: VaeInternals;
  /** Replaced by a recovery. */
  #on!: DeviceModel;
  #ledger: Ledger;
  #last: Snapshot | undefined;
  /** Whoever uses the device waits here for its turn. */
  #queue = new JobQueue();
  #recovery: Recovery;
  #training: Training;
  /** Set once nothing can be learned from here on: no step could mend parameters or moments that are not finite. */
  #broken: Error | undefined;

  private constructor(device: Device, data: DataSet, config: Partial<VaeConfig>, options: VaeInternals) {
    checkDataSet('create', data);
    const { count, rows, columns } = data.train;
    const { snapshot } = options;
    this.config = parseConfig(snapshot ? resumedConfig(snapshot, config) : config);
    this.imageSize = rows * columns;
    this.table = parameterTable(this.config, this.imageSize);
    this.steps = Math.ceil((this.config.epochs * count) / this.config.batch);
    this.#device = device;
    this.#data = data;
    this.#identity = identifyData(data);
    if (snapshot) checkSameData(snapshot, this.#identity);
    this.#options = options;
    if (options.chunkMs !== undefined) checkMs('create', 'chunkMs', options.chunkMs);
    this.#ledger = new Ledger(this.config.beta, { count, batch: this.config.batch });
    this.#ledger.seconds = snapshot?.seconds ?? 0;
    this.#last = snapshot;
    this.#recovery = new Recovery(
      {
        device: () => this.#device,
        release: () => {
          this.#queue.signal.throwIfAborted();
          this.#on.dispose();
        },
        rebuildOn: (other, loss) => this.#rebuildOn(other, loss),
      },
      options.reopen,
    );
    this.#training = new Training(this.#trainable());
  }

  /**
   * Builds the model and its training step, and uploads the images.
   * @throws ConfigError for a setting that cannot be used, or that contradicts `options.snapshot`
   * @throws DataError if the data contradicts itself
   * @throws DeviceLimitError if a tensor does not fit the device: nothing is left allocated then
   * @throws RangeError if `options.parameters` or the snapshot's are not of this model
   */
  static async create(
    device: Device,
    data: DataSet,
    config: Partial<VaeConfig> = {},
    options: VaeInternals = {},
  ): Promise<Vae> {
    const vae = new Vae(device, data, config, options);
    await vae.#build(device);
    return vae;
  }

  async #rebuildOn(device: Device, loss: Error): Promise<void> {
    this.#queue.signal.throwIfAborted();
    await this.#build(device);
    this.#options.onRecover?.({ loss, step: this.step, device });
  }

  /** Makes everything on the device anew and puts the last snapshot there. */
  async #build(device: Device): Promise<void> {
    let on: DeviceModel | undefined;
    try {
      const from = await device.checked('build the model', () => {
        const variants = this.#variantsOn(device);
        on = buildModel(device, this.table, this.#data, this.config, { ...this.#options, variants });
        // Only now, when the device is known to hold the model, are its numbers made here.
        const identity = this.#identify(on);
        const begin = this.#last ?? initialSnapshot(this.table, identity, this.#options.parameters);
        loadSnapshot(on, begin, this.#data.train.count);
        return { ...begin, ...identity };
      });
      this.#device = device;
      this.#on = on!;
      this.#ledger.restore(from);
      this.#broken = undefined;
      this.#last = from;
    } catch (error) {
      on?.dispose();
      throw error;
    }
  }

  #identify({ device, plan }: DeviceModel): SnapshotIdentity {
    const { name, backend } = device.info;
    const kernels = [...new Set(dispatchesOf(plan.schedule).map(({ kernel }) => kernel.label))].sort();
    const variants = resolveVariants(device, this.#variantsOn(device), denseProblems(this.table, this.config.batch));
    return { config: this.config, data: this.#identity, adapter: { name, backend }, kernels, variants };
  }

  /** One variant for everything is an order; answers from elsewhere are followed as far as the device can. */
  #variantsOn(device: Device): VariantChoice | undefined {
    const choice = this.#options.variants ?? this.#last?.variants;
    return typeof choice === 'object' ? runnableVariants(device, choice) : choice;
  }

  /** Where the model lives now; another one after a recovery. */
  get device(): Device {
    return this.#device;
  }

  /** Steps done. */
  get step(): number {
    return this.#ledger.step;
  }

  /** Every finished epoch, the first one first. */
  get history(): readonly EpochResult[] {
    return this.#ledger.history;
  }

  /** What a recovery would go on from; every value in it is finite. Stays what it is when the model is disposed of. */
  get lastSnapshot(): Snapshot {
    return this.#last!;
  }

  /** Dispatches of one training step. */
  get dispatchesPerStep(): number {
    return dispatchesOf(this.#on.plan.schedule).length;
  }

  /** Does `work` when its turn has come; again, on another device, if this one is lost meanwhile. */
  #job<T>(work: () => Promise<T>): Promise<T> {
    return this.#queue.run(() =>
      this.#recovery.during(async () => {
        const refused = this.#device.watchErrors();
        const result = await work();
        const error = refused();
        if (error) throw error;
        return result;
      }),
    );
  }

  /** A job that changes the model or keeps it: not once it is broken. */
  #alter<T>(work: () => Promise<T>): Promise<T> {
    return this.#job(async () => {
      if (this.#broken) throw this.#broken;
      return work();
    });
  }

  /** Does what must leave parameters, moments and step of each other; where it has not, nothing can be learned from there on. */
  async #consistently<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof LostStepsError) this.#broken = error;
      throw error;
    }
  }

  /**
   * Trains until `config.epochs` are done, or `signal` or `steps` says stop; called again, it goes on. What a callback throws
   * ends it, too, after the steps in flight.
   * @throws NonFiniteError when a loss is not finite, the parameters are those before that step; or when Adam made a value
   * that is not, then every further call throws it again, and `lastSnapshot` is the last state that is finite
   * @throws DeviceLostError when the GPU went away and there is no `reopen`, RepeatedDeviceLossError when it did too often
   * @throws GpuError if WebGPU refused something meanwhile; LostStepsError if that were steps, and then at every further call
   * @throws BusyError if it is being trained already; RangeError for options that are no counts
   */
  train(options: TrainOptions = {}): Promise<{ finished: boolean; step: number }> {
    return this.#training.train(options);
  }

  /**
   * Does `steps` training steps, whatever `config.epochs` says. An epoch that ends on the way has no result in `history`.
   * @throws NonFiniteError, DeviceLostError, RepeatedDeviceLossError, GpuError, LostStepsError, BusyError, RangeError as
   * `train` does
   */
  advance(steps: number, options: AdvanceOptions = {}): Promise<void> {
    return this.#training.advance(steps, options);
  }

  #trainable(): Trainable {
    return {
      steps: this.steps,
      epochs: this.config.epochs,
      ledger: this.#ledger,
      queue: this.#queue,
      canRecover: this.#options.reopen !== undefined,
      chunkMs: this.#chunkMs,
      device: () => this.#device,
      lastSnapshot: () => this.lastSnapshot,
      job: (work) => this.#alter(work),
      step: (...args) => this.#consistently(() => this.#on.replay.run(...args)),
      evaluate: () => this.#evaluateEpoch(),
      keep: () => this.#keep(),
      whyHalted: (state) => this.#whyHalted(state),
    };
  }

  async #evaluateEpoch(): Promise<Losses> {
    const { evaluator } = this.#on;
    const test = await evaluator.run(this.config.beta, this.#chunkMs, this.#queue.signal);
    if (!Number.isFinite(test.loss))
      throw await badLoss(this.#on, evaluator.intermediates, this.step, 'the test loss after step');
    return test;
  }

  async #whyHalted(state: StepState): Promise<Error> {
    const error = await whyHalted(this.#on, state);
    if (state.halted & OVERFLOWED) this.#broken = error;
    return error;
  }

  /**
   * GPU time of every dispatch of a training step, mean over `steps` of them. Then the model is put back to where it was.
   * @throws GpuError if the device has no timestamp-query
   * @throws NonFiniteError, DeviceLostError, RepeatedDeviceLossError as `train` does; RangeError unless `steps` is from 1
   */
  async profile(steps: number): Promise<DispatchTime[]> {
    checkWhole('profile', 'steps', steps, { from: 1 });
    return this.#alter(async () => {
      const on = this.#on;
      const before = await this.#capture();
      const gradients = await download(on.device, on.tensors.grad);
      try {
        return await profileSchedule(on.device, on.plan.schedule, steps);
      } finally {
        if (!on.device.lost) {
          loadSnapshot(on, before, this.#data.train.count);
          upload(on.device, on.tensors.grad, gradients);
        }
      }
    });
  }

  /**
   * All that is needed to go on from here. While `train()` runs, training pauses for it after the chunks in flight.
   * @throws NonFiniteError if a parameter or a moment is not finite: nothing could be learned from there on
   */
  snapshot(): Promise<Snapshot> {
    return this.#alter(() => this.#keep());
  }

  async #keep(): Promise<Snapshot> {
    const taken = await this.#capture();
    this.#queue.signal.throwIfAborted();
    this.#last = taken;
    return taken;
  }

  async #capture(): Promise<Snapshot> {
    const { progress } = this.#ledger;
    const state = await this.#consistently(() => readState(this.#on, progress.step));
    return { ...this.#identify(this.#on), ...progress, ...state };
  }

  /**
   * Mean losses over the test set, or over another set of images of the same size.
   * @throws DataError if the set contradicts itself, RangeError if its images have another size
   */
  async evaluate(set?: ImageSet): Promise<Losses> {
    if (set) checkImageSet('evaluate', 'set', set);
    const { beta, seed } = this.config;
    const { signal } = this.#queue;
    return this.#job(() => {
      if (!set) return this.#on.evaluator.run(beta, this.#chunkMs, signal);
      return evaluateOnce({ ...this.#view(), seed }, set, beta, this.#chunkMs, signal);
    });
  }

  /**
   * q(z|x) of images: `images` (n, D), u8 from 0 to 255 or f32 from 0 to 1 as `decode` gives it -> `mu` and `logvar` (n, L) f32.
   * @throws TypeError for another kind of array; RangeError unless the length is a positive multiple of D, and for other levels
   */
  async encode(
    images: Uint8Array | Uint8ClampedArray | Float32Array,
  ): Promise<{ mu: Float32Array; logvar: Float32Array }> {
    const levels = imagesOf('encode', images, this.imageSize);
    return this.#job(() => encodeImages(this.#view(), levels, this.#queue.signal));
  }

  /**
   * p(x|z): `z` (n, L), computed with as f32 -> pixels (n, D) f32 in [0, 1]; NaN for a row of z that is not finite.
   * @throws TypeError for what is no array of numbers; RangeError unless the length is a positive multiple of L
   */
  async decode(z: Float32Array | Float64Array | readonly number[]): Promise<Float32Array> {
    const latents = latentsOf('decode', z, this.config.latent);
    return this.#job(() => decodeLatents(this.#view(), latents, this.#queue.signal));
  }

  /**
   * What `src/vae/live.ts` looks through; another one after a recovery.
   * @throws DisposedError after `dispose()`
   */
  get model(): Model {
    this.#queue.signal.throwIfAborted();
    return this.#view();
  }

  #view(): Model {
    const { table, imageSize } = this;
    return { device: this.#device, table, param: this.#on.tensors.param, imageSize, latent: this.config.latent };
  }

  /**
   * Decodes z ~ N(0, I): pixels (count, D) f32 in [0, 1]. The same seed gives the same z.
   * @throws RangeError unless `count` is a whole number from 1 and `seed` one of 32 bits
   */
  async sample(count: number, seed = this.config.seed): Promise<Float32Array> {
    checkWhole('sample', 'count', count, { from: 1 });
    checkWhole('sample', 'seed', seed, { from: 0, to: 2 ** 32 - 1 });
    return this.decode(normalNumbers(count * this.config.latent, seed));
  }

  /** The parameters by PyTorch's names, weights (out, in). */
  parameters(): Promise<NamedTensor[]> {
    return this.#job(() => this.#named(this.#on.tensors.param));
  }

  /** The last step's gradients, named as the parameters are; zeros before the first step here, or since a recovery. */
  gradients(): Promise<NamedTensor[]> {
    return this.#job(() => this.#named(this.#on.tensors.grad));
  }

  /** Adam's moments, named as the parameters are. */
  moments(): Promise<{ m: NamedTensor[]; v: NamedTensor[] }> {
    return this.#job(async () => {
      const { m, v } = this.#on.tensors;
      return { m: await this.#named(m), v: await this.#named(v) };
    });
  }

  async #named(flat: Tensor): Promise<NamedTensor[]> {
    return nameParameters(this.table, await download(this.#device, flat));
  }

  get #chunkMs(): number {
    return this.#options.chunkMs ?? DEFAULT_CHUNK_MS;
  }

  /**
   * Frees what is on the device: at once, or, if a method is at work, as soon as the GPU is done with what is in flight. Those
   * methods, also `train()`, reject with a DisposedError now.
   */
  dispose(): void {
    const reason = new DisposedError(
      'the model was disposed of: create another one; `lastSnapshot` is where it can go on',
    );
    this.#queue.close(reason, () => this.#on.dispose());
  }
}
