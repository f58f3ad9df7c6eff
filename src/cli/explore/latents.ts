/** z to decode: drawn, between two of them, or with some dimensions changed. Rows (n, L) f32, one after the other. */

import type { Posterior } from 'webgpu-vae';
import { normalNumbers } from 'webgpu-vae/nn';

/** Standard normal rows. The same seed gives the same rows, however many are asked for. */
export function drawLatents(count: number, latent: number, seed: number): Float32Array {
  return normalNumbers(count * latent, seed);
}

/** A row drawn from each q(z|x) = N(μ, diag σ²). */
export function drawFrom({ mu, logvar }: Posterior, seed: number): Float32Array {
  const eps = normalNumbers(mu.length, seed);
  return mu.map((mean, i) => mean + Math.exp(0.5 * logvar[i]!) * eps[i]!);
}

/** Rows on the straight line from each `from` to its `to`, both included: pair after pair, `steps` rows each. */
export function between(from: Float32Array, to: Float32Array, latent: number, steps: number): Float32Array {
  const pairs = from.length / latent;
  return Float32Array.from({ length: pairs * steps * latent }, (_, at) => {
    const dim = at % latent;
    const row = Math.floor(at / latent);
    const start = Math.floor(row / steps) * latent + dim;
    const part = (row % steps) / (steps - 1);
    return (1 - part) * from[start]! + part * to[start]!;
  });
}

/** `base` (L) with one dimension at each of `values` and the others as they are: dimension after dimension. */
export function alongEach(base: Float32Array, values: readonly number[]): Float32Array {
  const latent = base.length;
  const rows = new Float32Array(latent * values.length * latent);
  for (let dim = 0; dim < latent; dim++) {
    for (const [i, value] of values.entries()) {
      const at = (dim * values.length + i) * latent;
      rows.set(base, at);
      rows[at + dim] = value;
    }
  }
  return rows;
}

/** `base` (L) with two dimensions, counted from 0, as in the plane's points (n, 2). */
export function onPlane(
  base: Float32Array,
  points: Float32Array,
  [first, second]: readonly [number, number],
): Float32Array {
  const latent = base.length;
  const rows = new Float32Array((points.length / 2) * latent);
  for (let i = 0; i < points.length / 2; i++) {
    rows.set(base, i * latent);
    rows[i * latent + first] = points[2 * i]!;
    rows[i * latent + second] = points[2 * i + 1]!;
  }
  return rows;
}

/** Every `stride`-th row, beginning with `first`. */
export function everyRow(rows: Float32Array, latent: number, first: number, stride: number): Float32Array {
  const picked: number[] = [];
  for (let at = first * latent; at < rows.length; at += stride * latent) picked.push(...rows.subarray(at, at + latent));
  return Float32Array.from(picked);
}
