import { type Device, DeviceLostError } from '../gpu/device.ts';
import type { StepState } from '../kernels/finish-step.ts';
import { checkMs, checkWhole } from './arguments.ts';
import type { TrainConfig } from './config.ts';
import type { Ledger } from './ledger.ts';
import { type Losses, LossMean, type StepLoss } from './losses.ts';
import { type AdvanceOptions, progressOf, type TrainOptions } from './options.ts';
import { BusyError, type JobQueue } from './queue.ts';
import type { ReplayOptions } from './replay.ts';
import type { EpochResult, Snapshot } from './snapshot.ts';

const DEFAULT_SNAPSHOT_MS = 10_000;

/** What training needs from the model that it trains. */
export interface Trainable<Config extends TrainConfig> {
  /** Steps of the whole training. */
  readonly steps: number;
  readonly epochs: number;
  readonly ledger: Ledger;
  readonly queue: JobQueue;
  /** Whether snapshots are of use although nobody asks for them. */
  readonly canRecover: boolean;
  readonly chunkMs: number;
  /** Where the model lives now. */
  device(): Device;
  lastSnapshot(): Snapshot<Config>;
  /** Does `work` when its turn has come; again if the device was lost meanwhile, when the model has moved. */
  job<T>(work: () => Promise<T>): Promise<T>;
  /** Does steps, see `Replay.run`. Within a job, as all that follows. */
  step(firstStep: number, steps: number, options: ReplayOptions): Promise<void>;
  /** The losses over the test set. */
  evaluate(): Promise<Losses>;
  /** Takes a snapshot, the last one from then on. */
  keep(): Promise<Snapshot<Config>>;
  /** Why the GPU does no further step. */
  whyHalted(state: StepState): Promise<Error>;
}

/** Steps of one job, and what came of them. */
interface Leg {
  /** The epoch that ended with them. */
  result: EpochResult | undefined;
  /** Whether the last snapshot is of their end. */
  kept: boolean;
  thrown: Thrown | undefined;
}

/** What a callback threw: it is thrown on when the steps in flight are done and counted. */
interface Thrown {
  error: unknown;
}

/** Said at every leg. */
interface Course<Config extends TrainConfig> {
  target: number;
  options: TrainOptions<Config>;
  keep: boolean;
  countSeconds(): void;
}

/**
 * The training of a model, in legs: each is a job, so others are served between two of them and while callbacks are waited for.
 * What a leg leaves belongs together: step, sums, history, snapshot.
 */
export class Training<Config extends TrainConfig> {
  readonly #model: Trainable<Config>;
  readonly #ledger: Ledger;
  readonly #queue: JobQueue;
  /** Who does steps, if not at this moment. */
  #running: 'train' | 'advance' | undefined;
  /** An epoch that is done, but `onEpoch` and `onSnapshot` have not returned yet. */
  #unreported: EpochResult | undefined;
  /** What callbacks that nobody waits for have promised and not done yet. */
  #promised = new Set<Promise<void>>();
  /** What the first of them to fail has thrown. */
  #broken: Thrown | undefined;

  constructor(model: Trainable<Config>) {
    this.#model = model;
    this.#ledger = model.ledger;
    this.#queue = model.queue;
  }

  /** See `Trainer.train`. */
  async train(options: TrainOptions<Config>): Promise<{ finished: boolean; step: number }> {
    const { steps = Number.POSITIVE_INFINITY, snapshotEveryMs = DEFAULT_SNAPSHOT_MS } = options;
    if (steps !== Number.POSITIVE_INFINITY) checkWhole('train', 'steps', steps, { from: 0 });
    checkMs('train', 'snapshotEveryMs', snapshotEveryMs);
    return this.#exclusively('train', async () => {
      const ledger = this.#ledger;
      const before = ledger.seconds;
      const start = performance.now();
      await this.#train(snapshotEveryMs, {
        // A recovery goes back, and does again what is missing.
        target: Math.min(this.#model.steps, ledger.step + steps),
        options,
        keep: options.onSnapshot !== undefined || this.#model.canRecover,
        countSeconds() {
          ledger.seconds = before + (performance.now() - start) / 1000;
        },
      });
      return { finished: this.#isDone(this.#model.steps), step: ledger.step };
    });
  }

  /** See `Trainer.advance`. */
  async advance(steps: number, { onChunk, signal }: AdvanceOptions): Promise<void> {
    checkWhole('advance', 'steps', steps, { from: 0 });
    await this.#exclusively('advance', async () => {
      const ledger = this.#ledger;
      const target = ledger.step + steps;
      do {
        const thrown = await this.#model.job(() =>
          this.#advance(target - ledger.step, (losses, msPerStep) => {
            this.#heed(onChunk?.(losses, msPerStep));
            return !signal?.aborted;
          }),
        );
        if (thrown) throw thrown.error;
      } while (ledger.step < target && !signal?.aborted);
    });
  }

  /** Refuses a second caller: if one of them asked from within a callback of the other, they would wait for each other for ever. */
  async #exclusively<T>(operation: 'train' | 'advance', work: () => Promise<T>): Promise<T> {
    this.#queue.signal.throwIfAborted();
    if (this.#running) {
      throw new BusyError(
        `${operation}: this model is being trained already, by ${this.#running}(): wait for that to end`,
      );
    }
    this.#running = operation;
    this.#broken = undefined;
    try {
      return await this.#queue.guard(this.#thenKept(work));
    } finally {
      this.#running = undefined;
    }
  }

  /** What a callback has returned: a promise if it is asynchronous, whose failure counts as if it had thrown. */
  #heed(told: unknown): void {
    if (!(told instanceof Promise)) return;
    const kept = told
      .catch((error: unknown) => {
        this.#broken ??= { error };
      })
      .finally(() => this.#promised.delete(kept));
    this.#promised.add(kept);
  }

  /** Does `work`, and waits for what callbacks have promised meanwhile. */
  async #thenKept<T>(work: () => Promise<T>): Promise<T> {
    const result = await work();
    await Promise.all(this.#promised);
    if (this.#broken) throw this.#broken.error;
    return result;
  }

  #isDone(target: number): boolean {
    return this.#ledger.step >= target && this.#ledger.due === undefined;
  }

  async #train(snapshotEveryMs: number, course: Course<Config>): Promise<void> {
    const { target, keep } = course;
    const { onSnapshot, signal } = course.options;
    const nextSnapshot = () => (keep ? performance.now() + snapshotEveryMs : Number.POSITIVE_INFINITY);
    let due = nextSnapshot();
    for (;;) {
      if (this.#unreported) await this.#report(this.#unreported, course);
      if (this.#isDone(target) || signal?.aborted) return;
      const { result, kept, thrown } = await this.#model.job(() => this.#leg(due, course));
      if (kept) due = nextSnapshot();
      if (thrown) throw thrown.error;
      if (!kept || result) continue;
      const reason = this.#ledger.step >= target || signal?.aborted ? 'stop' : 'time';
      await this.#tell(() => onSnapshot?.(this.#model.lastSnapshot(), reason));
    }
  }

  async #report(result: EpochResult, { keep, options: { onEpoch, onSnapshot } }: Course<Config>): Promise<void> {
    await this.#tell(() => onEpoch?.(result));
    if (keep) {
      // It is missing if the epoch ended in an earlier call, that kept none.
      if (this.#model.lastSnapshot().step !== this.#ledger.step) await this.#model.job(() => this.#model.keep());
      await this.#tell(() => onSnapshot?.(this.#model.lastSnapshot(), 'epoch'));
    }
    this.#unreported = undefined;
  }

  /** Calls a caller's function, which may use the model; again if it noticed that the device was lost. */
  async #tell(callback: () => void | Promise<void>): Promise<void> {
    const model = this.#model;
    for (;;) {
      const device = model.device();
      try {
        return await callback();
      } catch (error) {
        const isLoss = error instanceof DeviceLostError && (device.lost || device !== model.device());
        if (!isLoss) throw error;
        // Moves the model, if nobody has yet, or says why it cannot.
        await model.job(async () => model.device().assertAlive());
      }
    }
  }

  /**
   * Steps up to the end of the epoch, or until a snapshot is due, others wait for the model, or training shall stop; then what
   * belongs to that moment.
   */
  async #leg(
    due: number,
    { target, options: { onProgress, signal }, keep, countSeconds }: Course<Config>,
  ): Promise<Leg> {
    const ledger = this.#ledger;
    const { epoch } = ledger;
    const { steps, epochs } = this.#model;
    let thrown: Thrown | undefined;
    // An epoch may be due from before: then there is nothing to do but to evaluate it.
    if (ledger.due === undefined) {
      thrown = await this.#advance(Math.min(ledger.epochEnd, target) - ledger.step, (losses, msPerStep) => {
        const chunk = new LossMean(ledger.terms);
        const first = ledger.step - losses.length;
        for (const [i, loss] of losses.entries()) chunk.add(loss, first + i);
        this.#heed(onProgress?.(progressOf(epoch, epochs, ledger.step, steps, chunk.mean(), msPerStep)));
        return !signal?.aborted && performance.now() < due;
      });
    }
    countSeconds();
    let result: EpochResult | undefined;
    const ended = ledger.due;
    if (ended !== undefined) {
      const test = await this.#model.evaluate();
      countSeconds();
      result = ledger.close(ended, test);
    }
    const stops = ledger.step >= target || signal?.aborted || thrown !== undefined;
    const kept = keep && (result !== undefined || stops || performance.now() >= due);
    if (kept) await this.#model.keep();
    // Only from here on would a recovery go on after this epoch.
    if (result) this.#unreported = result;
    return { result, kept, thrown };
  }

  /**
   * Steps, until there are enough or others wait for the model.
   * @param onChunk returning false stops after what is in flight, and so does throwing
   */
  async #advance(
    steps: number,
    onChunk: (losses: StepLoss[], msPerStep: number) => boolean,
  ): Promise<Thrown | undefined> {
    const { chunkMs: budgetMs } = this.#model;
    const ledger = this.#ledger;
    const { signal } = this.#queue;
    let halted: StepState | undefined;
    let thrown: Thrown | undefined;
    await this.#model.step(ledger.step, steps, {
      budgetMs,
      signal,
      onChunk: ({ losses, state, msPerStep }) => {
        // A loss that halted is among them, but its step is not done.
        ledger.add(losses.slice(0, state.step - ledger.step));
        if (state.halted) halted ??= state;
        if (state.halted || thrown || signal.aborted) return false;
        try {
          return onChunk(losses, msPerStep) && !this.#broken && this.#queue.waiting === 0;
        } catch (error) {
          thrown = { error };
          return false;
        }
      },
    });
    if (halted) throw await this.#model.whyHalted(halted);
    return thrown ?? this.#broken;
  }
}
