import type { Command } from '../gpu/schedule.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { embeddingBackward, embeddingForward } from '../kernels/embedding.ts';
import {
  expectGroups,
  GROUP_NORM_EPSILON,
  type GroupNormActivation,
  groupNormBackward,
  groupNormForward,
} from '../kernels/group-norm.ts';
import { LAYER_NORM_EPSILON, layerNormBackward, layerNormForward } from '../kernels/layer-norm.ts';
import { imageSize, matrixSize } from './shape.ts';
import type { Tape, Value } from './tape.ts';

/** Where a normalization's backward pass puts gradients, and what it is given. */
interface NormGradients {
  tensors: { dout: Tensor; dweight: Tensor; dbias: Tensor; dinp: Tensor | undefined; mask: Tensor | undefined };
  options: { label: string; accumulate: boolean; accumulateWeight: boolean; accumulateBias: boolean };
}

/** What normalizations have in common: `weight` (C), which begins at 1, `bias` (C), at 0, and an output of the input's shape. */
function recordNorm(
  tape: Tape,
  inp: Value,
  name: string,
  commands: (tensors: { inp: Tensor; weight: Tensor; bias: Tensor; out: Tensor }) => {
    forward(pool: BufferPool, label: string): Command[];
    backward(pool: BufferPool, gradients: NormGradients): Command[];
  },
): Value {
  const C = inp.tensor.shape.at(-1)!;
  const { weight, bias } = tape.module({
    name,
    parameters: { weight: { shape: [C], init: { constant: 1 } }, bias: { shape: [C], init: { constant: 0 } } },
  });
  const out = tape.tensor(`${name} output`, inp.tensor.shape);
  const { forward, backward } = commands({ inp: inp.tensor, weight: weight!.tensor, bias: bias!.tensor, out });
  return tape.record({
    label: name,
    inputs: [inp, weight!, bias!],
    output: out,
    fuses: { mask: true, accumulate: true },
    forward: (pool) => forward(pool, `${name} forward`),
    backward: (pool, dout, [dinp, dweight, dbias]) => {
      const parameters = { dweight: dweight!.tensor, dbias: dbias!.tensor };
      return backward(pool, {
        tensors: { dout: dout!, ...parameters, dinp: dinp?.tensor, mask: dinp?.mask },
        options: {
          label: `${name} backward`,
          accumulate: dinp?.accumulate ?? false,
          accumulateWeight: dweight!.accumulate,
          accumulateBias: dbias!.accumulate,
        },
      });
    },
  });
}

/**
 * Layer normalization over the last dimension, with a weight and a bias: (inp − mean) / √(variance + epsilon) · weight + bias.
 * `inp` (R, C) -> (R, C) f32. Parameters `weight` (C), which begins at 1, and `bias` (C), at 0. Ba et al. 2016.
 */
export function layerNorm(
  tape: Tape,
  inp: Value,
  { name, epsilon = LAYER_NORM_EPSILON }: { name: string; epsilon?: number },
): Value {
  const [R] = matrixSize('layerNorm', name, inp, '(R, C)');
  const moments = { mean: tape.tensor(`${name} mean`, [R]), rstd: tape.tensor(`${name} rstd`, [R]) };
  return recordNorm(tape, inp, name, ({ bias, out, ...read }) => ({
    forward: (pool, label) => [layerNormForward(pool, { ...read, bias, out, ...moments }, { label, epsilon })],
    backward: (pool, { tensors, options }) => layerNormBackward(pool, { ...read, ...moments, ...tensors }, options),
  }));
}

/**
 * Group normalization of images, over the pixels and the channels of each of `groups` groups: (inp − mean) / √(variance + epsilon) · weight
 * + bias, and in the same kernel SiLU of that with `activation: 'silu'`. `inp` (B, H, W, C) -> the same f32.
 * Parameters `weight` (C), which begins at 1, and `bias` (C), at 0. Wu & He 2018, nn.GroupNorm.
 * @param options.groups a divisor of C
 */
export function groupNorm(
  tape: Tape,
  inp: Value,
  options: { name: string; groups: number; activation?: GroupNormActivation; epsilon?: number },
): Value {
  const { name, groups, activation = 'none', epsilon = GROUP_NORM_EPSILON } = options;
  const [B, , , C] = imageSize(`groupNorm ${name}`, inp);
  expectGroups(`groupNorm ${name}`, C, groups);
  const moments = tape.tensor(`${name} mean and rstd`, [B, groups, 2]);
  const kind = { groups, activation };
  return recordNorm(tape, inp, name, ({ out, ...read }) => ({
    forward: (pool, label) => [groupNormForward(pool, { ...read, out, moments }, { label, ...kind, epsilon })],
    backward: (pool, { tensors, options: fused }) =>
      groupNormBackward(pool, { ...read, moments, ...tensors }, { ...fused, ...kind }),
  }));
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
