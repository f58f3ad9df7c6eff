import type { ImageSet } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import { BufferPool, type Tensor, upload } from '../gpu/tensor.ts';
import { packState } from '../kernels/finish-step.ts';
import { packImages } from '../kernels/gather.ts';
import { NOISE_STREAMS } from '../kernels/reparameterize.ts';
import { rowsThatFit } from './batches.ts';
import type { Model } from './inference.ts';
import { type Losses, LossMean } from './losses.ts';
import type { ParameterTable } from './parameters.ts';
import { LOSS_CAPACITY, type LossPlan, planEvaluation } from './plan.ts';
import { Replay } from './replay.ts';

/** Images per evaluation step, where the device lets so many at once: which noise an image gets depends on it. */
const EVALUATION_BATCH = 500;

interface Part {
  plan: LossPlan;
  replay: Replay;
  batch: number;
  steps: number;
}

/** Measures a model's losses on one set of images, over and over; the images stay on the GPU. */
export class Evaluator {
  readonly device: Device;
  #pool: BufferPool;
  #parts: Part[] = [];
  #state: Tensor;

  /** @param param (table.length) f32, read at every evaluation */
  constructor(device: Device, table: ParameterTable, param: Tensor, set: ImageSet, seed: number) {
    this.device = device;
    this.#pool = new BufferPool(device);
    try {
      const images = packImages(this.#pool, 'evaluation images', set.images, set.rows * set.columns);
      this.#state = this.#pool.tensor('evaluation state', [4], { dtype: 'u32' });
      const losses = this.#pool.tensor('evaluation losses', [LOSS_CAPACITY, 2]);
      const noise = { seed, stream: NOISE_STREAMS.evaluate };
      const batch = Math.min(rowsThatFit(device, table, EVALUATION_BATCH), set.count);
      // What does not fill a batch is a second schedule with a smaller one, so no kernel needs to know of missing rows.
      for (const [size, steps] of [
        [batch, Math.floor(set.count / batch)],
        [set.count % batch, 1],
      ] as const) {
        if (size === 0) continue;
        const plan = planEvaluation(this.#pool, table, param, images, {
          batch: size,
          noise,
          state: this.#state,
          losses,
        });
        this.#parts.push({ plan, replay: new Replay(device, plan), batch: size, steps });
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** What the batch whose loss was not finite has left, in the order in which it is computed; else the last batch. */
  get intermediates(): Tensor[] {
    return this.#parts.flatMap(({ plan }) => plan.intermediates);
  }

  /**
   * Means over all images. `beta` weighs the KL term in `loss`. One call at a time.
   * @param signal aborted, it stops early and its reason is thrown
   */
  async run(beta: number, budgetMs: number, signal?: AbortSignal): Promise<Losses> {
    upload(this.device, this.#state, packState({ step: 0, epoch: 0, position: 0, halted: 0 }));
    const mean = new LossMean(beta);
    let first = 0;
    for (const { replay, batch, steps } of this.#parts) {
      await replay.run(first, steps, {
        budgetMs,
        ...(signal && { signal }),
        onChunk: ({ losses }) => {
          for (const loss of losses) mean.add(loss, batch);
          return true;
        },
      });
      first += steps;
    }
    return mean.mean();
  }

  dispose(): void {
    for (const { replay } of this.#parts) replay.dispose();
    this.#pool.dispose();
  }
}

/**
 * Mean losses over images that are looked at once.
 * @throws RangeError if they have another size than the model's
 */
export async function evaluateOnce(
  { device, table, param, imageSize, seed }: Model & { seed: number },
  set: ImageSet,
  beta: number,
  budgetMs: number,
  signal?: AbortSignal,
): Promise<Losses> {
  if (set.rows * set.columns !== imageSize) {
    const { rows, columns } = set;
    throw new RangeError(
      `evaluate: images of ${columns} x ${rows} have ${rows * columns} pixels, expected ${imageSize}: use images of the size that the model was made for`,
    );
  }
  const evaluator = await device.checked('evaluate', () => new Evaluator(device, table, param, set, seed));
  try {
    return await evaluator.run(beta, budgetMs, signal);
  } finally {
    evaluator.dispose();
  }
}
