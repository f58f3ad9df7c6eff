import type { StepLoss } from './replay.ts';

/** In nats per image; loss = bce + beta kld. */
export interface Losses {
  loss: number;
  bce: number;
  kld: number;
}

/** A running mean of losses, in f64. */
export class LossMean {
  readonly beta: number;
  #bce = 0;
  #kld = 0;
  #weight = 0;

  constructor(beta: number) {
    this.beta = beta;
  }

  add({ bce, kld }: StepLoss, weight = 1): void {
    this.#bce += bce * weight;
    this.#kld += kld * weight;
    this.#weight += weight;
  }

  mean(): Losses {
    const bce = this.#bce / this.#weight;
    const kld = this.#kld / this.#weight;
    return { loss: bce + this.beta * kld, bce, kld };
  }
}
