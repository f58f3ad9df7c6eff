import { normalNumbers, philoxInto } from '../../nn/random.ts';
import { cholesky } from './matrix.ts';

/** A mixture of normal distributions of L dimensions. */
export interface Mixture {
  L: number;
  /** (K), adding up to 1. */
  weights: Float64Array;
  /** (K, L). */
  means: Float64Array;
  /** Of every component the lower triangle (L, L) whose product with its transpose is the covariance. */
  roots: Float64Array[];
}

const MOST_ROUNDS = 100;
/** Rounds end when the mean log density of a point grows by less than this, in nats. */
const ENOUGH = 1e-4;
/** Added to every variance, relative to the points' own: no component may shrink to a point. */
const FLOOR = 1e-4;

/** Streams of random numbers of a fit and of drawing. */
const PARTS = { choice: 2, component: 3, normal: 4 } as const;

/**
 * Fits K normal distributions to points (n, L) by expectation maximization, with full covariances (Bishop 2006, section 9.2.2). The
 * means begin at points far from each other (k-means++, Arthur & Vassilvitskii 2007), drawn with the seed.
 */
export function fitMixture(points: Float64Array, L: number, components: number, seed: number): Mixture {
  const count = points.length / L;
  const K = Math.min(components, count);
  const variance = variances(points, L);
  const spread = new Float64Array(L * L);
  for (let j = 0; j < L; j++) spread[j * L + j] = variance[j]!;
  const mixture: Mixture = {
    L,
    weights: new Float64Array(K).fill(1 / K),
    means: farPoints(points, L, K, seed),
    roots: Array.from({ length: K }, () => cholesky(spread, L)),
  };
  const shares = new Float64Array(count * K);
  let before = Number.NEGATIVE_INFINITY;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const density = responsibilities(points, mixture, shares);
    if (density - before < ENOUGH) break;
    before = density;
    maximize(points, mixture, shares, variance);
  }
  return mixture;
}

/** z (count, L) from the mixture, drawn with the seed. */
export function sampleMixture({ L, weights, means, roots }: Mixture, count: number, seed: number): Float32Array {
  const eps = normalNumbers(count * L, seed, PARTS.normal);
  const z = new Float32Array(count * L);
  const words = new Uint32Array(4);
  for (let i = 0; i < count; i++) {
    philoxInto(words, i, PARTS.component, STREAM, seed);
    let u = words[0]! / 2 ** 32;
    let k = 0;
    while (k < weights.length - 1 && u >= weights[k]!) u -= weights[k++]!;
    for (let row = 0; row < L; row++) {
      let value = means[k * L + row]!;
      for (let column = 0; column <= row; column++) value += roots[k]![row * L + column]! * eps[i * L + column]!;
      z[i * L + row] = value;
    }
  }
  return z;
}

/** That of samples, see `NOISE_STREAMS`; parts keep what is drawn apart. */
const STREAM = 2;

function variances(points: Float64Array, L: number): Float64Array {
  const count = points.length / L;
  const [mean, variance] = [new Float64Array(L), new Float64Array(L)];
  for (let i = 0; i < points.length; i++) mean[i % L]! += points[i]! / count;
  for (let i = 0; i < points.length; i++) variance[i % L]! += (points[i]! - mean[i % L]!) ** 2 / count;
  return variance.map((value) => Math.max(value, 1e-12));
}

/** Points, each drawn with a probability in proportion to its squared distance from those drawn before. */
function farPoints(points: Float64Array, L: number, K: number, seed: number): Float64Array {
  const count = points.length / L;
  const means = new Float64Array(K * L);
  const distances = new Float64Array(count).fill(1);
  const words = new Uint32Array(4);
  for (let k = 0; k < K; k++) {
    philoxInto(words, k, PARTS.choice, STREAM, seed);
    let left = (words[0]! / 2 ** 32) * distances.reduce((sum, value) => sum + value, 0);
    let chosen = 0;
    while (chosen < count - 1 && left >= distances[chosen]!) left -= distances[chosen++]!;
    means.set(points.subarray(chosen * L, (chosen + 1) * L), k * L);
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (let j = 0; j < L; j++) sum += (points[i * L + j]! - points[chosen * L + j]!) ** 2;
      distances[i] = k === 0 ? sum : Math.min(distances[i]!, sum);
    }
  }
  return means;
}

/** Writes how much every component has to do with every point, (count, K). @returns the mean log density of a point */
function responsibilities(points: Float64Array, { L, weights, means, roots }: Mixture, shares: Float64Array): number {
  const K = weights.length;
  const count = points.length / L;
  const constants = roots.map((root, k) => {
    let log = Math.log(weights[k]!) - (L / 2) * Math.log(2 * Math.PI);
    for (let j = 0; j < L; j++) log -= Math.log(root[j * L + j]!);
    return log;
  });
  const solved = new Float64Array(L);
  let density = 0;
  for (let i = 0; i < count; i++) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < K; k++) {
      const root = roots[k]!;
      let square = 0;
      for (let row = 0; row < L; row++) {
        let value = points[i * L + row]! - means[k * L + row]!;
        for (let column = 0; column < row; column++) value -= root[row * L + column]! * solved[column]!;
        value /= root[row * L + row]!;
        solved[row] = value;
        square += value * value;
      }
      const log = constants[k]! - square / 2;
      shares[i * K + k] = log;
      if (log > largest) largest = log;
    }
    let sum = 0;
    for (let k = 0; k < K; k++) sum += Math.exp(shares[i * K + k]! - largest);
    density += (largest + Math.log(sum)) / count;
    for (let k = 0; k < K; k++) shares[i * K + k] = Math.exp(shares[i * K + k]! - largest) / sum;
  }
  return density;
}

function maximize(points: Float64Array, mixture: Mixture, shares: Float64Array, variance: Float64Array): void {
  const { L, weights, means, roots } = mixture;
  const K = weights.length;
  const count = points.length / L;
  for (let k = 0; k < K; k++) {
    let total = 0;
    const mean = new Float64Array(L);
    for (let i = 0; i < count; i++) {
      const share = shares[i * K + k]!;
      total += share;
      for (let j = 0; j < L; j++) mean[j]! += share * points[i * L + j]!;
    }
    // A component that has lost all its points stays where it is.
    if (!(total > 1e-9)) continue;
    for (let j = 0; j < L; j++) mean[j]! /= total;
    const covariance = new Float64Array(L * L);
    for (let i = 0; i < count; i++) {
      const share = shares[i * K + k]! / total;
      if (share < 1e-12) continue;
      for (let row = 0; row < L; row++) {
        const scaled = share * (points[i * L + row]! - mean[row]!);
        for (let column = 0; column <= row; column++) {
          covariance[row * L + column]! += scaled * (points[i * L + column]! - mean[column]!);
        }
      }
    }
    for (let j = 0; j < L; j++) covariance[j * L + j]! += FLOOR * variance[j]!;
    weights[k] = total / count;
    means.set(mean, k * L);
    roots[k] = cholesky(covariance, L);
  }
  const sum = weights.reduce((total, weight) => total + weight, 0);
  for (let k = 0; k < K; k++) weights[k]! /= sum;
}
