import { type Weight, weightAt } from '../nn/weight.ts';
import { epochOf, type StepSizes } from './epochs.ts';

/** The terms of one step's loss by name, means over its batch: `{ bce, kld }` in nats per image. */
export type StepLoss = Readonly<Record<string, number>>;

/** Means by name, and `loss`, the sum of the terms times their weights. */
export type Losses = { loss: number } & Record<string, number>;

/** A part of the loss, and what it is multiplied by. */
export interface WeightedTerm {
  readonly name: string;
  readonly weight: Weight;
}

/** What a mean of losses is made of: sums in f64, of `loss` and of every term, and how much they weigh. */
export interface LossSums {
  readonly losses: Readonly<Losses>;
  readonly weight: number;
}

export function noSums(terms: readonly WeightedTerm[]): LossSums {
  return {
    losses: Object.fromEntries(['loss', ...terms.map(({ name }) => name)].map((name) => [name, 0])) as Losses,
    weight: 0,
  };
}

/** A running mean of losses, in f64. */
export class LossMean {
  readonly terms: readonly WeightedTerm[];
  #losses: Losses;
  #weight: number;

  /** @param sums those of an earlier mean, to go on with it */
  constructor(terms: readonly WeightedTerm[], sums: LossSums = noSums(terms)) {
    this.terms = terms;
    this.#losses = { ...sums.losses };
    this.#weight = sums.weight;
  }

  get sums(): LossSums {
    return { losses: { ...this.#losses }, weight: this.#weight };
  }

  /**
   * @param step which the weights of the terms may depend on, from 0
   * @param count how many the loss is a mean of, in proportion to others
   */
  add(loss: StepLoss, step: number, count = 1): void {
    for (const { name, weight } of this.terms) {
      const sum = loss[name]! * count;
      this.#losses[name]! += sum;
      this.#losses.loss += sum * weightAt(weight, step);
    }
    this.#weight += count;
  }

  mean(): Losses {
    const entries = Object.entries(this.#losses).map(([name, sum]) => [name, sum / this.#weight]);
    return Object.fromEntries(entries) as Losses;
  }
}

/** The mean over the steps of one epoch; begins anew with the first step of the next. */
export class EpochMean {
  readonly terms: readonly WeightedTerm[];
  readonly sizes: StepSizes;
  #epoch: number;
  #mean: LossMean;

  /** @param sums over the steps so far of the epoch that comes after `step` steps */
  constructor(terms: readonly WeightedTerm[], sizes: StepSizes, step = 0, sums = noSums(terms)) {
    this.terms = terms;
    this.sizes = sizes;
    // An epoch whose steps are all done is still that of the sums, if there are any.
    this.#epoch = epochOf(sums.weight > 0 && step > 0 ? step - 1 : step, sizes);
    this.#mean = new LossMean(terms, sums);
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
    if (epoch !== this.#epoch) this.#mean = new LossMean(this.terms);
    this.#epoch = epoch;
    this.#mean.add(loss, step);
  }

  mean(): Losses {
    return this.#mean.mean();
  }

  /** Over the steps of the epoch that is not finished after `step` steps, the last that was added. */
  sumsAfter(step: number): LossSums {
    return this.#epoch === epochOf(step, this.sizes) ? this.#mean.sums : noSums(this.terms);
  }
}
