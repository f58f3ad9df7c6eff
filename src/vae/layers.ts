/** What a trained VAE computes, layer by layer: for whoever runs it without this program. The only place that walks a model. */
import type { NamedTensor } from '../nn/parameters.ts';
import { ConfigError } from './config.ts';
import type { VaeFile } from './model-file.ts';

/** activation(x weightᵀ + bias). */
export interface DenseLayer {
  /** As in the files: `decoder.0`. */
  name: string;
  inputs: number;
  outputs: number;
  /** (outputs, inputs) f32. */
  weight: Float32Array;
  /** (outputs) f32. */
  bias: Float32Array;
  activation: 'none' | 'relu' | 'tanh' | 'sigmoid';
}

/** A VAE as stacks of layers. */
export interface VaeLayers {
  /** x (B, D) in [0, 1] -> the hidden layer that both heads take. */
  encoder: DenseLayer[];
  /** -> μ and log σ² (B, L). */
  mu: DenseLayer;
  logvar: DenseLayer;
  /** z (B, L) -> pixels (B, D) in [0, 1]. */
  decoder: DenseLayer[];
}

/** Parameters that no layer has: the Gaussian likelihood's learned σ, which decoding does without. */
const ASIDE = /sigma/i;

/** @throws ConfigError for a model that is not of dense layers alone, or whose weights are not what its settings say */
export function layersOfVae({ config, images, parameters }: VaeFile): VaeLayers {
  if (config.arch !== 'dense') {
    throw new ConfigError(
      `export: the model's arch is ${config.arch}, expected dense: only models of dense layers can be exported; --safetensors takes any`,
    );
  }
  const byName = new Map(parameters.map((tensor) => [tensor.name, tensor]));
  const take = (name: string, shape: number[]): NamedTensor => {
    const tensor = byName.get(name);
    if (tensor?.shape.join() !== shape.join()) {
      const got = tensor ? `it is (${tensor.shape.join(', ')})` : 'there is none';
      throw new ConfigError(
        `export: expected ${name} with the shape (${shape.join(', ')}), ${got}: only models of dense layers can be exported`,
      );
    }
    byName.delete(name);
    return tensor;
  };
  const dense = (name: string, inputs: number, outputs: number, activation: DenseLayer['activation']): DenseLayer => ({
    name,
    inputs,
    outputs,
    weight: take(`${name}.weight`, [outputs, inputs]).data,
    bias: take(`${name}.bias`, [outputs]).data,
    activation,
  });
  const pixels = images.rows * images.columns * images.channels;
  const { hidden, latent, activation } = config;
  const stack = (prefix: string, widths: readonly number[]): DenseLayer[] =>
    widths.slice(1).map((width, i) => dense(`${prefix}.${2 * i}`, widths[i]!, width, activation));
  const encoder = stack('encoder', [pixels, ...hidden]);
  const last = hidden.at(-1) ?? pixels;
  const mu = dense('mu', last, latent, 'none');
  const logvar = dense('logvar', last, latent, 'none');
  const back = [latent, ...hidden.toReversed()];
  const decoder = [...stack('decoder', back), dense(`decoder.${2 * hidden.length}`, back.at(-1)!, pixels, 'sigmoid')];
  const left = [...byName.keys()].find((name) => !ASIDE.test(name));
  if (left !== undefined) {
    throw new ConfigError(
      `export: the model has ${left}, which no dense layer has: only models of dense layers can be exported`,
    );
  }
  return { encoder, mu, logvar, decoder };
}
