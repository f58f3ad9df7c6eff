import type { Command } from '../gpu/schedule.ts';
import { type BufferPool, type Tensor, view } from '../gpu/tensor.ts';
import { type Activation, denseForward } from '../kernels/dense.ts';
import type { VariantChoice } from '../kernels/gemm.ts';
import type { Layer, ParameterTable } from './parameters.ts';

/** A dense layer's parameters, or their gradients, as views of a flat buffer. */
export interface LayerTensors {
  layer: Layer;
  weight: Tensor;
  bias: Tensor;
}

/** The model's layers over a flat buffer: over the parameters for the forward pass, over the gradients for the backward. */
export interface Network {
  encoder: LayerTensors[];
  /** μ and log σ² as one layer with 2 L outputs. */
  heads: LayerTensors;
  decoder: LayerTensors[];
}

/** @param flat (table.length) f32 */
export function networkOver(table: ParameterTable, flat: Tensor): Network {
  const tensors = (layer: Layer): LayerTensors => ({
    layer,
    weight: view(flat, `${layer.name}.weight`, [layer.outputs, layer.inputs], layer.weightOffset),
    bias: view(flat, `${layer.name}.bias`, [layer.outputs], layer.biasOffset),
  });
  return { encoder: table.encoder.map(tensors), heads: tensors(table.heads), decoder: table.decoder.map(tensors) };
}

/** What a stack of layers computes: its commands in order, and every layer's output. */
export interface Forward {
  commands: Command[];
  outputs: Tensor[];
}

/**
 * Dense layers one after the other on `inp` (B, C): ReLU after each but the last, whose activation is given.
 * Makes the output tensors (B, outputs) in `pool`.
 */
export function stackForward(
  pool: BufferPool,
  layers: LayerTensors[],
  inp: Tensor,
  last: Activation,
  variants?: VariantChoice,
): Forward {
  const commands: Command[] = [];
  const outputs: Tensor[] = [];
  for (const [index, { layer, weight, bias }] of layers.entries()) {
    const out = pool.tensor(`${layer.name} output`, [inp.shape[0]!, layer.outputs]);
    const activation = index === layers.length - 1 ? last : 'relu';
    const tensors = { inp: outputs.at(-1) ?? inp, weight, bias, out };
    commands.push(...denseForward(pool, tensors, { label: `${layer.name} forward`, activation, variants }));
    outputs.push(out);
  }
  return { commands, outputs };
}
