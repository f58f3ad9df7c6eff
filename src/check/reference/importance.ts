import { type Expected, expError, FLUSH, U } from '../check.ts';
import type { Noise } from './reparameterize.ts';

type Values = ArrayLike<number>;

function make(length: number): Expected {
  return { values: new Float64Array(length), tolerance: new Float64Array(length) };
}

/** heads (B, 2 L), ε (B K, L) -> z (B K, L) and ratio (B K), Σ over L of ½ (ε² + log σ² − z²). */
export function importanceSample(
  heads: Values,
  eps: Noise,
  { B, K, L }: { B: number; K: number; L: number },
): { z: Expected; ratio: Expected } {
  const [z, ratio] = [make(B * K * L), make(B * K)];
  for (let row = 0; row < B * K; row++) {
    let size = 0;
    for (let j = 0; j < L; j++) {
      const head = Math.floor(row / K) * 2 * L + j;
      const [mu, logvar] = [heads[head]!, heads[head + L]!];
      const i = row * L + j;
      const [e, off] = [eps.values[i]!, eps.tolerance[i]!];
      const sigma = Math.exp(logvar / 2);
      const value = mu + sigma * e;
      z.values[i] = value;
      z.tolerance[i] =
        Math.abs(sigma * e) * (expError(logvar / 2) + 2 * U) +
        sigma * off +
        2 * U * (Math.abs(mu) + Math.abs(sigma * e)) +
        FLUSH;
      ratio.values[row]! += 0.5 * (e * e + logvar - value * value);
      ratio.tolerance[row]! += Math.abs(e) * off + Math.abs(value) * z.tolerance[i]!;
      size += 0.5 * (e * e + Math.abs(logvar) + value * value);
    }
    ratio.tolerance[row]! += (L + 3) * U * size + FLUSH;
  }
  return { z, ratio };
}

/** dz (B K, L), weights (B K) -> dheads (B, 2 L), for a weight of 1. */
export function importanceSampleBackward(
  heads: Values,
  eps: Noise,
  dz: Values,
  weights: Values,
  { B, K, L }: { B: number; K: number; L: number },
): Expected {
  const dheads = make(2 * B * L);
  for (let b = 0; b < B; b++) {
    for (let j = 0; j < L; j++) {
      const head = b * 2 * L + j;
      const [mu, logvar] = [heads[head]!, heads[head + L]!];
      const sigma = Math.exp(logvar / 2);
      let dlogvar = -1 / B;
      let [muSize, logvarSize, off] = [0, 1 / B, 0];
      for (let row = b * K; row < (b + 1) * K; row++) {
        const i = row * L + j;
        const shift = sigma * eps.values[i]!;
        const shiftError = Math.abs(shift) * (expError(logvar / 2) + 2 * U) + sigma * eps.tolerance[i]!;
        const weight = weights[row]! / B;
        const g = dz[i]! + weight * (mu + shift);
        const gSize = Math.abs(dz[i]!) + weight * (Math.abs(mu) + Math.abs(shift));
        dheads.values[head]! += g;
        dlogvar += g * shift;
        muSize += gSize;
        logvarSize += gSize * Math.abs(shift);
        off += weight * shiftError;
        dheads.tolerance[head + L]! += 0.5 * shiftError * (gSize + weight * Math.abs(shift));
      }
      dheads.tolerance[head] = off + (K + 4) * U * muSize + FLUSH;
      dheads.values[head + L] = 0.5 * dlogvar;
      dheads.tolerance[head + L]! += (K + 6) * U * logvarSize + FLUSH;
    }
  }
  return dheads;
}

/** ratio, nll (B K) -> the bound −log(Σ w / K) and both means (B), weights w / Σ w (B K), with log w = ratio − nll. */
export function importanceWeights(
  ratio: Values,
  nll: Values,
  { B, K }: { B: number; K: number },
): Record<'bound' | 'weights' | 'nllMean' | 'kldMean', Expected> {
  const [bound, nllMean, kldMean, weights] = [make(B), make(B), make(B), make(B * K)];
  for (let b = 0; b < B; b++) {
    const rows = Array.from({ length: K }, (_, k) => b * K + k);
    const logs = rows.map((row) => ratio[row]! - nll[row]!);
    const largest = Math.max(...logs);
    const sum = logs.reduce((total, log) => total + Math.exp(log - largest), 0);
    // Each log w is rounded, and so is its distance to the largest, by which exp's own error grows.
    const rounding = rows.map((row) => 2 * U * (Math.abs(ratio[row]!) + Math.abs(nll[row]!) + Math.abs(largest)));
    const relative = (k: number) => rounding[k]! + expError(logs[k]! - largest) + (K + 4) * U;
    const sumError = logs.reduce((total, log, k) => total + Math.exp(log - largest) * relative(k), 0) / sum;
    bound.values[b] = Math.log(K) - Math.log(sum) - largest;
    // WGSL: log is off by 2^-21 near 1, by 3 ULP elsewhere.
    bound.tolerance[b] = sumError + 2 ** -20 + 8 * U * (Math.log(K) + Math.log(sum) + Math.abs(largest));
    for (const [k, row] of rows.entries()) {
      weights.values[row] = Math.exp(logs[k]! - largest) / sum;
      weights.tolerance[row] = weights.values[row]! * (relative(k) + sumError + 4 * U) + FLUSH;
      nllMean.values[b]! += nll[row]! / K;
      nllMean.tolerance[b]! += ((K + 3) * U * Math.abs(nll[row]!)) / K;
      kldMean.values[b]! -= ratio[row]! / K;
      kldMean.tolerance[b]! += ((K + 3) * U * Math.abs(ratio[row]!)) / K;
    }
  }
  return { bound, weights, nllMean, kldMean };
}
