import type { DataSet } from '../data/dataset.ts';
import { type Device, DeviceLostError } from '../gpu/device.ts';
import { tuningStore } from '../host/tuning-store.browser.ts';
import { createDevice, NonFiniteError } from '../index.ts';
import type { VariantChoice } from '../kernels/gemm.ts';
import { parseConfig, type VaeConfig } from '../vae/config.ts';
import type { EpochResult, Progress, Snapshot, TrainOptions, Vae } from '../vae/vae.ts';
import { Vae as VaeClass } from '../vae/vae.ts';
import { tunedVariants } from '../vae/variants.ts';
import { Metrics } from './metrics.ts';

/** What happened; listeners look at the session for the rest. */
export type SessionEvent =
  /** Another model, or the same one on another device: whatever was bound to its buffers is stale. */
  | 'model'
  /** Training began or ended. */
  | 'activity'
  /** Losses came in. */
  | 'progress'
  /** An epoch is done. */
  | 'epoch'
  /** A snapshot worth keeping was taken. */
  | 'snapshot';

const SNAPSHOT_EVERY_MS = 30_000;
/** Time for choosing kernels; what it does not suffice for keeps the default. */
const TUNING_MS = 500;
/** Steps per second are a mean over this time. */
const RATE_WINDOW_MS = 5000;

/**
 * The page's state: the data, the device, the model and what it has learned so far. Widgets listen and look; only this
 * changes the model.
 */
export class Session {
  readonly metrics = new Metrics();
  #listeners = new Set<(event: SessionEvent) => void>();
  #device: Device;
  #data: DataSet;
  #vae: Vae | undefined;
  #abort: AbortController | undefined;
  /** The training or the step that runs now. */
  #running: Promise<void> = Promise.resolve();
  #progress: Progress | undefined;
  #failure: NonFiniteError | undefined;
  #pace: { at: number; step: number }[] = [];
  #recoveries = 0;
  #recoveredAt: number | undefined;
  #busy = false;
  /** Called for what goes wrong while nobody waits for it. */
  onError: (error: unknown) => void = () => {};

  private constructor(device: Device, data: DataSet) {
    this.#device = device;
    this.#data = data;
  }

  /** @throws NoAdapterError, DeviceLimitError, GpuError, ConfigError */
  static async open(data: DataSet, config: VaeConfig): Promise<Session> {
    const session = new Session(await createDevice(), data);
    session.#watch();
    try {
      await session.build(config);
    } catch (error) {
      session.#device.dispose();
      throw error;
    }
    return session;
  }

  listen(listener: (event: SessionEvent) => void): void {
    this.#listeners.add(listener);
  }

  get device(): Device {
    return this.#device;
  }

  /** How often numbers and curves change while training: drawing them takes steps away where the CPU is the GPU. */
  get updateEveryMs(): number {
    return this.#device.info.software ? 2500 : 500;
  }

  get data(): DataSet {
    return this.#data;
  }

  get vae(): Vae {
    return this.#vae!;
  }

  get training(): boolean {
    return this.#abort !== undefined;
  }

  /** True while something other than training needs the model for itself. */
  get busy(): boolean {
    return this.#busy;
  }

  get finished(): boolean {
    return this.vae.step >= this.vae.steps;
  }

  get progress(): Progress | undefined {
    return this.#progress;
  }

  /** What ended the last training, if it was not the visitor. */
  get failure(): NonFiniteError | undefined {
    return this.#failure;
  }

  /** Devices lost and replaced, and the step that the last recovery went on from. */
  get recovery(): { count: number; step: number } | undefined {
    return this.#recoveredAt === undefined ? undefined : { count: this.#recoveries, step: this.#recoveredAt };
  }

  /**
   * Replaces the model, and the data set if one is given. When that fails the old model stays.
   * @throws ConfigError, DeviceLimitError, GpuError
   */
  async build(config: Partial<VaeConfig>, options: { snapshot?: Snapshot; data?: DataSet } = {}): Promise<void> {
    await this.pause();
    await this.#exclusive(async () => {
      const data = options.data ?? this.#data;
      const start = options.snapshot
        ? { snapshot: options.snapshot }
        : { variants: await this.#variants(config, data) };
      const next = await VaeClass.create(this.#device, data, config, {
        ...start,
        reopen: () => this.#reopen(),
        onRecover: ({ step }) => {
          this.#recoveries++;
          this.#recoveredAt = step;
          this.metrics.cut(step);
          this.#emit('model');
        },
      });
      this.#vae?.dispose();
      this.#vae = next;
      this.#data = data;
      this.#progress = undefined;
      this.#failure = undefined;
      this.#recoveredAt = undefined;
      this.metrics.restart(next.history, next.config, data.train.count);
    });
    this.#emit('model');
  }

  /**
   * The fastest kernels for a model: measured at its first time on this adapter, remembered by the browser from then on, so
   * that a link goes on giving the same bits. Software adapters keep the default: compiling the others would delay the first
   * picture by a second or two, and they are several times as slow there.
   */
  async #variants(config: Partial<VaeConfig>, { train }: DataSet): Promise<VariantChoice | undefined> {
    if (this.#device.info.software) return undefined;
    const options = { imageSize: train.rows * train.columns, store: tuningStore, budgetMs: TUNING_MS };
    return (await tunedVariants(this.#device, parseConfig(config), options)).variants;
  }

  /** Trains until the epochs are done or `pause()`. */
  train(): void {
    if (this.training || this.#busy) return;
    const abort = new AbortController();
    this.#abort = abort;
    this.#emit('activity');
    this.#running = this.#advance({ signal: abort.signal })
      .catch((error) => this.onError(error))
      .finally(() => {
        this.#abort = undefined;
        this.#emit('activity');
      });
  }

  async #advance(options: Pick<TrainOptions, 'signal' | 'steps'>): Promise<void> {
    this.#pace = [{ at: performance.now(), step: this.vae.step }];
    this.#failure = undefined;
    try {
      await this.vae.train({
        ...options,
        snapshotEveryMs: SNAPSHOT_EVERY_MS,
        onProgress: (progress) => {
          this.#progress = { ...progress, ...this.#paceOf(progress) };
          this.metrics.addTrain(progress.step, progress.train);
          this.#emit('progress');
        },
        onEpoch: (result) => this.#epochDone(result),
        onSnapshot: () => this.#emit('snapshot'),
      });
    } catch (error) {
      if (error instanceof NonFiniteError) this.#failure = error;
      throw error;
    }
  }

  /** The pace of the last seconds, with everything that comes between steps. */
  #paceOf({ step, steps }: Progress): Pick<Progress, 'stepsPerSecond' | 'secondsLeft'> {
    const at = performance.now();
    // After a recovery steps are done again.
    this.#pace = this.#pace.filter((past) => at - past.at < RATE_WINDOW_MS && past.step < step);
    const first = this.#pace[0] ?? { at: at - RATE_WINDOW_MS, step };
    this.#pace.push({ at, step });
    const stepsPerSecond = (1000 * Math.max(0.1, step - first.step)) / Math.max(1, at - first.at);
    return { stepsPerSecond, secondsLeft: (steps - step) / stepsPerSecond };
  }

  #epochDone(result: EpochResult): void {
    this.metrics.addTest(result.step, result.test);
    this.#emit('epoch');
  }

  /** Ends training after the chunks in flight. */
  async pause(): Promise<void> {
    this.#abort?.abort();
    await this.#running;
  }

  /** Exactly one training step; at the end of an epoch with all that training does there. */
  async step(): Promise<void> {
    if (this.training || this.#busy) return;
    await this.#exclusive(() => this.#advance({ steps: 1 }));
  }

  /** Lets `work`, which may train, have the model for itself. */
  async exclusive<T>(work: (vae: Vae) => Promise<T>): Promise<T> {
    await this.pause();
    const result = await this.#exclusive(async () => {
      const done = await work(this.vae);
      await this.vae.snapshot();
      return done;
    });
    this.#emit('snapshot');
    return result;
  }

  /** A lost device brings another model, and with it another look; anything else is worth telling. */
  lookFailed(error: unknown): void {
    if (!(error instanceof DeviceLostError || this.#device.lost)) this.onError(error);
  }

  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    this.#busy = true;
    this.#emit('activity');
    try {
      return await work();
    } finally {
      this.#busy = false;
      this.#emit('activity');
      this.#recover();
    }
  }

  async #reopen(): Promise<Device> {
    const lost = this.#device;
    this.#device = await createDevice();
    lost.dispose();
    this.#watch();
    return this.#device;
  }

  /** A device that is lost while nothing is computed is noticed here, not only at the next click. */
  #watch(): void {
    this.#device.handle.lost.then(() => this.#recover());
  }

  /** Moves the model to another device if its own is lost, unless somebody at work with it will. */
  #recover(): void {
    const { lost, disposed } = this.#device;
    if (!lost || disposed || this.training || this.#busy) return;
    this.#vae?.snapshot().catch((error) => this.onError(error));
  }

  #emit(event: SessionEvent): void {
    if (!this.#vae) return;
    for (const listener of this.#listeners) listener(event);
  }
}
