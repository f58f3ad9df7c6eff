/** What a trained VAE computes, layer by layer: for whoever runs it without this program. The only place that walks a model. */
import type { NamedTensor } from '../nn/parameters.ts';
import { ConfigError } from './config.ts';
import type { VaeFile } from './model-file.ts';

type Activation = 'none' | 'relu' | 'tanh' | 'sigmoid';

/** activation(x weightᵀ + bias). */
export interface DenseLayer {
  kind: 'dense';
  /** As in the files: `decoder.0`. */
  name: string;
  inputs: number;
  outputs: number;
  /** (outputs, inputs) f32. */
  weight: Float32Array;
  /** (outputs) f32. */
  bias: Float32Array;
  activation: Activation;
}

/** A convolution of (B, channels, rows, columns), or a transposed one, with a kernel of 3 x 3 and padding 1, as nn.Conv2d has it. */
export interface ConvLayer {
  kind: 'conv' | 'convTranspose';
  name: string;
  /** (outputs, inputs, 3, 3) f32, of a transposed one (inputs, outputs, 3, 3). */
  weight: Float32Array;
  shape: number[];
  /** (outputs) f32. */
  bias: Float32Array;
  stride: number;
  /** Rows and columns that a transposed one adds at the end. */
  outputPadding: [number, number];
  activation: Activation;
}

/**
 * Another shape of the same numbers: `planes` from pixels (B, D), channels last, to (B, channels, rows, columns), `pixels` back;
 * `flatten` from (B, channels, rows, columns) to (B, n), `unflatten` back, both channels first.
 */
export interface ShapeLayer {
  kind: 'planes' | 'pixels' | 'flatten' | 'unflatten';
  name: string;
  rows: number;
  columns: number;
  channels: number;
}

export type VaeLayer = DenseLayer | ConvLayer | ShapeLayer;

/** A VAE as stacks of layers. */
export interface VaeLayers {
  /** x (B, D) in [0, 1] -> the hidden layer that both heads take. */
  encoder: VaeLayer[];
  /** -> μ and log σ² (B, L). */
  mu: DenseLayer;
  logvar: DenseLayer;
  /** z (B, L) -> pixels (B, D) in [0, 1]. */
  decoder: VaeLayer[];
}

/** Parameters that no layer has: the Gaussian likelihood's learned σ, which decoding does without. */
const ASIDE = /sigma/i;

/** @throws ConfigError for a model whose weights are not what its settings say */
export function layersOfVae({ config, images, parameters }: VaeFile): VaeLayers {
  const byName = new Map(parameters.map((tensor) => [tensor.name, tensor]));
  const take = (name: string, shape: number[]): NamedTensor => {
    const tensor = byName.get(name);
    if (tensor?.shape.join() !== shape.join()) {
      const got = tensor ? `it is (${tensor.shape.join(', ')})` : 'there is none';
      throw new ConfigError(`export: expected ${name} with the shape (${shape.join(', ')}), ${got}: use a whole model`);
    }
    byName.delete(name);
    return tensor;
  };
  const dense = (name: string, inputs: number, outputs: number, activation: DenseLayer['activation']): DenseLayer => ({
    kind: 'dense',
    name,
    inputs,
    outputs,
    weight: take(`${name}.weight`, [outputs, inputs]).data,
    bias: take(`${name}.bias`, [outputs]).data,
    activation,
  });
  const pixels = images.rows * images.columns * images.channels;
  const { latent, activation } = config;
  const parts = config.arch === 'conv' ? convolutions() : stacks();
  const left = [...byName.keys()].find((name) => !ASIDE.test(name));
  if (left !== undefined) {
    throw new ConfigError(`export: the model has ${left}, which none of its layers has: use a whole model`);
  }
  return parts;

  function stacks(): VaeLayers {
    const { hidden } = config;
    const stack = (prefix: string, widths: readonly number[]): DenseLayer[] =>
      widths.slice(1).map((width, i) => dense(`${prefix}.${2 * i}`, widths[i]!, width, activation));
    const encoder = stack('encoder', [pixels, ...hidden]);
    const last = hidden.at(-1) ?? pixels;
    const mu = dense('mu', last, latent, 'none');
    const logvar = dense('logvar', last, latent, 'none');
    const back = [latent, ...hidden.toReversed()];
    const decoder = [...stack('decoder', back), dense(`decoder.${2 * hidden.length}`, back.at(-1)!, pixels, 'sigmoid')];
    return { encoder, mu, logvar, decoder };
  }

  /** As src/vae/conv.ts records it. */
  function convolutions(): VaeLayers {
    const { channels: widths, dense: width } = config;
    const conv = (
      kind: ConvLayer['kind'],
      name: string,
      sizes: [number, number],
      rest: Partial<ConvLayer>,
    ): ConvLayer => {
      const shape = [...sizes, 3, 3];
      const outputs = sizes[kind === 'conv' ? 0 : 1];
      return {
        kind,
        name,
        weight: take(`${name}.weight`, shape).data,
        shape,
        bias: take(`${name}.bias`, [outputs]).data,
        stride: 2,
        outputPadding: [0, 0],
        activation,
        ...rest,
      };
    };
    const sizes = [{ ...images }];
    for (const channels of widths) {
      const { rows, columns } = sizes.at(-1)!;
      sizes.push({ ...images, rows: Math.ceil(rows / 2), columns: Math.ceil(columns / 2), channels });
    }
    const { rows, columns, channels } = sizes.at(-1)!;
    const inner = { rows, columns, channels };
    const flat = rows * columns * channels;
    const outer = { rows: images.rows, columns: images.columns, channels: images.channels };
    const encoder: VaeLayer[] = [{ kind: 'planes', name: 'encoder.planes', ...outer }];
    for (const [i, outputs] of widths.entries()) {
      encoder.push(conv('conv', `encoder.${2 * i}`, [outputs, sizes[i]!.channels], {}));
    }
    encoder.push({ kind: 'flatten', name: 'encoder.flatten', ...inner });
    encoder.push(dense(`encoder.${2 * widths.length + 1}`, flat, width, activation));
    const mu = dense('mu', width, latent, 'none');
    const logvar = dense('logvar', width, latent, 'none');
    const decoder: VaeLayer[] = [
      dense('decoder.0', latent, width, activation),
      dense('decoder.2', width, flat, activation),
      { kind: 'unflatten', name: 'decoder.unflatten', ...inner },
    ];
    let number = 5;
    let inputs = channels;
    for (const [i, outputs] of [...widths.entries()].reverse()) {
      const outputPadding: [number, number] = [1 - (sizes[i]!.rows % 2), 1 - (sizes[i]!.columns % 2)];
      decoder.push(conv('convTranspose', `decoder.${number}`, [inputs, outputs], { outputPadding }));
      inputs = outputs;
      number += 2;
    }
    const last = { stride: 1, activation: 'sigmoid' } as const;
    decoder.push(conv('convTranspose', `decoder.${number}`, [inputs, images.channels], last));
    decoder.push({ kind: 'pixels', name: 'decoder.pixels', ...outer });
    return { encoder, mu, logvar, decoder };
  }
}
