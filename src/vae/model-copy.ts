import { BufferPool, downloadU32, type Tensor, upload } from '../gpu/tensor.ts';
import { packState, unpackState } from '../kernels/finish-step.ts';
import type { Model } from './live.ts';

/**
 * A model's parameters as they were after one step, on the GPU. Training goes on beside it: whatever is computed from a copy
 * is of one and the same model. Owns its buffers.
 */
export class ModelCopy {
  /** To look through. */
  readonly model: Model;
  #pool: BufferPool;
  #state: Tensor;

  /** @throws DeviceLimitError if the parameters do not fit the device once more */
  constructor(original: Model) {
    this.#pool = new BufferPool(original.device);
    this.model = { ...original, param: this.#pool.tensor('copied parameters', [original.model.table.length]) };
    this.#state = this.#pool.tensor('copied state', [4], { dtype: 'u32' });
  }

  /**
   * Takes what training has made when the GPU comes to this; submits, does not wait.
   * @param state (4) u32, where training counts its steps
   */
  take(param: Tensor, state: Tensor): void {
    const { device } = this.model;
    device.assertAlive();
    const encoder = device.handle.createCommandEncoder();
    for (const [from, to] of [
      [param, this.model.param],
      [state, this.#state],
    ] as const) {
      encoder.copyBufferToBuffer(from.buffer, from.offsetBytes, to.buffer, to.offsetBytes, to.sizeBytes);
    }
    device.handle.queue.submit([encoder.finish()]);
  }

  /** Takes what another copy has. */
  takeFrom(other: ModelCopy): void {
    this.take(other.model.param, other.#state);
  }

  /** @param parameters (table.length) f32 of the model after `step` steps */
  put(parameters: Float32Array, step: number): void {
    const { device, param } = this.model;
    upload(device, param, parameters);
    upload(device, this.#state, packState({ step, epoch: 0, position: 0, halted: 0 }));
  }

  /** Steps that the copied model has behind it. Waits for everything submitted before. */
  async step(): Promise<number> {
    return unpackState(await downloadU32(this.model.device, this.#state)).step;
  }

  dispose(): void {
    this.#pool.dispose();
  }
}
