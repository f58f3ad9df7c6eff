import type { Command } from '../gpu/schedule.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import {
  type ConvActivation,
  conv2dBackwardInput,
  conv2dBackwardWeight,
  conv2dForward,
  convTranspose2dBackwardInput,
  convTranspose2dBackwardWeight,
  convTranspose2dForward,
} from '../kernels/conv.ts';
import { type ConvSizes, convSize } from '../kernels/conv-sizes.ts';
import type { GemmVariant } from '../kernels/gemm.ts';
import { type Check, type Expected, runKernels, testValues } from './check.ts';
import { activationForward } from './reference/activation.ts';
import * as reference from './reference/conv.ts';
import { relu } from './reference/dense.ts';

/** B, H, W, C, OC, KH, KW, stride, padding of awkward shapes and of those divisible by four. */
const SHAPES = [
  [1, 1, 1, 1, 1, 1, 1, 1, 0],
  [2, 1, 1, 3, 4, 3, 3, 2, 1],
  [3, 3, 5, 1, 3, 2, 2, 2, 0],
  [2, 3, 5, 4, 4, 1, 1, 2, 0],
  [2, 7, 7, 17, 3, 3, 3, 1, 1],
  [1, 7, 7, 3, 17, 4, 4, 2, 1],
  [2, 7, 7, 32, 64, 3, 3, 2, 1],
  [1, 7, 7, 64, 32, 3, 3, 1, 1],
  [2, 5, 6, 4, 12, 2, 5, 1, 2],
  [2, 9, 8, 12, 4, 5, 4, 2, 2],
  [3, 28, 28, 1, 32, 3, 3, 2, 1],
  [1, 28, 28, 32, 1, 3, 3, 1, 1],
  [1, 29, 31, 4, 8, 5, 5, 2, 2],
  [1, 29, 31, 3, 1, 4, 4, 2, 1],
] as const;

/** The others have the same cores: none cuts the k of a convolution up. */
const VARIANTS: readonly GemmVariant[] = ['tile_32x32', 'subgroup', 'subgroup_texture'];

/** What the two have in common: which is the side that goes in. */
interface Layer {
  operation: 'conv2d' | 'convTranspose2d';
  forward: typeof conv2dForward;
  backwardInput: typeof conv2dBackwardInput;
  backwardWeight: typeof conv2dBackwardWeight;
  isTransposed: boolean;
}

const LAYERS: readonly Layer[] = [
  {
    operation: 'conv2d',
    forward: conv2dForward,
    backwardInput: conv2dBackwardInput,
    backwardWeight: conv2dBackwardWeight,
    isTransposed: false,
  },
  {
    operation: 'convTranspose2d',
    forward: convTranspose2dForward,
    backwardInput: convTranspose2dBackwardInput,
    backwardWeight: convTranspose2dBackwardWeight,
    isTransposed: true,
  },
];

const ACTIVATIONS: [ConvActivation, (out: Expected) => Expected][] = [
  ['none', (out) => out],
  ['relu', relu],
  ['silu', silu],
];

/** Its slope is at most 1.1. */
function silu({ values, tolerance }: Expected): Expected {
  const out = activationForward('silu', values);
  return { values: out.values, tolerance: out.tolerance.map((own, i) => own + 1.1 * tolerance[i]!) };
}

function masked({ values, tolerance }: Expected, mask: Float32Array): Expected {
  const kept = (numbers: Float64Array) => numbers.map((value, i) => (mask[i]! > 0 ? value : 0));
  return { values: kept(values), tolerance: kept(tolerance) };
}

function buildCheck(pool: BufferPool, layer: Layer, sizes: ConvSizes, variants: GemmVariant) {
  const { B, H, W, C, HO, WO, OC, KH, KW, stride, padding } = sizes;
  const { isTransposed } = layer;
  const large = [B, H, W, C];
  const small = [B, HO, WO, OC];
  const [inside, outside] = isTransposed ? [small, large] : [large, small];
  const [through, back] = isTransposed ? [reference.spread, reference.gather] : [reference.gather, reference.spread];
  const channels = outside[3]!;
  const filled = (label: string, shape: readonly number[], data: Float32Array): Tensor =>
    pool.tensor(label, shape, { data });
  const length = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
  const numbers = {
    inp: testValues(length(inside), 1),
    weight: testValues(KH * KW * C * OC, 2).map((value) => value / 4),
    bias: testValues(channels, 3),
    dout: testValues(length(outside), 4),
  };
  const inp = filled('inp', inside, numbers.inp);
  const weight = filled('weight', [KH, KW, C, OC], numbers.weight);
  const bias = filled('bias', [channels], numbers.bias);
  const dout = filled('dout', outside, numbers.dout);
  const options = { stride, padding, variants };
  const commands: Command[] = [];
  const outputs: [Tensor, Expected][] = [];

  const sums = through(sizes, numbers.inp, numbers.weight, numbers.bias);
  for (const [activation, apply] of ACTIVATIONS) {
    const out = pool.tensor(`out (${activation})`, outside);
    commands.push(...layer.forward(pool, { inp, weight, bias, out }, { ...options, activation }));
    outputs.push([out, apply(sums)]);
  }
  const dinp = pool.tensor('dinp', inside);
  const dinpMasked = pool.tensor('dinp (ReLU)', inside);
  const gradient = back(sizes, numbers.dout, numbers.weight);
  commands.push(...layer.backwardInput(pool, { dout, weight, dinp }, options));
  commands.push(...layer.backwardInput(pool, { dout, weight, dinp: dinpMasked, mask: inp }, options));
  outputs.push([dinp, gradient], [dinpMasked, masked(gradient, numbers.inp)]);

  const dweight = pool.tensor('dweight', [KH, KW, C, OC]);
  const dbias = pool.tensor('dbias', [channels]);
  commands.push(...layer.backwardWeight(pool, { dout, inp, dweight, dbias }, options));
  const sides = isTransposed ? ([numbers.dout, numbers.inp] as const) : ([numbers.inp, numbers.dout] as const);
  outputs.push(
    [dweight, reference.weightGradient(sizes, ...sides)],
    [dbias, reference.biasGradient(numbers.dout, channels)],
  );
  return { commands, outputs };
}

export function convChecks(): Check[] {
  return LAYERS.flatMap((layer) =>
    VARIANTS.flatMap((variant) =>
      SHAPES.map(([B, H, W, C, OC, KH, KW, stride, padding]): Check => {
        const HO = convSize(H, KH, { stride, padding });
        const WO = convSize(W, KW, { stride, padding });
        const sizes = { B, H, W, C, HO, WO, OC, KH, KW, stride, padding };
        const kernel = `${KH}x${KW} s${stride} p${padding}`;
        const name = `${layer.operation} [${variant}] (B=${B}, ${H}x${W}, C=${C}, OC=${OC}, ${kernel})`;
        return {
          name,
          op: layer.operation,
          variant,
          run: (device) => runKernels(name, device, (pool) => buildCheck(pool, layer, sizes, variant)),
        };
      }),
    ),
  );
}
