/** What the posteriors q(z|x) of many images say: all in float64. */
import { normalNumbers } from '../../nn/random.ts';
import type { Posterior } from '../heads.ts';

/** A dimension is active if the variance of its mean over the data is above this, Burda et al. 2016, section 5.2. */
const ACTIVE = 0.01;

/** KL(q(z_j|x) ‖ N(0, 1)) of every dimension j, mean over the images, in nats. */
export function klPerDimension({ mu, logvar }: Posterior, L: number): number[] {
  const count = mu.length / L;
  const sums = new Float64Array(L);
  for (let i = 0; i < mu.length; i++) {
    sums[i % L]! -= 0.5 * (1 + logvar[i]! - mu[i]! ** 2 - Math.exp(logvar[i]!));
  }
  return Array.from(sums, (sum) => sum / count);
}

/** Mean and variance of every dimension's mean over the images. */
export function momentsOfMeans(
  { mu }: Pick<Posterior, 'mu'>,
  L: number,
): { mean: Float64Array; variance: Float64Array } {
  const count = mu.length / L;
  const [mean, variance] = [new Float64Array(L), new Float64Array(L)];
  for (let i = 0; i < mu.length; i++) mean[i % L]! += mu[i]! / count;
  for (let i = 0; i < mu.length; i++) variance[i % L]! += (mu[i]! - mean[i % L]!) ** 2 / count;
  return { mean, variance };
}

export function activeUnits(posterior: Pick<Posterior, 'mu'>, L: number): number {
  return momentsOfMeans(posterior, L).variance.filter((value) => value > ACTIVE).length;
}

/** One z ~ q(z|x) for each of the first `count` images, (count, L). */
export function samplePosterior({ mu, logvar }: Posterior, L: number, count: number, seed: number): Float64Array {
  const eps = normalNumbers(count * L, seed, PART);
  return Float64Array.from(eps, (value, i) => mu[i]! + Math.exp(logvar[i]! / 2) * value);
}

/** Keeps these numbers apart from those that pictures are drawn with. */
const PART = 1;

/** A minibatch estimate, Hoffman & Johnson 2016, "ELBO surgery"; Chen et al. 2018, appendix C. */
export interface AggregateEstimate {
  /** I(x; z) under q, E log q(z|x) − log q(z); at most log N. */
  mutualInformation: number;
  /** KL(q(z) ‖ N(0, I)), q(z) the mixture of all posteriors. */
  marginalKl: number;
  /** z that were drawn, and N, the posteriors that q(z) is taken to be a mixture of. */
  drawn: number;
  components: number;
}

/**
 * How much of the KL term is information about the image, and how much is the distance of the aggregate posterior from the prior:
 * E KL(q(z|x) ‖ p(z)) = I(x; z) + KL(q(z) ‖ p(z)). q(z) ≈ 1/N Σ q(z|x_n) over all images given.
 */
export function aggregateEstimate(posterior: Posterior, L: number, drawn: number, seed: number): AggregateEstimate {
  const { mu, logvar } = posterior;
  const N = mu.length / L;
  const M = Math.min(drawn, N);
  const z = samplePosterior(posterior, L, M, seed);
  const precision = Float64Array.from(logvar, (value) => Math.exp(-value));
  // −½ Σ (log 2π + log σ²) of every posterior.
  const constant = new Float64Array(N);
  for (let i = 0; i < logvar.length; i++) constant[Math.floor(i / L)]! -= 0.5 * (Math.log(2 * Math.PI) + logvar[i]!);
  const logs = new Float64Array(N);
  let [information, marginal] = [0, 0];
  for (let m = 0; m < M; m++) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let n = 0; n < N; n++) {
      let sum = 0;
      for (let j = 0; j < L; j++) sum += (z[m * L + j]! - mu[n * L + j]!) ** 2 * precision[n * L + j]!;
      const log = constant[n]! - 0.5 * sum;
      logs[n] = log;
      if (log > largest) largest = log;
    }
    let total = 0;
    for (let n = 0; n < N; n++) total += Math.exp(logs[n]! - largest);
    const aggregate = largest + Math.log(total / N);
    let prior = 0;
    for (let j = 0; j < L; j++) prior -= 0.5 * (Math.log(2 * Math.PI) + z[m * L + j]! ** 2);
    information += (logs[m]! - aggregate) / M;
    marginal += (aggregate - prior) / M;
  }
  return { mutualInformation: information, marginalKl: marginal, drawn: M, components: N };
}
