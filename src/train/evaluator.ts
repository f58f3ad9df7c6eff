import type { ImageSet } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import { BufferPool, type Tensor, upload } from '../gpu/tensor.ts';
import { packState } from '../kernels/finish-step.ts';
import { NOISE_STREAMS } from '../kernels/reparameterize.ts';
import { fullWeight } from '../nn/weight.ts';
import { rowsThatFit } from './batches.ts';
import { packData } from './data.ts';
import { type Losses, LossMean, type StepLoss, type WeightedTerm } from './losses.ts';
import type { PlacedModel, SettledModel } from './model.ts';
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
  readonly #terms: readonly WeightedTerm[];

  /**
   * @param param (table.length) f32, read at every evaluation
   * @param most images of a step
   */
  constructor(device: Device, model: SettledModel, param: Tensor, set: ImageSet, most = EVALUATION_BATCH) {
    this.device = device;
    // In full, whatever a schedule makes of them at the moment: so the losses after two epochs can be compared.
    this.#terms = model.terms.map(({ name, weight }) => ({ name, weight: fullWeight(weight) }));
    this.#pool = new BufferPool(device);
    try {
      const data = packData(this.#pool, 'evaluation images', set, model, 'evaluate');
      this.#state = this.#pool.tensor('evaluation state', [4], { dtype: 'u32' });
      const losses = this.#pool.tensor('evaluation losses', [LOSS_CAPACITY, model.terms.length]);
      const noise = { seed: model.config.seed, stream: NOISE_STREAMS.evaluate };
      const batch = Math.min(rowsThatFit(device, model, most), set.count);
      // What does not fill a batch is a second schedule with a smaller one, so no kernel needs to know of missing rows.
      for (const [size, steps] of [
        [batch, Math.floor(set.count / batch)],
        [set.count % batch, 1],
      ] as const) {
        if (size === 0) continue;
        const plan = planEvaluation(this.#pool, model, param, { data, batch: size, noise, state: this.#state, losses });
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
   * Means over all images. One call at a time.
   * @param signal aborted, it stops early and its reason is thrown
   * @param onSteps told of the losses of every step, in order, and of how many images each is the mean
   */
  async run(
    budgetMs: number,
    signal?: AbortSignal,
    onSteps?: (losses: readonly StepLoss[], images: number) => void,
  ): Promise<Losses> {
    upload(this.device, this.#state, packState({ step: 0, epoch: 0, position: 0, halted: 0 }));
    const mean = new LossMean(this.#terms);
    let first = 0;
    for (const { replay, batch, steps } of this.#parts) {
      await replay.run(first, steps, {
        budgetMs,
        ...(signal && { signal }),
        onChunk: ({ losses }) => {
          for (const loss of losses) mean.add(loss, 0, batch);
          onSteps?.(losses, batch);
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
  { device, model, param }: PlacedModel,
  set: ImageSet,
  budgetMs: number,
  signal?: AbortSignal,
): Promise<Losses> {
  const evaluator = await device.checked('evaluate', () => new Evaluator(device, model, param, set));
  try {
    return await evaluator.run(budgetMs, signal);
  } finally {
    evaluator.dispose();
  }
}
