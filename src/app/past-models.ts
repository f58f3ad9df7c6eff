import type { NamedTensor } from 'webgpu-vae';

/** A model as it was at the end of an epoch; epoch 0 is the untrained one. */
export interface PastModel {
  epoch: number;
  step: number;
  parameters: readonly NamedTensor[];
  /** What it makes of the test images, once that has been looked at: (n, 2 L) f32, μ, then log σ². */
  heads?: Float32Array;
}

/** Beyond, every other epoch is forgotten: 60 epochs of the default model. */
const MOST_BYTES = 256e6;

/** The models of a run's epochs, for looking back. Every epoch is kept, looked at or not, as long as there is room. */
export class PastModels {
  #models: PastModel[] = [];
  #most: number;
  /** What the model of epoch 0 is called. */
  beginning = 'untrained';
  /** Whether epochs had to be forgotten. */
  thinned = false;

  constructor(mostBytes = MOST_BYTES) {
    this.#most = mostBytes;
  }

  /** By epoch. */
  get all(): readonly PastModel[] {
    return this.#models;
  }

  /** Replaces the same epoch and all later ones: after a recovery or a resume they are done again. */
  add(model: PastModel): void {
    this.#models = [...this.#models.filter(({ epoch }) => epoch < model.epoch), model];
    while (this.#models.length > 2 && this.#bytes > this.#most) {
      const last = this.#models.length - 1;
      this.#models = this.#models.filter((_, i) => i % 2 === 0 || i === last);
      this.thinned = true;
    }
  }

  get #bytes(): number {
    return this.#models.reduce((sum, { parameters, heads }) => {
      const own = parameters.reduce((bytes, { data }) => bytes + data.byteLength, 0);
      return sum + own + (heads?.byteLength ?? 0);
    }, 0);
  }
}
