import {
  createDevice,
  createVae,
  type DataSet,
  type Device,
  DeviceLostError,
  type EpochResult,
  type NamedTensor,
  NonFiniteError,
  type Progress,
  type Snapshot,
  type TrainOptions,
  tunedVariants,
  tuningStore,
  type Vae,
  type VaeConfig,
  type VariantChoice,
  vaeProblems,
} from 'webgpu-vae';
import type { Metrics } from './metrics.ts';
import { Pace } from './pace.ts';
import { Run } from './run.ts';

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

/** How a model begins. */
export interface BuildOptions {
  /** Goes on from here; the settings are the snapshot's, only `epochs` may be given another value. */
  snapshot?: Snapshot;
  /** Begins with these. */
  parameters?: NamedTensor[];
  /** Another data set. */
  data?: DataSet;
  /** The run that goes on; by default a new one begins. */
  run?: Run;
}

/** A run that another one has replaced, and all it needs to come back. */
export interface Replaced {
  run: Run;
  snapshot: Snapshot;
}

/**
 * The page's state: the device, the run with its data, its model and what it has learned so far, and the run before it.
 * Widgets listen and look; only this changes the model.
 */
export class Session {
  #listeners = new Set<(event: SessionEvent) => void>();
  #device: Device;
  #run: Run;
  #vae: Vae | undefined;
  #replaced: Replaced | undefined;
  #abort: AbortController | undefined;
  /** The training or the step that runs now. */
  #running: Promise<void> = Promise.resolve();
  /** What wants the model for itself, one after the other. */
  #queue: Promise<unknown> = Promise.resolve();
  /** Every data set that was in use, by the fingerprint of its training images. */
  #dataSets = new Map<string, DataSet>();
  #progress: Progress | undefined;
  #failure: NonFiniteError | undefined;
  #pace = new Pace();
  #recoveries = 0;
  #recoveredAt: number | undefined;
  #busy = false;
  /** Called for what goes wrong while nobody waits for it. */
  onError: (error: unknown) => void = () => {};

  private constructor(device: Device, data: DataSet) {
    this.#device = device;
    this.#run = new Run(data);
  }

  /** @throws NoAdapterError, DeviceLimitError, GpuError, ConfigError */
  static async open(data: DataSet, config: Partial<VaeConfig>, options: BuildOptions = {}): Promise<Session> {
    const session = new Session(await createDevice(), data);
    session.#watch();
    try {
      await session.build(config, options);
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

  get run(): Run {
    return this.#run;
  }

  get data(): DataSet {
    return this.#run.data;
  }

  /** A data set that was in use before, by the fingerprint of its training images. */
  dataOf(fingerprint: string): DataSet | undefined {
    return this.#dataSets.get(fingerprint);
  }

  get metrics(): Metrics {
    return this.#run.metrics;
  }

  get vae(): Vae {
    return this.#vae!;
  }

  /** The settings of the run that Train goes on with or begins. */
  get settings(): VaeConfig {
    return this.run.instead ?? this.vae.config;
  }

  /** What `undo` brings back, if there is something. */
  get replaced(): Replaced | undefined {
    return this.#replaced;
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
   * Replaces the model, and the data set if one is given; `undo` brings back the run that it was of. When that fails the old
   * model stays.
   * @throws ConfigError, DeviceLimitError, GpuError
   */
  build(config: Partial<VaeConfig>, options: BuildOptions = {}): Promise<void> {
    return this.#alone(async () => {
      const leaving = await this.#leaving();
      await this.#replace(config, options, leaving ?? this.#replaced);
    });
  }

  /** The same run with more epochs, or fewer, if they are not done yet. */
  setEpochs(epochs: number): Promise<void> {
    return this.#alone(async () => {
      const snapshot = await this.#snapshot();
      await this.#replace({ epochs }, { snapshot, run: this.#run }, this.#replaced);
    });
  }

  /** Changes the run for the one that it has replaced, which then is the one to come back. */
  undo(): Promise<void> {
    return this.#alone(async () => {
      const back = this.#replaced;
      if (!back) return;
      await this.#replace({}, { snapshot: back.snapshot, run: back.run }, await this.#leaving());
    });
  }

  /** The present run, if it has learned something. */
  async #leaving(): Promise<Replaced | undefined> {
    if (!this.#vae || this.vae.step === 0) return undefined;
    const snapshot = await this.#snapshot();
    this.#emit('snapshot');
    return { run: this.#run, snapshot };
  }

  /** The last state that a run can go on from. */
  async #snapshot(): Promise<Snapshot> {
    try {
      return await this.vae.snapshot();
    } catch (error) {
      if (!(error instanceof NonFiniteError)) throw error;
      return this.vae.lastSnapshot;
    }
  }

  /** @param replaced what `undo` then brings back */
  async #replace(
    config: Partial<VaeConfig>,
    { snapshot, parameters, data, run }: BuildOptions,
    replaced: Replaced | undefined,
  ): Promise<void> {
    const next = run ?? new Run(data ?? this.data);
    const start = snapshot ? { snapshot } : { variants: await this.#variants(config, next.data) };
    const vae = await createVae(this.#device, next.data, config, {
      ...start,
      ...(parameters ? { parameters } : {}),
      reopen: () => this.#reopen(),
      onRecover: ({ step }) => {
        this.#recoveries++;
        this.#recoveredAt = step;
        this.metrics.cut(step);
        this.#emit('model');
      },
    });
    const old = this.#vae;
    this.#vae = vae;
    this.#run = next;
    this.#replaced = replaced;
    this.#progress = undefined;
    this.#failure = undefined;
    this.#recoveredAt = undefined;
    next.metrics.begin(vae.history, vae.config, next.data.train.count, vae.step);
    this.#remember();
    this.#dataSets.set(vae.lastSnapshot.data.fingerprint, next.data);
    // Before the old model's buffers go: nobody may use them any more.
    this.#emit('model');
    old?.dispose();
  }

  /** Keeps the model for looking back, if it is that of an epoch's end. */
  #remember(): void {
    const { step, parameters } = this.vae.lastSnapshot;
    const done = this.vae.history.at(-1);
    if (step === (done?.step ?? 0)) this.#run.past.add({ epoch: done?.epoch ?? 0, step, parameters });
  }

  /**
   * The fastest kernels for a model: measured at its first time on this adapter, remembered by the browser from then on, so
   * that a link goes on giving the same bits. Software adapters keep the default: compiling the others would delay the first
   * picture by a second or two, and they are several times as slow there.
   */
  async #variants(config: Partial<VaeConfig>, { train }: DataSet): Promise<VariantChoice | undefined> {
    if (this.#device.info.software) return undefined;
    const problems = vaeProblems(config, train);
    return (await tunedVariants(this.#device, problems, { store: tuningStore, budgetMs: TUNING_MS })).variants;
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
    this.#pace.begin(performance.now(), this.vae.step);
    this.#failure = undefined;
    try {
      await this.vae.train({
        ...options,
        snapshotEveryMs: SNAPSHOT_EVERY_MS,
        onProgress: (progress) => this.#progressed(progress),
        onEpoch: (result) => this.#epochDone(result),
        onSnapshot: () => this.#emit('snapshot'),
      });
    } catch (error) {
      if (error instanceof NonFiniteError) this.#failure = error;
      throw error;
    }
  }

  #progressed(progress: Progress): void {
    const { step, steps } = progress;
    const stepsPerSecond = this.#pace.stepsPerSecond(performance.now(), step) ?? progress.stepsPerSecond;
    this.#progress = { ...progress, stepsPerSecond, secondsLeft: (steps - step) / stepsPerSecond };
    this.metrics.addTrain(step, progress.train);
    this.#emit('progress');
  }

  #epochDone(result: EpochResult): void {
    this.metrics.addTest(result.step, result.test);
    this.#remember();
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
    await this.#alone(() => this.#advance({ steps: 1 }));
  }

  /** Takes a snapshot of a training that runs, and tells of it. */
  async keep(): Promise<void> {
    if (!this.training) return;
    await this.vae.snapshot();
    this.#emit('snapshot');
  }

  /** Lets `work`, which may train, have the model for itself; then training goes on if it ran. */
  async exclusive<T>(work: (vae: Vae) => Promise<T>): Promise<T> {
    return this.pausedDuring(async () => {
      const result = await this.#alone(async () => {
        const done = await work(this.vae);
        await this.vae.snapshot();
        return done;
      });
      this.#emit('snapshot');
      return result;
    });
  }

  /** Pauses training for `work`, which may take long; then it goes on, unless the visitor has done something else meanwhile. */
  async pausedDuring<T>(work: () => Promise<T>): Promise<T> {
    const ran = this.training;
    await this.pause();
    const { vae } = this;
    const { step } = vae;
    try {
      return await work();
    } finally {
      if (ran && this.#vae === vae && vae.step === step && !this.#failure && !this.finished) this.train();
    }
  }

  /** A lost device brings another model, and with it another look; anything else is worth telling. */
  lookFailed(error: unknown): void {
    if (!(error instanceof DeviceLostError || this.#device.lost)) this.onError(error);
  }

  /** Waits for its turn, ends training, and lets nobody else have the model until `work` is done. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(async () => {
      await this.pause();
      this.#busy = true;
      this.#emit('activity');
      try {
        return await work();
      } finally {
        this.#busy = false;
        this.#emit('activity');
        this.#recover();
      }
    });
    this.#queue = turn.catch(() => {});
    return turn;
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
