/** The one classifier of digits whose features samples are compared in: fixed, so that numbers of different models can be compared. */
import type { Labels } from '../../data/dataset.ts';
import type { Device } from '../../gpu/device.ts';
import { BufferPool, upload } from '../../gpu/tensor.ts';
import { dense, denseStack } from '../../nn/dense.ts';
import { softmaxCrossEntropy } from '../../nn/loss.ts';
import { flattenParameters, type NamedTensor } from '../../nn/parameters.ts';
import type { Tape, Value } from '../../nn/tape.ts';
import { defineModel, type PlacedModel, settle } from '../../train/model.ts';
import { viewImages } from '../../train/view.ts';

/** Widths of its hidden layers; the last one's outputs are the features. */
const WIDTHS = [256, 64];
export const FEATURES = WIDTHS.at(-1)!;
export const CLASSES = 10;

function features(tape: Tape, x: Value): Value {
  return denseStack(tape, x, WIDTHS, 'features');
}

/** 784-256-64-10 with ReLU, cross-entropy. */
export const digitClassifier = defineModel({
  kind: 'digit classifier',
  version: 1,
  loss: (tape, { x, labels }) => {
    softmaxCrossEntropy(tape, dense(tape, features(tape, x), CLASSES, { name: 'logits' }), labels);
  },
  views: {
    classify: {
      run(tape, x) {
        const shown = features(tape, x);
        return { features: shown, logits: dense(tape, shown, CLASSES, { name: 'logits' }) };
      },
    },
  },
});

/** Its sizes: MNIST's. */
export const IMAGES = { rows: 28, columns: 28, channels: 1, classes: CLASSES };

/** What the classifier sees in images. */
export interface Seen {
  /** (n, FEATURES). */
  features: Float32Array;
  /** (n, CLASSES). */
  logits: Float32Array;
}

/** The classifier on a device. Owns its parameters there. */
export class OpenedClassifier {
  #placed: PlacedModel;
  #pool: BufferPool;

  /** @throws RangeError if the parameters are not its own */
  constructor(device: Device, parameters: NamedTensor[]) {
    const model = settle(digitClassifier, {}, IMAGES);
    const flat = flattenParameters(model.table, parameters);
    this.#pool = new BufferPool(device);
    try {
      const param = this.#pool.tensor('parameters of the classifier', [model.table.length]);
      upload(device, param, flat);
      this.#placed = { device, model, param };
    } catch (error) {
      this.#pool.dispose();
      throw error;
    }
  }

  /** @param images (n, 784): u8, or f32 in [0, 1] */
  async look(images: Uint8Array | Float32Array): Promise<Seen> {
    const { features: shown, logits } = await viewImages(this.#placed, 'classify', images);
    return { features: shown!, logits: logits! };
  }

  dispose(): void {
    this.#pool.dispose();
  }
}

/** The part of images whose largest logit is their label's. `logits` (n, K). */
export function accuracyOf(logits: Float32Array, labels: Labels): number {
  const K = logits.length / labels.length;
  let right = 0;
  for (let i = 0; i < labels.length; i++) {
    const row = logits.subarray(i * K, (i + 1) * K);
    let best = 0;
    for (let k = 1; k < K; k++) if (row[k]! > row[best]!) best = k;
    if (best === labels[i]) right++;
  }
  return right / labels.length;
}

/** Mean probability of the likeliest class. `logits` (n, K). */
export function confidenceOf(logits: Float32Array, K: number): number {
  const count = logits.length / K;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const row = logits.subarray(i * K, (i + 1) * K);
    const largest = row.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    sum += 1 / row.reduce((total, value) => total + Math.exp(value - largest), 0);
  }
  return sum / count;
}
