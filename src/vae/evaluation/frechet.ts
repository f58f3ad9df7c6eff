import { product, squareRoot } from './matrix.ts';

/** Mean (n) and covariance (n, n) of many features. */
export interface Moments {
  size: number;
  mean: Float64Array;
  covariance: Float64Array;
}

/** @param features (count, n) f32 */
export function momentsOf(features: Float32Array, n: number): Moments {
  const count = features.length / n;
  const mean = new Float64Array(n);
  for (let i = 0; i < features.length; i++) mean[i % n]! += features[i]! / count;
  const covariance = new Float64Array(n * n);
  const centred = new Float64Array(n);
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < n; i++) centred[i] = features[row * n + i]! - mean[i]!;
    for (let i = 0; i < n; i++) {
      const own = centred[i]!;
      if (own === 0) continue;
      for (let j = 0; j <= i; j++) covariance[i * n + j]! += own * centred[j]!;
    }
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      covariance[i * n + j]! /= count - 1;
      covariance[j * n + i] = covariance[i * n + j]!;
    }
  }
  return { size: n, mean, covariance };
}

/**
 * Fréchet's distance between two normal distributions, |m₁ − m₂|² + tr(C₁ + C₂ − 2 (C₁ C₂)^½); Dowson & Landau 1982, as used for
 * images by Heusel et al. 2017. The trace of the root is that of the symmetric (C₁^½ C₂ C₁^½)^½.
 */
export function frechetDistance(a: Moments, b: Moments): number {
  const { size: n } = a;
  const root = squareRoot(a.covariance, n);
  const inner = squareRoot(symmetrized(product(product(root, b.covariance, n), root, n), n), n);
  let distance = 0;
  for (let i = 0; i < n; i++) {
    const at = i * n + i;
    distance += (a.mean[i]! - b.mean[i]!) ** 2 + a.covariance[at]! + b.covariance[at]! - 2 * inner[at]!;
  }
  return Math.max(0, distance);
}

function symmetrized(a: Float64Array, n: number): Float64Array {
  return a.map((value, i) => (value + a[(i % n) * n + Math.floor(i / n)]!) / 2);
}
