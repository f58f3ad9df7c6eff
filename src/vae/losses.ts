import { epochOf, type StepSizes } from './epochs.ts';
import type { StepLoss } from './replay.ts';

/** In nats per image; loss = bce + beta kld. */
export interface Losses {
  loss: number;
  bce: number;
  kld: number;
}

/** What a mean of losses is made of: sums in f64, and how much they weigh. */
export interface LossSums {
  bce: number;
  kld: number;
  weight: number;
}

/** A running mean of losses, in f64. */
export class LossMean {
  readonly beta: number;
  #sums: LossSums;

  /** @param sums those of an earlier mean, to go on with it */
  constructor(beta: number, sums: LossSums = { bce: 0, kld: 0, weight: 0 }) {
    this.beta = beta;
    this.#sums = { ...sums };
  }

  get sums(): LossSums {
    return { ...this.#sums };
  }

  add({ bce, kld }: StepLoss, weight = 1): void {
    this.#sums.bce += bce * weight;
    this.#sums.kld += kld * weight;
    this.#sums.weight += weight;
  }

  mean(): Losses {
    const { weight } = this.#sums;
    const bce = this.#sums.bce / weight;
    const kld = this.#sums.kld / weight;
    return { loss: bce + this.beta * kld, bce, kld };
  }
}

const NO_SUMS: LossSums = { bce: 0, kld: 0, weight: 0 };

/** The mean over the steps of one epoch; begins anew with the first step of the next. */
export class EpochMean {
  readonly beta: number;
  readonly sizes: StepSizes;
  #epoch: number;
  #mean: LossMean;

  /** @param sums over the steps so far of the epoch that comes after `step` steps */
  constructor(beta: number, sizes: StepSizes, step = 0, sums = NO_SUMS) {
    this.beta = beta;
    this.sizes = sizes;
    // An epoch whose steps are all done is still that of the sums, if there are any.
    this.#epoch = epochOf(sums.weight > 0 && step > 0 ? step - 1 : step, sizes);
    this.#mean = new LossMean(beta, sums);
  }

  /** Of the last step that was added. */
  get epoch(): number {
    return this.#epoch;
  }

  get isEmpty(): boolean {
    return this.#mean.sums.weight === 0;
  }

  get sums(): LossSums {
    return this.#mean.sums;
  }

  /** @param step its number, from 0 */
  add(step: number, loss: StepLoss): void {
    const epoch = epochOf(step, this.sizes);
    if (epoch !== this.#epoch) this.#mean = new LossMean(this.beta);
    this.#epoch = epoch;
    this.#mean.add(loss);
  }

  mean(): Losses {
    return this.#mean.mean();
  }

  /** Over the steps of the epoch that is not finished after `step` steps, the last that was added. */
  sumsAfter(step: number): LossSums {
    return this.#epoch === epochOf(step, this.sizes) ? this.#mean.sums : NO_SUMS;
  }
}
