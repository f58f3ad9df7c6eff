import { embeddingBackward, embeddingForward } from '../kernels/embedding.ts';
import { LAYER_NORM_EPSILON, layerNormBackward, layerNormForward } from '../kernels/layer-norm.ts';
import { matrixSize } from './shape.ts';
import type { Tape, Value } from './tape.ts';

/**
 * Layer normalization over the last dimension, with a weight and a bias: (inp − mean) / √(variance + epsilon) · weight + bias.
 * `inp` (R, C) -> (R, C) f32. Parameters `weight` (C), which begins at 1, and `bias` (C), at 0. Ba et al. 2016.
 */
export function layerNorm(
  tape: Tape,
  inp: Value,
  { name, epsilon = LAYER_NORM_EPSILON }: { name: string; epsilon?: number },
): Value {
  const [R, C] = matrixSize('layerNorm', name, inp, '(R, C)');
  const { weight, bias } = tape.module({
    name,
    parameters: { weight: { shape: [C], init: { constant: 1 } }, bias: { shape: [C], init: { constant: 0 } } },
  });
  const out = tape.tensor(`${name} output`, [R, C]);
  const [mean, rstd] = [tape.tensor(`${name} mean`, [R]), tape.tensor(`${name} rstd`, [R])];
  const read = { inp: inp.tensor, weight: weight!.tensor, mean, rstd };
  return tape.record({
    label: name,
    inputs: [inp, weight!, bias!],
    output: out,
    fuses: { mask: true, accumulate: true },
    forward: (pool) => [
      layerNormForward(pool, { ...read, bias: bias!.tensor, out }, { label: `${name} forward`, epsilon }),
    ],
    backward: (pool, dout, [dinp, dweight, dbias]) => {
      const gradients = { dweight: dweight!.tensor, dbias: dbias!.tensor, dinp: dinp?.tensor, mask: dinp?.mask };
      return layerNormBackward(
        pool,
        { ...read, dout: dout!, ...gradients },
        {
          label: `${name} backward`,
          accumulate: dinp?.accumulate ?? false,
          accumulateWeight: dweight!.accumulate,
          accumulateBias: dbias!.accumulate,
        },
      );
    },
  });
}

/**
 * Rows of a table by their numbers, as nn.Embedding: out[n] = weight[indices[n]]. `indices` (N) u32, each below `count`, for
 * example labels -> (N, width) f32. Parameter `weight` (count, width), which begins as N(0, 1).
 */
export function embedding(
  tape: Tape,
  indices: Value,
  { name, count, width }: { name: string; count: number; width: number },
): Value {
  const [N] = indices.tensor.shape as [number];
  const { weight } = tape.module({
    name,
    // Nothing says that a word should be small.
    parameters: { weight: { shape: [count, width], init: { normal: 1 }, decay: false } },
  });
  const out = tape.tensor(`${name} output`, [N, width]);
  return tape.record({
    label: name,
    inputs: [weight!],
    output: out,
    fuses: { accumulate: true },
    forward: (pool) => {
      const tensors = { indices: indices.tensor, weight: weight!.tensor, out };
      return [embeddingForward(pool, tensors, { label: `${name} forward` })];
    },
    backward: (pool, dout, [dweight]) => {
      const { tensor, accumulate } = dweight!;
      const tensors = { dout: dout!, indices: indices.tensor, dweight: tensor };
      return [embeddingBackward(pool, tensors, { label: `${name} backward`, accumulate })];
    },
  });
}
