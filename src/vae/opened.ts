import type { Device } from '../gpu/device.ts';
import { BufferPool, upload } from '../gpu/tensor.ts';
import { flattenParameters } from '../nn/parameters.ts';
import { normalNumbers } from '../nn/random.ts';
import type { ImageShape } from '../nn/tape.ts';
import { checkWhole } from '../train/arguments.ts';
import { imagesOf, rowsOf } from '../train/inputs.ts';
import { type PlacedModel, pixelsOf, settle } from '../train/model.ts';
import { viewImages, viewTensors } from '../train/view.ts';
import type { VaeConfig } from './config.ts';
import { type Posterior, splitHeads } from './heads.ts';
import { type VaeViews, vae } from './model.ts';
import { readVae, type VaeFile } from './model-file.ts';

/**
 * A trained VAE on a device, to look through: no data set, no optimizer. Owns its parameters there (`dispose()` frees them);
 * the device is the caller's.
 */
export class OpenedVae {
  readonly config: VaeConfig;
  readonly images: ImageShape;
  /** Training steps behind it, where its file says so. */
  readonly step: number | undefined;
  #placed: PlacedModel<VaeConfig, VaeViews>;
  #pool: BufferPool;

  constructor(device: Device, { config, images, parameters, step }: VaeFile) {
    const model = settle(vae, config, images);
    const flat = flattenParameters(model.table, parameters);
    this.config = config;
    this.images = images;
    this.step = step;
    this.#pool = new BufferPool(device);
    try {
      const param = this.#pool.tensor('parameters', [model.table.length]);
      upload(device, param, flat);
      this.#placed = { device, model, param };
    } catch (error) {
      this.#pool.dispose();
      throw error;
    }
  }

  /** D, pixels of an image. */
  get imageSize(): number {
    return pixelsOf(this.images);
  }

  /**
   * q(z|x) of images: `images` (n, D), u8 from 0 to 255 or f32 from 0 to 1.
   * @throws TypeError for another kind of array; RangeError unless the length is a positive multiple of D, and for other levels
   */
  async encode(images: Uint8Array | Uint8ClampedArray | Float32Array): Promise<Posterior> {
    const { heads } = await viewImages(this.#placed, 'encode', imagesOf('encode', images, this.imageSize));
    return splitHeads(heads!, this.config.latent);
  }

  /**
   * p(x|z): `z` (n, L) -> pixels (n, D) f32 in [0, 1]; NaN for a row of z that is not finite.
   * @throws TypeError for what is no array of numbers; RangeError unless the length is a positive multiple of L
   */
  async decode(z: Float32Array | Float64Array | readonly number[]): Promise<Float32Array> {
    const rows = rowsOf('decode', z, this.config.latent, { input: 'z', size: 'L' });
    const { pixels } = await viewTensors(this.#placed, 'decode', rows);
    return pixels!;
  }

  /**
   * Decodes z ~ N(0, I): pixels (count, D) f32 in [0, 1]. The same seed gives the same z.
   * @throws RangeError unless `count` is a whole number from 1 and `seed` one of 32 bits
   */
  async sample(count: number, seed = this.config.seed): Promise<Float32Array> {
    checkWhole('sample', 'count', count, { from: 1 });
    checkWhole('sample', 'seed', seed, { from: 0, to: 2 ** 32 - 1 });
    return this.decode(normalNumbers(count * this.config.latent, seed));
  }

  dispose(): void {
    this.#pool.dispose();
  }
}

/**
 * Puts a trained model on a device, to encode, decode and sample with.
 *
 * @param bytes `model.safetensors`, a checkpoint, or a file of weights by the same names
 * @throws SafetensorsError, CheckpointError or ConfigError for a file that is none or of another model
 * @throws RangeError if weights are missing or of another shape; DeviceLimitError if they do not fit the device
 */
export async function openVae(device: Device, bytes: Uint8Array): Promise<OpenedVae> {
  const file = readVae(bytes);
  return device.checked('open the model', () => new OpenedVae(device, file));
}
