import type { DataSet, ImageSet } from '../data/dataset.ts';
import { checkDataSet, checkImageSet } from '../data/validate.ts';
import type { Device } from '../gpu/device.ts';
import { type DispatchTime, profileSchedule } from '../gpu/profiler.ts';
import { dispatchesOf } from '../gpu/schedule.ts';
import { download, type Tensor, upload } from '../gpu/tensor.ts';
import { OVERFLOWED, type StepState } from '../kernels/finish-step.ts';
import type { VariantChoice } from '../kernels/gemm.ts';
import { type NamedTensor, nameParameters, type ParameterTable } from '../nn/parameters.ts';
import { checkMs, checkWhole } from './arguments.ts';
import type { TrainConfig } from './config.ts';
import { imageShapeOf } from './data.ts';
import { buildModel, type DeviceModel, loadSnapshot } from './device-model.ts';
import { evaluateOnce } from './evaluator.ts';
import { imagesOf, rowsOf } from './inputs.ts';
import { Ledger } from './ledger.ts';
import type { Losses } from './losses.ts';
import { type ModelDefinition, type PlacedModel, pixelsOf, type SettledModel, settle } from './model.ts';
import { badLoss, readState, whyHalted } from './non-finite.ts';
import type { AdvanceOptions, CreateOptions, Internals, TrainOptions } from './options.ts';
import { DisposedError, JobQueue } from './queue.ts';
import { Recovery } from './recovery.ts';
import { LostStepsError } from './replay.ts';
import {
  checkSameData,
  checkSameModel,
  checkSameTerms,
  copyOf,
  type DataIdentity,
  type EpochResult,
  identifyData,
  initialSnapshot,
  resumedConfig,
  type Snapshot,
  type SnapshotIdentity,
} from './snapshot.ts';
import { type Trainable, Training } from './training.ts';
import { resolveVariants, runnableVariants } from './variants.ts';
import { type Shown, viewImages, viewSize, viewTensors } from './view.ts';

const DEFAULT_CHUNK_MS = 60;

/**
 * A model on the GPU: parameters, optimizer state, the training step, and ways to look at it.
 * Owns its buffers (`dispose()` frees them); the device is the caller's.
 *
 * Every method may be called at any time, and by many callers at once: what they ask for is done one after the other, and while
 * `train()` runs, between its chunks of steps. So a method gives what it would give alone. Only those that do steps, `train()` and
 * `advance()`, refuse to wait for each other, with a BusyError. After `dispose()` every method rejects with a DisposedError.
 */
export class Trainer<Config extends TrainConfig = TrainConfig, Views extends string = string> {
  readonly settled: SettledModel<Config, Views>;
  /** Steps of the whole training: epochs N / B, rounded up. */
  readonly steps: number;
  #device: Device;
  #data: DataSet;
  #identity: DataIdentity;
  #options: Internals<Config>;
  /** Replaced by a recovery. */
  #on!: DeviceModel<Config, Views>;
  #ledger: Ledger;
  #last: Snapshot<Config> | undefined;
  /** Whoever uses the device waits here for its turn. */
  #queue = new JobQueue();
  #recovery: Recovery;
  #training: Training<Config>;
  /** Set once nothing can be learned from here on: no step could mend parameters or moments that are not finite. */
  #broken: Error | undefined;

  /** Everything but what is on the device: call `start()` next. */
  protected constructor(
    definition: ModelDefinition<Config, Views>,
    device: Device,
    data: DataSet,
    config: Partial<Config>,
    options: Internals<Config>,
  ) {
    checkDataSet('create', data);
    const { count } = data.train;
    const { snapshot } = options;
    if (snapshot) checkSameModel(snapshot, definition);
    this.settled = settle(definition, snapshot ? resumedConfig(snapshot, config) : config, imageShapeOf(data.train));
    this.steps = Math.ceil((this.config.epochs * count) / this.config.batch);
    this.#device = device;
    this.#data = data;
    this.#identity = identifyData(data, this.settled);
    if (snapshot) {
      checkSameData(snapshot, this.#identity);
      checkSameTerms(snapshot, this.settled.terms);
    }
    this.#options = options;
    if (options.chunkMs !== undefined) checkMs('create', 'chunkMs', options.chunkMs);
    this.#ledger = new Ledger(this.settled.terms, { count, batch: this.config.batch });
    this.#ledger.seconds = snapshot?.seconds ?? 0;
    this.#last = snapshot && copyOf(snapshot);
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
  static async open<Config extends TrainConfig, Views extends string>(
    definition: ModelDefinition<Config, Views>,
    device: Device,
    data: DataSet,
    config: Partial<Config> = {},
    options: Internals<Config> = {},
  ): Promise<Trainer<Config, Views>> {
    const trainer = new Trainer(definition, device, data, config, options);
    await trainer.start();
    return trainer;
  }

  /** Makes everything on the device; once. */
  protected async start(): Promise<void> {
    await this.#build(this.#device);
  }

  get config(): Config {
    return this.settled.config;
  }

  get table(): ParameterTable {
    return this.settled.table;
  }

  /** D, numbers of an image. */
  get imageSize(): number {
    return pixelsOf(this.settled.images);
  }

  async #rebuildOn(device: Device, loss: Error): Promise<void> {
    this.#queue.signal.throwIfAborted();
    await this.#build(device);
    this.#options.onRecover?.({ loss, step: this.step, device });
  }

  /** Makes everything on the device anew and puts the last snapshot there. */
  async #build(device: Device): Promise<void> {
    let on: DeviceModel<Config, Views> | undefined;
    try {
      const from = await device.checked('build the model', () => {
        const variants = this.#variantsOn(device);
        on = buildModel(device, this.settled, this.#data, { ...this.#options, variants });
        // Only now, when the device is known to hold the model, are its numbers made here.
        const identity = this.#identify(on);
        const begin = this.#last ?? initialSnapshot(this.settled, identity, this.#options.parameters);
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

  #identify({ device, plan }: DeviceModel<Config, Views>): SnapshotIdentity<Config> {
    const { name, backend } = device.info;
    const kernels = [...new Set(dispatchesOf(plan.schedule).map(({ kernel }) => kernel.label))].sort();
    const variants = resolveVariants(device, this.#variantsOn(device), this.settled.problems);
    const { kind, version } = this.settled.definition;
    return {
      model: { kind, version },
      config: this.config,
      data: this.#identity,
      adapter: { name, backend },
      kernels,
      variants,
    };
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
  get lastSnapshot(): Snapshot<Config> {
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
  train(options: TrainOptions<Config> = {}): Promise<{ finished: boolean; step: number }> {
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

  #trainable(): Trainable<Config> {
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
    const test = await evaluator.run(this.#chunkMs, this.#queue.signal);
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
  snapshot(): Promise<Snapshot<Config>> {
    // The caller's own: a recovery goes on from what is kept here.
    return this.#alter(async () => copyOf(await this.#keep()));
  }

  async #keep(): Promise<Snapshot<Config>> {
    const taken = await this.#capture();
    this.#queue.signal.throwIfAborted();
    this.#last = taken;
    return taken;
  }

  async #capture(): Promise<Snapshot<Config>> {
    const { progress } = this.#ledger;
    const state = await this.#consistently(() => readState(this.#on, progress.step));
    return { ...this.#identify(this.#on), ...progress, ...state };
  }

  /**
   * Mean losses over the test set, or over another set of images of the same size. In `loss` every term has its full weight, whatever
   * a schedule makes of it at this step.
   * @throws DataError if the set contradicts itself, RangeError if its images have another size
   */
  async evaluate(set?: ImageSet): Promise<Losses> {
    if (set) checkImageSet('evaluate', 'set', set);
    const { signal } = this.#queue;
    return this.#job(() => {
      if (!set) return this.#on.evaluator.run(this.#chunkMs, signal);
      return evaluateOnce(this.#placed, set, this.#chunkMs, signal);
    });
  }

  /**
   * A view of images: (n, D), u8 from 0 to 255 or f32 from 0 to 1 -> what it shows of each, by name.
   * @throws TypeError for another kind of array; RangeError unless the length is a positive multiple of D, and for other levels
   */
  async viewImages(name: Views, images: Uint8Array | Uint8ClampedArray | Float32Array): Promise<Shown> {
    const size = viewSize(this.settled, name);
    if (size !== this.imageSize) {
      throw new RangeError(
        `${name}: its input has ${size} numbers, expected images of ${this.imageSize}: use viewTensors`,
      );
    }
    const levels = imagesOf(name, images, this.imageSize);
    return this.#job(() => viewImages(this.#placed, name, levels, this.#queue.signal));
  }

  /**
   * A view of inputs (n, …) of its own shape, computed with as f32 -> what it shows of each, by name.
   * @throws TypeError for what is no array of numbers; RangeError unless the length is a positive multiple of a row's
   */
  async viewTensors(name: Views, input: Float32Array | Float64Array | readonly number[]): Promise<Shown> {
    const values = rowsOf(name, input, viewSize(this.settled, name));
    return this.#job(() => viewTensors(this.#placed, name, values, this.#queue.signal));
  }

  /**
   * What live views look through, see `LiveView`; another one after a recovery.
   * @throws DisposedError after `dispose()`
   */
  get placed(): PlacedModel<Config, Views> {
    this.#queue.signal.throwIfAborted();
    return this.#placed;
  }

  /** (4) u32 on the device, see `StepState`: copied together with `placed.param`, it says of which step the copy is. */
  get stepState(): Tensor {
    return this.#on.plan.state;
  }

  get #placed(): PlacedModel<Config, Views> {
    return { device: this.#device, model: this.settled, param: this.#on.tensors.param };
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

/**
 * A model on the device, ready to train, with a data set's images. Settings that are left out have their defaults.
 *
 * @param options where to go on or begin, and where to go when the device is lost
 * @throws ConfigError for a setting that cannot be used, or that contradicts `options.snapshot`
 * @throws DataError if the data contradicts itself
 * @throws DeviceLimitError if a tensor does not fit the device: nothing is left allocated then
 * @throws RangeError if the model contradicts itself, or `options.parameters` or the snapshot's are not of it
 */
export function createTrainer<Config extends TrainConfig, Views extends string>(
  definition: ModelDefinition<Config, Views>,
  device: Device,
  data: DataSet,
  config: Partial<Config> = {},
  options: CreateOptions<Config> = {},
): Promise<Trainer<Config, Views>> {
  return Trainer.open(definition, device, data, config, options);
}
