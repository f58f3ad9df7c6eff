/**
 * Ways to look at a model again and again: everything is made once, results stay on the GPU, and a look is a few copies
 * and one submission. They read the model's own parameters, so they show what training has just made of them.
 */
import { runSchedule, type Schedule } from '../gpu/schedule.ts';
import { BufferPool, elementCount, type Tensor, upload } from '../gpu/tensor.ts';
import { packState } from '../kernels/finish-step.ts';
import { packImages } from '../kernels/gather.ts';
import { reparameterize } from '../kernels/reparameterize.ts';
import { checkWhole } from './arguments.ts';
import { rowsThatFit } from './batches.ts';
import type { Model } from './inference.ts';
import { networkOver, stackForward } from './network.ts';
import { planDecode, planEncode } from './plan.ts';

/** How many images, up to `most`, the device lets a view of the model hold. */
export function viewCapacity({ device, table }: Model, most: number): number {
  return rowsThatFit(device, table, most);
}

/** @throws RangeError: a part of the rows would be shown with the rest of the last look's */
function checkLength(operation: string, name: string, length: number, expected: number): void {
  if (length === expected) return;
  throw new RangeError(`${operation}: ${name} has ${length} elements, expected ${expected}: pass all rows of the view`);
}

/** Decodes the same number of latents over and over. Owns its tensors. */
export class LiveDecoder {
  /** (count, D) f32 in [0, 1]: what `run` computes. */
  readonly pixels: Tensor;
  readonly count: number;
  #model: Model;
  #pool: BufferPool;
  #z: Tensor;
  #schedule: Schedule;

  /**
   * @param count see `viewCapacity`
   * @throws RangeError unless it is a whole number from 1; DeviceLimitError if the images do not fit the device
   */
  constructor(model: Model, count: number) {
    checkWhole('LiveDecoder', 'count', count, { from: 1 });
    this.#model = model;
    this.count = count;
    this.#pool = new BufferPool(model.device);
    try {
      const plan = planDecode(this.#pool, model.table, model.param, count);
      this.#z = plan.z;
      this.#schedule = plan.schedule;
      this.pixels = plan.pixels;
    } catch (error) {
      this.#pool.dispose();
      throw error;
    }
  }

  /**
   * Submits; does not wait.
   * @param z (count, L) f32; without it the last ones again
   * @throws RangeError if there are more or fewer
   */
  run(z?: Float32Array): void {
    if (z) checkLength('LiveDecoder.run', 'z', z.length, this.count * this.#model.latent);
    if (z) upload(this.#model.device, this.#z, z);
    runSchedule(this.#model.device, this.#schedule);
  }

  dispose(): void {
    this.#pool.dispose();
  }
}

/** Encodes a set of images piece by piece. Owns its tensors. */
export class LiveEncoder {
  /** (count, 2 L) f32: μ, then log σ², of the images encoded so far. */
  readonly heads: Tensor;
  readonly count: number;
  /** Images of a piece: as many as asked for, or as fit the device. */
  readonly batch: number;
  #model: Model;
  #pool: BufferPool;
  #state: Tensor;
  #schedule: Schedule;
  #out: Tensor;

  /**
   * @param images (count, D) u8
   * @throws RangeError unless they are whole images and `batch` a whole number from 1
   * @throws DeviceLimitError if the images do not fit the device
   */
  constructor(model: Model, images: Uint8Array, batch: number) {
    checkWhole('LiveEncoder', 'batch', batch, { from: 1 });
    this.#model = model;
    this.#pool = new BufferPool(model.device);
    try {
      const packed = packImages(this.#pool, 'images to look at', images, model.imageSize);
      this.count = packed.count;
      this.batch = Math.min(viewCapacity(model, batch), packed.count);
      this.#state = this.#pool.tensor('look state', [4], { dtype: 'u32' });
      const input = { packed, state: this.#state };
      const plan = planEncode(this.#pool, model.table, model.param, input, this.batch);
      this.#schedule = plan.schedule;
      this.#out = plan.heads;
      this.heads = this.#pool.tensor('look heads', [packed.count, 2 * model.latent]);
    } catch (error) {
      this.#pool.dispose();
      throw error;
    }
  }

  /**
   * Encodes images `first` to `first + batch`; submits, does not wait.
   * @throws RangeError unless there is an image `first`
   */
  run(first: number): void {
    checkWhole('LiveEncoder.run', 'first', first, { from: 0, to: this.count - 1 });
    const { device, latent } = this.#model;
    upload(device, this.#state, packState({ step: 0, epoch: 0, position: first, halted: 0 }));
    runSchedule(device, this.#schedule);
    const rowBytes = 2 * latent * 4;
    const rows = Math.min(this.batch, this.count - first);
    const encoder = device.handle.createCommandEncoder();
    encoder.copyBufferToBuffer(this.#out.buffer, 0, this.heads.buffer, first * rowBytes, rows * rowBytes);
    device.handle.queue.submit([encoder.finish()]);
  }

  dispose(): void {
    this.#pool.dispose();
  }
}

/** Encodes images and decodes their means, over and over. Owns its tensors. */
export class LiveReconstructor {
  /** (count, D) f32 in [0, 1]: the images themselves. */
  readonly x: Tensor;
  /** (count, 2 L) f32: μ, then log σ². */
  readonly heads: Tensor;
  /** (count, D) f32 in [0, 1]: the decoded μ. */
  readonly pixels: Tensor;
  #model: Model;
  #pool: BufferPool;
  #schedule: Schedule;

  /**
   * @param count see `viewCapacity`
   * @throws RangeError unless it is a whole number from 1; DeviceLimitError if the images do not fit the device
   */
  constructor(model: Model, count: number) {
    checkWhole('LiveReconstructor', 'count', count, { from: 1 });
    const { device, table, param, imageSize, latent } = model;
    this.#model = model;
    this.#pool = new BufferPool(device);
    try {
      const pool = this.#pool;
      const network = networkOver(table, param);
      const state = pool.tensor('look state', [4], { dtype: 'u32' });
      this.x = pool.tensor('x', [count, imageSize]);
      const encoder = stackForward(pool, [...network.encoder, network.heads], this.x, 'none');
      this.heads = encoder.outputs.at(-1)!;
      const z = pool.tensor('z', [count, latent]);
      const kld = pool.tensor('kld', [count, latent]);
      const decoder = stackForward(pool, network.decoder, z, 'sigmoid');
      this.pixels = decoder.outputs.at(-1)!;
      this.#schedule = [
        ...encoder.commands,
        reparameterize(pool, { heads: this.heads, state, z, kld }, 'zero'),
        ...decoder.commands,
      ];
    } catch (error) {
      this.#pool.dispose();
      throw error;
    }
  }

  /**
   * Submits; does not wait.
   * @param images (count, D) u8; without them the last ones again
   * @throws RangeError if there are more or fewer
   */
  run(images?: Uint8Array): void {
    if (images) checkLength('LiveReconstructor.run', 'images', images.length, elementCount(this.x.shape));
    if (images)
      upload(
        this.#model.device,
        this.x,
        Float32Array.from(images, (level) => level / 255),
      );
    runSchedule(this.#model.device, this.#schedule);
  }

  dispose(): void {
    this.#pool.dispose();
  }
}
