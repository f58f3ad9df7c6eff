import type { DataSet } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import { normalNumbers } from '../nn/random.ts';
import { checkWhole } from '../train/arguments.ts';
import { rowsOf } from '../train/inputs.ts';
import type * as options from '../train/options.ts';
import type * as snapshots from '../train/snapshot.ts';
import { Trainer } from '../train/trainer.ts';
import type { VaeConfig } from './config.ts';
import { type Posterior, splitHeads } from './heads.ts';
import type { Model } from './live.ts';
import { type VaeViews, vae } from './model.ts';

export type { Progress, SnapshotReason } from '../train/options.ts';
export type { EpochResult } from '../train/snapshot.ts';

export type Snapshot = snapshots.Snapshot<VaeConfig>;
export type CreateOptions = options.CreateOptions<VaeConfig>;
export type TrainOptions = options.TrainOptions<VaeConfig>;
export type VaeInternals = options.Internals<VaeConfig>;

/** A variational autoencoder that trains, see `Trainer`, with its two halves by their names. */
export class Vae extends Trainer<VaeConfig, VaeViews> {
  /**
   * Builds the model and its training step, and uploads the images.
   * @throws ConfigError for a setting that cannot be used, or that contradicts `options.snapshot`
   * @throws DeviceLimitError if a tensor does not fit the device: nothing is left allocated then
   * @throws RangeError if `options.parameters` or the snapshot's are not of this model
   */
  static async create(
    device: Device,
    data: DataSet,
    config: Partial<VaeConfig> = {},
    options: VaeInternals = {},
  ): Promise<Vae> {
    const trainer = new Vae(vae, device, data, config, options);
    await trainer.start();
    return trainer;
  }

  /** What live views look through, see live.ts; another one after a recovery. */
  get model(): Model {
    return { ...this.placed, imageSize: this.imageSize, latent: this.config.latent };
  }

  /**
   * q(z|x) of images: `images` (n, D), u8 from 0 to 255 or f32 from 0 to 1 as `decode` gives it -> `mu` and `logvar` (n, L) f32.
   * @throws TypeError for another kind of array; RangeError unless the length is a positive multiple of D, and for other levels
   */
  async encode(images: Uint8Array | Uint8ClampedArray | Float32Array): Promise<Posterior> {
    const { heads } = await this.viewImages('encode', images);
    return splitHeads(heads!, this.config.latent);
  }

  /**
   * p(x|z): `z` (n, L), computed with as f32 -> pixels (n, D) f32 in [0, 1]; NaN for a row of z that is not finite.
   * @throws TypeError for what is no array of numbers; RangeError unless the length is a positive multiple of L
   */
  async decode(z: Float32Array | Float64Array | readonly number[]): Promise<Float32Array> {
    const rows = rowsOf('decode', z, this.config.latent, { input: 'z', size: 'L' });
    const { pixels } = await this.viewTensors('decode', rows);
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
}
