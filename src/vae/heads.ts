/** Two halves of what the encoder gives. */
export interface Posterior {
  /** (n, L) f32. */
  mu: Float32Array;
  /** (n, L) f32: log σ². */
  logvar: Float32Array;
}

/** μ and log σ² (n, L) each, of what the encoder gives (n, 2 L). */
export function splitHeads(heads: Float32Array, latent: number): Posterior {
  const rows = heads.length / (2 * latent);
  const mu = new Float32Array(rows * latent);
  const logvar = new Float32Array(rows * latent);
  for (let row = 0; row < rows; row++) {
    const at = row * 2 * latent;
    mu.set(heads.subarray(at, at + latent), row * latent);
    logvar.set(heads.subarray(at + latent, at + 2 * latent), row * latent);
  }
  return { mu, logvar };
}
