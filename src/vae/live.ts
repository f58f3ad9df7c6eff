/** Ways to look at a VAE again and again while it trains, see src/train/view.ts. */
import type { Tensor } from '../gpu/tensor.ts';
import type { PlacedModel } from '../train/model.ts';
import { LiveImages, LiveView } from '../train/view.ts';
import type { VaeConfig } from './config.ts';
import type { VaeViews } from './model.ts';

export { viewCapacity } from '../train/view.ts';

/** A VAE on a device. */
export interface Model extends PlacedModel<VaeConfig, VaeViews> {
  /** D, pixels of an image. */
  imageSize: number;
  /** L. */
  latent: number;
}

/** Decodes the same number of latents over and over: z (count, L) -> pixels. */
export class LiveDecoder extends LiveView<VaeConfig, VaeViews> {
  constructor(model: Model, count: number) {
    super(model, 'decode', count);
  }

  /** (count, D) f32 in [0, 1]. */
  get pixels(): Tensor {
    return this.outputs.pixels!;
  }
}

/** Encodes images (count, D) u8 piece by piece. */
export class LiveEncoder extends LiveImages<VaeConfig, VaeViews> {
  constructor(model: Model, images: Uint8Array, batch: number) {
    super(model, 'encode', images, batch);
  }

  /** (count, 2 L) f32: μ, then log σ². */
  get heads(): Tensor {
    return this.outputs.heads!;
  }
}

/** Encodes images (count, D) and decodes their means, over and over. */
export class LiveReconstructor extends LiveView<VaeConfig, VaeViews> {
  constructor(model: Model, count: number) {
    super(model, 'reconstruct', count);
  }

  /** (count, D) f32 in [0, 1]: the images themselves. */
  get x(): Tensor {
    return this.input;
  }

  /** (count, 2 L) f32: μ, then log σ². */
  get heads(): Tensor {
    return this.outputs.heads!;
  }

  /** (count, D) f32 in [0, 1]: the decoded μ. */
  get pixels(): Tensor {
    return this.outputs.pixels!;
  }
}
