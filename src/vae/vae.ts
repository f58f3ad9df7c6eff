import type { DataSet, ImageSet } from '../data/dataset.ts';
import { type Device, DeviceLostError } from '../gpu/device.ts';
import { type DispatchTime, profileSchedule } from '../gpu/profiler.ts';
import { dispatchesOf } from '../gpu/schedule.ts';
import { download, type Tensor } from '../gpu/tensor.ts';
import { OVERFLOWED, type StepState } from '../kernels/finish-step.ts';
import type { VariantChoice } from '../kernels/gemm.ts';
import { parseConfig, type VaeConfig } from './config.ts';
import { buildModel, type DeviceModel, loadSnapshot } from './device-model.ts';
import { epochEnd, epochOf, type StepSizes } from './epochs.ts';
import { evaluateOnce } from './evaluator.ts';
import { decodeLatents, encodeImages, type Model } from './inference.ts';
import { EpochMean, type Losses, LossMean } from './losses.ts';
import { badLoss, type NonFiniteError, readState, whyHalted } from './non-finite.ts';
import { progressOf, type TrainOptions, type VaeInternals } from './options.ts';
import { nameParameters, type ParameterTable, parameterTable } from './parameters.ts';
import { normalNumbers } from './random.ts';
import { type Recoverable, Recovery } from './recovery.ts';
import type { StepLoss } from './replay.ts';
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
import { denseProblems, resolveVariants, runnableVariants } from './variants.ts';

export type { CreateOptions, Progress, SnapshotReason, TrainOptions, VaeInternals } from './options.ts';
export type { EpochResult, Snapshot } from './snapshot.ts';

const DEFAULT_CHUNK_MS = 60;
const DEFAULT_SNAPSHOT_MS = 10_000;

/** A caller of `snapshot()` that waits for the training to reach a point where one can be taken. */
interface SnapshotRequest {
  resolve: (snapshot: Snapshot) => void;
  reject: (error: unknown) => void;
}

/**
 * A variational autoencoder on the GPU: parameters, optimizer state, the training step, and ways to look at it.
 * Owns its buffers (`dispose()` frees them); the device is the caller's.
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
  #step = 0;
  #mean: EpochMean;
  #history: EpochResult[] = [];
  /** An epoch that is done, but `onEpoch` and `onSnapshot` have not returned yet. */
  #unreported: EpochResult | undefined;
  #seconds = 0;
  #last: Snapshot | undefined;
  #training = false;
  /** Between two points at which step, sums and history belong together. */
  #stepping = false;
  #requests: SnapshotRequest[] = [];
  #recovery: Recovery;
  /** Set once parameters or moments are not finite: no step could mend them. */
  #broken: NonFiniteError | undefined;

  private constructor(device: Device, data: DataSet, config: Partial<VaeConfig>, options: VaeInternals) {
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
    this.#mean = new EpochMean(this.config.beta, this.#sizes);
    this.#last = snapshot;
    this.#seconds = snapshot?.seconds ?? 0;
    const model: Recoverable = {
      device: () => this.#device,
      release: () => this.dispose(),
      rebuildOn: (other, loss) => this.#rebuildOn(other, loss),
    };
    this.#recovery = new Recovery(model, options.reopen);
  }

  /**
   * Builds the model and its training step, and uploads the images.
   * @throws ConfigError for a setting that cannot be used, or that contradicts `options.snapshot`
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
    await vae.#rebuild();
    return vae;
  }

  async #rebuildOn(device: Device, loss: Error): Promise<void> {
    this.#device = device;
    await this.#rebuild();
    this.#options.onRecover?.({ loss, step: this.#step, device });
  }

  /** Makes everything on the device anew and puts the last snapshot there. */
  async #rebuild(): Promise<void> {
    try {
      await this.#device.checked('build the model', () => this.#build());
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  #build(): void {
    const options = { ...this.#options, variants: this.#variants };
    this.#on = buildModel(this.#device, this.table, this.#data, this.config, options);
    // Only now, when the device is known to hold the model, are its numbers made here.
    const from = this.#last ?? initialSnapshot(this.table, this.#identify(), this.#options.parameters);
    loadSnapshot(this.#on, from, this.#data.train.count);
    this.#step = from.step;
    this.#mean = new EpochMean(this.config.beta, this.#sizes, from.step, from.sums);
    this.#history = from.history;
    this.#broken = undefined;
    this.#last = { ...from, ...this.#identify() };
  }

  #identify(): SnapshotIdentity {
    const { name, backend } = this.#device.info;
    const kernels = [...new Set(dispatchesOf(this.#on.plan.schedule).map(({ kernel }) => kernel.label))].sort();
    const variants = resolveVariants(this.#device, this.#variants, denseProblems(this.table, this.config.batch));
    return { config: this.config, data: this.#identity, adapter: { name, backend }, kernels, variants };
  }

  /** Where the model lives now; another one after a recovery. */
  get device(): Device {
    return this.#device;
  }

  /** Steps done. */
  get step(): number {
    return this.#step;
  }

  /** Every finished epoch, the first one first. */
  get history(): readonly EpochResult[] {
    return this.#history;
  }

  /** What a recovery would go on from; every value in it is finite. */
  get lastSnapshot(): Snapshot {
    return this.#last!;
  }

  /** Dispatches of one training step. */
  get dispatchesPerStep(): number {
    return dispatchesOf(this.#on.plan.schedule).length;
  }

  /** One variant for everything is an order; answers from elsewhere are followed as far as the device can. */
  get #variants(): VariantChoice | undefined {
    const choice = this.#options.variants ?? this.#last?.variants;
    return typeof choice === 'object' ? runnableVariants(this.#device, choice) : choice;
  }

  get #sizes(): StepSizes {
    return { count: this.#data.train.count, batch: this.config.batch };
  }

  /**
   * Trains until `config.epochs` are done, or `signal` or `steps` says stop; called again, it goes on.
   * @throws NonFiniteError when a loss is not finite, the parameters are those before that step; or when Adam made a value
   * that is not, then every further call throws it again, and `lastSnapshot` is the last state that is finite
   * @throws DeviceLostError when the GPU went away and there is no `reopen`, RepeatedDeviceLossError when it did too often
   */
  async train(options: TrainOptions = {}): Promise<{ finished: boolean; step: number }> {
    if (this.#training) throw new Error('train: this model is being trained already: wait for that to end');
    this.#training = true;
    const before = this.#seconds;
    const start = performance.now();
    const countSeconds = (): number => {
      this.#seconds = before + (performance.now() - start) / 1000;
      return this.#seconds;
    };
    try {
      // A recovery goes back, and does again what is missing.
      const target = Math.min(this.steps, this.#step + (options.steps ?? this.steps));
      await this.#during(() => this.#train(target, options, countSeconds));
      return { finished: this.#step >= this.steps, step: this.#step };
    } catch (error) {
      for (const { reject } of this.#requests.splice(0)) reject(error);
      throw error;
    } finally {
      this.#training = false;
    }
  }

  /** What changes the model or keeps it: not once it is broken. */
  async #during<T>(work: () => Promise<T>): Promise<T> {
    if (this.#broken) throw this.#broken;
    return this.#recovery.during(work);
  }

  async #train(target: number, options: TrainOptions, countSeconds: () => number): Promise<void> {
    const { onEpoch, onSnapshot, signal } = options;
    const keep = onSnapshot !== undefined || this.#options.reopen !== undefined;
    for (;;) {
      if (this.#unreported) {
        await onEpoch?.(this.#unreported);
        if (keep) await onSnapshot?.(this.lastSnapshot, 'epoch');
        this.#unreported = undefined;
      }
      if (this.#step >= target || signal?.aborted) return;

      const epoch = epochOf(this.#step, this.#sizes);
      const end = epochEnd(epoch, this.#sizes);
      this.#stepping = true;
      let result: EpochResult | undefined;
      try {
        await this.#trainUntil(Math.min(end, target), epoch, keep, options);
        countSeconds();
        if (this.#step === end) result = await this.#finishEpoch(epoch, countSeconds);
        if (keep || this.#requests.length > 0) this.#last = await this.#capture();
      } finally {
        this.#stepping = false;
      }
      for (const { resolve } of this.#requests.splice(0)) resolve(this.lastSnapshot);
      // From here on a recovery goes on after this epoch.
      this.#unreported = result;
      const stops = this.#step >= target || signal?.aborted;
      if (keep && !result) await onSnapshot?.(this.lastSnapshot, stops ? 'stop' : 'time');
    }
  }

  /** Steps up to `end`, or until a snapshot is due or wanted, or training shall stop. */
  async #trainUntil(
    end: number,
    epoch: number,
    keep: boolean,
    { onProgress, signal, snapshotEveryMs = DEFAULT_SNAPSHOT_MS }: TrainOptions,
  ): Promise<void> {
    const due = keep ? performance.now() + snapshotEveryMs : Number.POSITIVE_INFINITY;
    const { beta, epochs } = this.config;
    await this.#advance(end - this.#step, (losses, msPerStep) => {
      const chunk = new LossMean(beta);
      for (const loss of losses) chunk.add(loss);
      onProgress?.(progressOf(epoch, epochs, this.#step, this.steps, chunk.mean(), msPerStep));
      return !signal?.aborted && performance.now() < due && this.#requests.length === 0;
    });
  }

  async #finishEpoch(epoch: number, countSeconds: () => number): Promise<EpochResult> {
    const train = this.#mean.mean();
    const { evaluator } = this.#on;
    const test = await evaluator.run(this.config.beta, this.#chunkMs);
    if (!Number.isFinite(test.loss))
      throw await badLoss(this.#on, evaluator.intermediates, this.#step, 'the test loss after step');
    const result = { epoch, step: this.#step, train, test, seconds: countSeconds() };
    this.#history = [...this.#history, result];
    return result;
  }

  /**
   * Does `steps` training steps, whatever `config.epochs` says.
   * @throws NonFiniteError, DeviceLostError, RepeatedDeviceLossError as `train` does
   */
  async advance(
    steps: number,
    options: { onChunk?: (losses: StepLoss[], msPerStep: number) => void; signal?: AbortSignal } = {},
  ): Promise<void> {
    const target = this.#step + steps;
    await this.#during(() =>
      this.#advance(target - this.#step, (losses, msPerStep) => {
        options.onChunk?.(losses, msPerStep);
        return !options.signal?.aborted;
      }),
    );
  }

  /** @param onChunk returning false stops after what is in flight */
  async #advance(steps: number, onChunk: (losses: StepLoss[], msPerStep: number) => boolean): Promise<void> {
    const replay = this.#on.replay;
    let halted: StepState | undefined;
    await replay.run(this.#step, steps, {
      budgetMs: this.#chunkMs,
      onChunk: ({ losses, state, msPerStep }) => {
        // What was mapped just before the loss may arrive after the rebuilding that the loss led to.
        if (replay !== this.#on.replay) throw new DeviceLostError('the model moved to another device');
        const first = this.#step;
        this.#step = state.step;
        if (state.halted) {
          halted ??= state;
          return false;
        }
        for (const [i, loss] of losses.entries()) this.#mean.add(first + i, loss);
        return onChunk(losses, msPerStep);
      },
    });
    if (halted) throw await this.#whyHalted(halted);
  }

  async #whyHalted(state: StepState): Promise<NonFiniteError> {
    const error = await whyHalted(this.#on, state);
    if (state.halted & OVERFLOWED) this.#broken = error;
    return error;
  }

  /**
   * GPU time of every dispatch of a training step, mean over `steps` of them. Then the model is put back to where it was.
   * @throws GpuError if the device has no timestamp-query
   * @throws NonFiniteError, DeviceLostError, RepeatedDeviceLossError as `train` does
   */
  async profile(steps: number): Promise<DispatchTime[]> {
    return this.#during(async () => {
      const before = await this.#capture();
      const times = await profileSchedule(this.#device, this.#on.plan.schedule, steps);
      loadSnapshot(this.#on, before, this.#data.train.count);
      return times;
    });
  }

  /**
   * All that is needed to go on from here. While `train()` runs, training pauses for it after the chunks in flight;
   * while `advance()` runs, wait for that first.
   * @throws NonFiniteError if a parameter or a moment is not finite: nothing could be learned from there on
   */
  async snapshot(): Promise<Snapshot> {
    if (this.#stepping) return new Promise((resolve, reject) => this.#requests.push({ resolve, reject }));
    return this.#during(async () => {
      this.#last = await this.#capture();
      return this.#last;
    });
  }

  /** Only while nothing is in flight: the three tensors and the step must belong together. */
  async #capture(): Promise<Snapshot> {
    const progress = {
      step: this.#step,
      sums: this.#mean.sumsAfter(this.#step),
      history: this.#history,
      seconds: this.#seconds,
    };
    return {
      ...this.#identify(),
      ...progress,
      ...(await readState(this.#on, this.#step)),
    };
  }

  /** Mean losses over the test set, or over another set of images of the same size. */
  evaluate(set?: ImageSet): Promise<Losses> {
    return this.#recovery.during(async () => {
      if (!set) return this.#on.evaluator.run(this.config.beta, this.#chunkMs);
      const { beta, seed } = this.config;
      const model = { ...this.#view(), seed };
      return evaluateOnce(model, set, beta, this.#chunkMs);
    });
  }

  /**
   * q(z|x) of images: `images` (n, D) u8 -> `mu` and `logvar` (n, L) f32.
   * @throws RangeError unless the length is a positive multiple of D
   */
  encode(images: Uint8Array): Promise<{ mu: Float32Array; logvar: Float32Array }> {
    return this.#recovery.during(() => encodeImages(this.#view(), images));
  }

  /**
   * p(x|z): `z` (n, L) f32 -> pixels (n, D) f32 in [0, 1].
   * @throws RangeError unless the length is a positive multiple of L
   */
  decode(z: Float32Array): Promise<Float32Array> {
    return this.#recovery.during(() => decodeLatents(this.#view(), z));
  }

  /** What `src/vae/live.ts` looks through; another one after a recovery. */
  get model(): Model {
    return this.#view();
  }

  /** (4) u32 on the device, see `StepState`: copied together with `model.param`, it says of which step the copy is. */
  get stepState(): Tensor {
    return this.#on.plan.state;
  }

  #view(): Model {
    const { table, imageSize } = this;
    return { device: this.#device, table, param: this.#on.tensors.param, imageSize, latent: this.config.latent };
  }

  /** Decodes z ~ N(0, I): pixels (count, D) f32 in [0, 1]. The same seed gives the same z. */
  sample(count: number, seed = this.config.seed): Promise<Float32Array> {
    return this.decode(normalNumbers(count * this.config.latent, seed));
  }

  /** The parameters by PyTorch's names, weights (out, in). */
  parameters(): Promise<NamedTensor[]> {
    return this.#recovery.during(() => this.#named(this.#on.tensors.param));
  }

  /** The last step's gradients, named as the parameters are. */
  gradients(): Promise<NamedTensor[]> {
    return this.#named(this.#on.tensors.grad);
  }

  /** Adam's moments, named as the parameters are. */
  async moments(): Promise<{ m: NamedTensor[]; v: NamedTensor[] }> {
    const { m, v } = this.#on.tensors;
    return { m: await this.#named(m), v: await this.#named(v) };
  }

  async #named(flat: Tensor): Promise<NamedTensor[]> {
    return nameParameters(this.table, await download(this.#device, flat));
  }

  get #chunkMs(): number {
    return this.#options.chunkMs ?? DEFAULT_CHUNK_MS;
  }

  dispose(): void {
    this.#on?.dispose();
  }
}
