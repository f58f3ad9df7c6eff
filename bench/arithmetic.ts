import type { VaeConfig } from '../src/vae/config.ts';
import { vaeLayers } from './layers.ts';

export type ModelConfig = Pick<VaeConfig, 'hidden' | 'latent'>;

/** How the operands lie: a (M, K), b (N, K) for NT; a (M, K), b (K, N) for NN; a (K, M), b (K, N) for TN. */
export type Layout = 'NT' | 'NN' | 'TN';

/** One matrix product of a training step. */
export interface Product {
  layout: Layout;
  M: number;
  N: number;
  K: number;
  /** Such as `encoder.0 forward`; the dispatch that does it has that label, or one that begins so. */
  use: string;
}

/** `784-512-256-2`. */
export function modelName({ hidden, latent }: ModelConfig, imageSize: number): string {
  return [imageSize, ...hidden, latent].join('-');
}

/** Every matrix product of a training step: per layer forward, weight gradient and, where something needs it, input gradient. */
export function productsOfStep(config: ModelConfig, batch: number, imageSize: number): Product[] {
  return vaeLayers(config, imageSize).flatMap(({ name, inputs, outputs }, index): Product[] => [
    { layout: 'NT', M: batch, N: outputs, K: inputs, use: `${name} forward` },
    { layout: 'TN', M: outputs, N: inputs, K: batch, use: `${name} backward, weight` },
    // Nothing needs the gradient of the images.
    ...(index === 0
      ? []
      : [{ layout: 'NN', M: batch, N: inputs, K: outputs, use: `${name} backward, input` } satisfies Product]),
  ]);
}

/** Floating-point operations of a product, counting a multiply-add as two. */
export function productFlops({ M, N, K }: Pick<Product, 'M' | 'N' | 'K'>): number {
  return 2 * M * N * K;
}

/** Floating-point operations of a training step's matrix products; everything else is left out. */
export function stepFlops(config: ModelConfig, batch: number, imageSize: number): number {
  return productsOfStep(config, batch, imageSize).reduce((sum, product) => sum + productFlops(product), 0);
}
