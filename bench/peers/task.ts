// The step that every contender does: 784-512-256-2 at batch 128, BCE + KL, Adam, on the same images in the same order
// from the same initial parameters. The noise is each one's own.
import type { DataSet } from '../../src/data/dataset.ts';
import { flattenParameters, initialParameters } from '../../src/nn/parameters.ts';
import { settle } from '../../src/train/model.ts';
import { vae } from '../../src/vae/model.ts';
import { type Layer, vaeLayers } from '../layers.ts';

export const HIDDEN = [512, 256];
export const LATENT = 2;
export const BATCH = 128;
export const LEARNING_RATE = 1e-3;
/** Adam's other constants, which all contenders have as defaults. */
export const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
/** The training set's first images, used over and over: so many batches. */
export const BATCHES = 20;
export const IMAGES = BATCH * BATCHES;
/** A contender looks at its loss after so many steps: a read makes a GPU wait. */
export const READ_EVERY = 10;

/** Images in [0, 1]: BATCHES times (BATCH, D) f32. */
export function imageBatches({ train }: DataSet): Float32Array<ArrayBuffer>[] {
  const length = BATCH * train.rows * train.columns;
  return Array.from({ length: BATCHES }, (_, i) =>
    Float32Array.from(train.images.subarray(i * length, (i + 1) * length), (byte) => byte / 255),
  );
}

/** A dense layer's initial parameters. */
export interface InitialLayer {
  name: string;
  inputs: number;
  outputs: number;
  /** (outputs, inputs) f32. */
  weight: Float32Array;
  /** (inputs, outputs) f32: the same, as libraries have it whose layers compute inp weight. */
  transposedWeight: Float32Array;
  /** (outputs) f32. */
  bias: Float32Array;
}

/** The model's layers from the images to the logits; μ and log σ² are one layer, `heads`, as they are in ours. */
export function initialLayers({ train }: DataSet): {
  encoder: InitialLayer[];
  heads: InitialLayer;
  decoder: InitialLayer[];
} {
  const config = { hidden: HIDDEN, latent: LATENT };
  const imageSize = train.rows * train.columns;
  const { table } = settle(vae, config, { rows: 1, columns: imageSize, channels: 1, classes: 0 });
  const flat = flattenParameters(table, initialParameters(table, 0));
  const initial = ({ name, inputs, outputs, weightOffset, biasOffset }: Layer): InitialLayer => {
    const weight = flat.slice(weightOffset, weightOffset + outputs * inputs);
    const bias = flat.slice(biasOffset, biasOffset + outputs);
    const transposedWeight = weight.map((_, i) => weight[(i % outputs) * inputs + Math.floor(i / outputs)]!);
    return { name, inputs, outputs, weight, transposedWeight, bias };
  };
  const layers = vaeLayers(config, imageSize).map(initial);
  const heads = layers.findIndex(({ name }) => name === 'mu+logvar');
  return { encoder: layers.slice(0, heads), heads: layers[heads]!, decoder: layers.slice(heads + 1) };
}
