import { type Expected, expError, FLUSH, U, ULP } from '../check.ts';

type Values = ArrayLike<number>;

/** ε with the error that it may have. */
export interface Noise {
  values: ArrayLike<number>;
  tolerance: ArrayLike<number>;
}

/** heads (B, 2 L), ε (B, L) -> z = μ + σ ε and the KL terms −½ (1 + log σ² − μ² − σ²), both (B, L). */
export function reparameterize(heads: Values, eps: Noise, B: number, L: number): { z: Expected; kld: Expected } {
  const z: Expected = { values: new Float64Array(B * L), tolerance: new Float64Array(B * L) };
  const kld: Expected = { values: new Float64Array(B * L), tolerance: new Float64Array(B * L) };
  for (let i = 0; i < B * L; i++) {
    const head = Math.floor(i / L) * 2 * L + (i % L);
    const mu = heads[head]!;
    const logvar = heads[head + L]!;
    const sigma = Math.exp(logvar / 2);
    const variance = Math.exp(logvar);
    const shift = sigma * eps.values[i]!;
    z.values[i] = mu + shift;
    z.tolerance[i] =
      Math.abs(shift) * (expError(logvar / 2) + 2 * U) +
      sigma * eps.tolerance[i]! +
      2 * U * (Math.abs(mu) + Math.abs(shift)) +
      FLUSH;
    kld.values[i] = -0.5 * (1 + logvar - mu * mu - variance);
    kld.tolerance[i] =
      0.5 * (variance * expError(logvar) + 4 * U * (1 + Math.abs(logvar) + mu * mu + variance)) + FLUSH;
  }
  return { z, kld };
}

/**
 * dz (B, L) -> dheads (B, 2 L): dμ = dz + β μ / B, dlog σ² = (dz ε σ + β (σ² − 1) / B) / 2.
 * With `counted` (L), β times that in each dimension; `relative` is how far β itself may be off.
 */
export function reparameterizeBackward(
  heads: Values,
  eps: Noise,
  dz: Values,
  B: number,
  L: number,
  beta: number,
  { counted, relative = 0 }: { counted?: Values; relative?: number } = {},
): Expected {
  const dheads: Expected = { values: new Float64Array(2 * B * L), tolerance: new Float64Array(2 * B * L) };
  for (let i = 0; i < B * L; i++) {
    const scale = (beta / B) * (counted?.[i % L] ?? 1);
    const head = Math.floor(i / L) * 2 * L + (i % L);
    const mu = heads[head]!;
    const logvar = heads[head + L]!;
    const sigma = Math.exp(logvar / 2);
    const variance = Math.exp(logvar);
    const path = dz[i]! * eps.values[i]! * sigma;
    dheads.values[head] = dz[i]! + scale * mu;
    dheads.tolerance[head] =
      3 * U * (Math.abs(dz[i]!) + Math.abs(scale * mu)) + relative * Math.abs(scale * mu) + FLUSH;
    dheads.values[head + L] = 0.5 * (path + scale * (variance - 1));
    dheads.tolerance[head + L] =
      0.5 * (Math.abs(path) * (expError(logvar / 2) + 4 * U) + Math.abs(dz[i]!) * sigma * eps.tolerance[i]!) +
      0.5 * scale * (variance * expError(logvar) + (4 * ULP + relative) * (variance + 1)) +
      FLUSH;
  }
  return dheads;
}

/** kld (B, L) -> B max(floor, KL_j) and whether KL_j > floor, 1 or 0, with KL_j the mean of column j. Both (L). */
export function freeBits(kld: Values, B: number, L: number, floor: number): { terms: Expected; counted: Expected } {
  const make = (): Expected => ({ values: new Float64Array(L), tolerance: new Float64Array(L) });
  const [terms, counted] = [make(), make()];
  for (let j = 0; j < L; j++) {
    let sum = 0;
    let size = 0;
    for (let b = 0; b < B; b++) {
      sum += kld[b * L + j]!;
      size += Math.abs(kld[b * L + j]!);
    }
    terms.values[j] = Math.max(floor * B, sum);
    terms.tolerance[j] = B * U * size + 2 * U * floor * B + FLUSH;
    counted.values[j] = sum > floor * B ? 1 : 0;
    if (Math.abs(sum - floor * B) <= 2 * terms.tolerance[j]!) {
      throw new Error(`freeBits: KL of dimension ${j} is ${sum / B}, too near to ${floor} for f32 to tell`);
    }
  }
  return { terms, counted };
}
