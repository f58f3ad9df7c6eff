import { epochEnd, epochOf, type StepSizes } from './epochs.ts';
import { EpochMean, type Losses, type StepLoss, type WeightedTerm } from './losses.ts';
import type { EpochResult, Snapshot } from './snapshot.ts';

/**
 * How far a training is: the steps that the GPU is known to have done, the losses of the epoch under way, the results of those
 * that are done. Knows no GPU.
 */
export class Ledger {
  readonly terms: readonly WeightedTerm[];
  readonly sizes: StepSizes;
  /** Spent in `train()`. */
  seconds = 0;
  #step = 0;
  #mean: EpochMean;
  #history: readonly EpochResult[] = [];

  constructor(terms: readonly WeightedTerm[], sizes: StepSizes) {
    this.terms = terms;
    this.sizes = sizes;
    this.#mean = new EpochMean(terms, sizes);
  }

  /** Steps done. */
  get step(): number {
    return this.#step;
  }

  /** Every epoch with a result, the first one first. */
  get history(): readonly EpochResult[] {
    return this.#history;
  }

  /** Goes on from a snapshot; the time is not put back. */
  restore({ step, sums, history }: Pick<Snapshot, 'step' | 'sums' | 'history'>): void {
    this.#step = step;
    this.#mean = new EpochMean(this.terms, this.sizes, step, sums);
    this.#history = history;
  }

  /** @param losses those of the steps that are done now, and not more */
  add(losses: readonly StepLoss[]): void {
    for (const loss of losses) this.#mean.add(this.#step++, loss);
  }

  /** The epoch, from 1, whose steps are all done and that has no result yet: what comes next is its evaluation. */
  get due(): number | undefined {
    const { epoch, isEmpty } = this.#mean;
    if (isEmpty || this.#step !== epochEnd(epoch, this.sizes)) return undefined;
    return this.#history.at(-1)?.epoch === epoch ? undefined : epoch;
  }

  /** The epoch of the next step, from 1. */
  get epoch(): number {
    return epochOf(this.#step, this.sizes);
  }

  /** The steps after which that epoch is done. */
  get epochEnd(): number {
    return epochEnd(this.epoch, this.sizes);
  }

  /**
   * Gives the epoch that is due its result.
   * @param test over the test set, with the parameters that it ended with
   */
  close(epoch: number, test: Losses): EpochResult {
    // It is handed out, and kept.
    const [train, tested] = [Object.freeze(this.#mean.mean()), Object.freeze({ ...test })];
    const result = Object.freeze({ epoch, step: this.#step, train, test: tested, seconds: this.seconds });
    this.#history = [...this.#history, result];
    return result;
  }

  /** The part of a snapshot that is known here. */
  get progress(): Pick<Snapshot, 'step' | 'sums' | 'history' | 'seconds'> {
    const sums = this.due === undefined ? this.#mean.sumsAfter(this.#step) : this.#mean.sums;
    return { step: this.#step, sums, history: [...this.#history], seconds: this.seconds };
  }
}
