import type { Losses } from '../train/losses.ts';

/** The evidence lower bound and its parts, in nats per image: −ELBO = reconstruction + KL. */
export interface Elbo {
  minusElbo: number;
  /** −log p(x|z). */
  reconstruction: number;
  kld: number;
  /** The reconstruction's name among the losses: `bce` of a Bernoulli distribution, `nll` of a Gaussian one. */
  term: 'bce' | 'nll';
}

/** What a VAE's losses say without the weight of the KL term. */
export function elboOf({ bce, nll, kld = Number.NaN }: Partial<Losses>): Elbo {
  const [term, reconstruction = Number.NaN] = nll === undefined ? (['bce', bce] as const) : (['nll', nll] as const);
  return { minusElbo: reconstruction + kld, reconstruction, kld, term };
}
