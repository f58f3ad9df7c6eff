/** What one image costs, computed on the CPU from what the model makes of it: src/train has it for batches, on the GPU. */

import type { Model, VaeConfig } from 'webgpu-vae';
import { download } from 'webgpu-vae/kernels';

/** f32's sigmoid is 0 or 1 where the logit is large; its logarithm then is that of the smallest distance that f32 tells from them. */
const LEAST = 2 ** -24;

/**
 * −log p(x|z) in nats.
 * @param image (D) grey levels from 0 to 255
 * @param pixels (D) what the decoder makes of z, in [0, 1]
 * @param sigma of Gaussian pixels; undefined for Bernoulli ones
 */
export function reconstructionLoss(image: Uint8Array, pixels: Float32Array, sigma?: number): number {
  let sum = 0;
  for (let i = 0; i < image.length; i++) {
    const x = image[i]! / 255;
    const p = pixels[i]!;
    if (sigma === undefined) {
      const clipped = Math.min(1 - LEAST, Math.max(LEAST, p));
      sum -= x * Math.log(clipped) + (1 - x) * Math.log1p(-clipped);
    } else sum += 0.5 * ((x - p) / sigma) ** 2 + Math.log(sigma) + 0.5 * Math.log(2 * Math.PI);
  }
  return sum;
}

/** KL(N(μ, diag σ²) ‖ N(0, I)) in nats. */
export function klOf(mu: Float32Array, logvar: Float32Array): number {
  return mu.reduce((sum, m, d) => sum + 0.5 * (m * m + Math.exp(logvar[d]!) - 1 - logvar[d]!), 0);
}

/** σ of Gaussian pixels: given, or learned with the model's other parameters; undefined for Bernoulli ones. */
export async function pixelSigma({ likelihood, sigma }: VaeConfig, model: Model): Promise<number | undefined> {
  if (likelihood === 'bernoulli') return undefined;
  if (sigma !== 'learned') return sigma;
  const { offset } = model.model.table.entries.find(({ name }) => name === 'log_variance.value')!;
  const { param } = model;
  const place = {
    label: 'log σ² of the pixels',
    shape: [1],
    offsetBytes: param.offsetBytes + 4 * offset,
    sizeBytes: 4,
  };
  const [logvar] = await download(model.device, { ...param, ...place });
  return Math.exp(0.5 * logvar!);
}
