import type { Command } from '../gpu/schedule.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import {
  chosenVariant,
  gemmCommands,
  gemmTiling,
  isBackwardSplit,
  isSubgroupVariant,
  type VariantChoice,
} from './gemm.ts';
import { expectShape } from './shape.ts';

// B rows of the batch, C columns of the input, OC columns of the output. Weights are (OC, C), as in torch.nn.Linear.
// Every operation is one dispatch, and before it the copies of its operands that the variant reads, if it reads copies, or the
// dispatch of the parts that it adds, if it splits k.

export type Activation = 'none' | 'relu' | 'sigmoid';

const ACTIVATION_CODES: Record<Activation, number> = { none: 0, relu: 1, sigmoid: 2 };

interface Options {
  label?: string;
  variants?: VariantChoice | undefined;
}

const TRANSPOSED = 'weights are (out, in): transpose it';

/**
 * out = activation(inp weightᵀ + bias).
 * `inp` (B, C), `weight` (OC, C), `bias` (OC), `out` (B, OC), all f32. Overwrites `out`. NaN passes through.
 * @throws RangeError if a shape does not fit
 */
export function denseForward(
  pool: BufferPool,
  tensors: { inp: Tensor; weight: Tensor; bias: Tensor; out: Tensor },
  { label = 'dense forward', activation = 'none', variants }: Options & { activation?: Activation } = {},
): Command[] {
  const { inp, weight, bias, out } = tensors;
  const [B, C, OC] = [inp.shape[0]!, inp.shape[1]!, out.shape[1]!];
  expectShape('denseForward', 'out', out, { B, OC });
  expectShape('denseForward', 'weight', weight, { OC, C }, TRANSPOSED);
  expectShape('denseForward', 'bias', bias, { OC });
  const problem = { operation: 'forward', B, C, OC } as const;
  const variant = chosenVariant(pool.device, variants, problem);
  const bindings = {
    operands: { operand_a: inp, operand_b: weight },
    tensors: { bias, out },
    params: { B, C, OC, activation: ACTIVATION_CODES[activation], scale: 1 },
  };
  const rowTiles = Math.ceil(B / gemmTiling(pool.device, variant).rows);
  const sizes = { problem, quads: C % 4 === 0 && OC % 4 === 0, rowTiles, columns: OC };
  return gemmCommands(pool, label, variant, ['dense_forward.wgsl', 'dense_bias.wgsl'], bindings, sizes);
}

/** How many partial sums `denseSigmoidBce` writes for B rows, C inputs and D pixels: one per thread of its dispatch. */
export function bceTerms({ device }: BufferPool, B: number, C: number, D: number, variants?: VariantChoice): number {
  const variant = chosenVariant(device, variants, { operation: 'loss', B, C, OC: D });
  const { threads, rows, columns } = gemmTiling(device, variant);
  return Math.ceil(B / rows) * Math.ceil(D / columns) * threads;
}

/**
 * The last layer with its loss: logits = inp weightᵀ + bias, kept in registers;
 * `dlogits` = (sigmoid(logits) − x) / B, the gradient of the batch's mean;
 * `bce` = partial sums over all pixels and rows of max(l, 0) − l x + log(1 + e^−|l|), in nats.
 * `inp` (B, C), `weight` (D, C), `bias` (D), `x` (B, D) in [0, 1], `dlogits` (B, D), `bce` (bceTerms). Overwrites both.
 * @throws RangeError if a shape does not fit
 */
export function denseSigmoidBce(
  pool: BufferPool,
  tensors: { inp: Tensor; weight: Tensor; bias: Tensor; x: Tensor; dlogits: Tensor; bce: Tensor },
  { label = 'dense sigmoid-BCE', variants }: Options = {},
): Command[] {
  const { inp, weight, bias, x, dlogits, bce } = tensors;
  const [B, C, D] = [inp.shape[0]!, inp.shape[1]!, x.shape[1]!];
  expectShape('denseSigmoidBce', 'x', x, { B, D });
  expectShape('denseSigmoidBce', 'weight', weight, { D, C }, TRANSPOSED);
  expectShape('denseSigmoidBce', 'bias', bias, { D });
  expectShape('denseSigmoidBce', 'dlogits', dlogits, { B, D });
  expectShape('denseSigmoidBce', 'bce', bce, { terms: bceTerms(pool, B, C, D, variants) });
  const problem = { operation: 'loss', B, C, OC: D } as const;
  const variant = chosenVariant(pool.device, variants, problem);
  const bindings = {
    operands: { operand_a: inp, operand_b: weight },
    tensors: { bias, x, dlogits, bce },
    params: { B, C, OC: D, activation: 0, scale: 1 / B },
  };
  const rowTiles = Math.ceil(B / gemmTiling(pool.device, variant).rows);
  const sizes = { problem, quads: C % 4 === 0 && D % 4 === 0, rowTiles, columns: D };
  return gemmCommands(pool, label, variant, ['dense_forward.wgsl', 'dense_bce.wgsl'], bindings, sizes);
}

/** What `denseBackward` and its halves have in common. */
function backwardProblem(
  { device }: BufferPool,
  { dout, inp }: { dout: Tensor; inp: Tensor },
  operation: 'backward' | 'backward weight' | 'backward input',
  variants: VariantChoice | undefined,
) {
  const [B, OC, C] = [dout.shape[0]!, dout.shape[1]!, inp.shape[1]!];
  const problem = { operation, B, C, OC };
  const variant = chosenVariant(device, variants, problem);
  const { rows } = gemmTiling(device, variant);
  const tiles = { weight: Math.ceil(OC / rows), input: Math.ceil(B / rows) };
  return { problem, variant, tiles, sizes: { B, C, OC }, quads: C % 4 === 0 && OC % 4 === 0 };
}

function expectWeightShapes(
  operation: string,
  tensors: { dout: Tensor; inp: Tensor; dweight: Tensor; dbias: Tensor },
): void {
  const { dout, inp, dweight, dbias } = tensors;
  const [B, OC, C] = [dout.shape[0]!, dout.shape[1]!, inp.shape[1]!];
  expectShape(operation, 'inp', inp, { B, C });
  expectShape(operation, 'dweight', dweight, { OC, C }, TRANSPOSED);
  expectShape(operation, 'dbias', dbias, { OC });
}

function expectInputShapes(
  operation: string,
  tensors: { dout: Tensor; inp: Tensor; weight: Tensor; dinp: Tensor },
): void {
  const { dout, inp, weight, dinp } = tensors;
  const [B, OC, C] = [dout.shape[0]!, dout.shape[1]!, dinp.shape[1]!];
  expectShape(operation, 'dinp', dinp, { B, C });
  expectShape(operation, 'inp', inp, { B, C });
  expectShape(operation, 'weight', weight, { OC, C }, TRANSPOSED);
}

/**
 * Parameter gradients: dweight = doutᵀ inp, dbias = Σ over the batch of dout.
 * `dout` (B, OC), `inp` (B, C), `dweight` (OC, C), `dbias` (OC). Overwrites both, does not accumulate.
 * @throws RangeError if a shape does not fit
 */
export function denseBackwardWeight(
  pool: BufferPool,
  tensors: { dout: Tensor; inp: Tensor; dweight: Tensor; dbias: Tensor },
  { label = 'dense backward, weight', variants }: Options = {},
): Command[] {
  expectWeightShapes('denseBackwardWeight', tensors);
  const { dout, inp, dweight, dbias } = tensors;
  const { problem, variant, tiles, sizes, quads } = backwardProblem(pool, tensors, 'backward weight', variants);
  const operation = ['dense_backward_common.wgsl', 'dense_backward_weight.wgsl', 'dense_backward_weight_only.wgsl'];
  const bindings = {
    operands: { operand_a: dout, operand_b: inp },
    tensors: { dweight, dbias },
    params: { ...sizes, weight_tiles: tiles.weight, relu: 0 },
  };
  return gemmCommands(pool, label, variant, operation, bindings, {
    problem,
    quads,
    rowTiles: tiles.weight,
    columns: sizes.C,
  });
}

/**
 * Input gradient: dinp = dout weight, and with `relu`, 0 where inp (then the output of a ReLU) is not positive.
 * `dout` (B, OC), `weight` (OC, C), `inp` and `dinp` (B, C). Overwrites `dinp`.
 * @throws RangeError if a shape does not fit
 */
export function denseBackwardInput(
  pool: BufferPool,
  tensors: { dout: Tensor; weight: Tensor; inp: Tensor; dinp: Tensor },
  { label = 'dense backward, input', relu = false, variants }: Options & { relu?: boolean } = {},
): Command[] {
  expectInputShapes('denseBackwardInput', tensors);
  const { dout, weight, inp, dinp } = tensors;
  const { problem, variant, tiles, sizes, quads } = backwardProblem(pool, tensors, 'backward input', variants);
  const operation = ['dense_backward_common.wgsl', 'dense_backward_input.wgsl', 'dense_backward_input_only.wgsl'];
  const bindings = {
    operands: { operand_a: dout, operand_b: weight },
    tensors: { inp, dinp },
    params: { ...sizes, weight_tiles: 0, relu: Number(relu) },
  };
  return gemmCommands(pool, label, variant, operation, bindings, {
    problem,
    quads,
    rowTiles: tiles.input,
    columns: sizes.C,
  });
}

/**
 * `denseBackwardWeight` and `denseBackwardInput`, in one dispatch or in two. In one a GPU has more to do at once, and there is
 * one barrier less; in two the kernels are smaller.
 * `dout` (B, OC), `inp` (B, C), `weight` (OC, C), `dweight` (OC, C), `dbias` (OC), `dinp` (B, C). Overwrites the last three.
 *
 * @param options.split two dispatches, whatever `variants` says
 * @throws RangeError if a shape does not fit
 */
export function denseBackward(
  pool: BufferPool,
  tensors: { dout: Tensor; inp: Tensor; weight: Tensor; dweight: Tensor; dbias: Tensor; dinp: Tensor },
  { label = 'dense backward', relu = false, split, variants }: Options & { relu?: boolean; split?: boolean } = {},
): Command[] {
  const { dout, inp, weight, dweight, dbias, dinp } = tensors;
  expectWeightShapes('denseBackward', tensors);
  expectInputShapes('denseBackward', tensors);
  const { problem, variant, tiles, sizes, quads } = backwardProblem(pool, tensors, 'backward', variants);
  if (split ?? isBackwardSplit(pool.device, variants, sizes)) {
    return [
      ...denseBackwardWeight(pool, { dout, inp, dweight, dbias }, { variants, label: `${label}, weight` }),
      ...denseBackwardInput(pool, { dout, weight, inp, dinp }, { variants, relu, label: `${label}, input` }),
    ];
  }
  const operation = [
    'dense_backward_common.wgsl',
    'dense_backward_weight.wgsl',
    'dense_backward_input.wgsl',
    'dense_backward.wgsl',
  ];
  const bindings = {
    operands: { operand_a: dout, operand_b: inp },
    tensors: { inp, weight, dweight, dbias, dinp },
    params: { ...sizes, weight_tiles: tiles.weight, relu: Number(relu) },
  };
  const rowTiles = tiles.weight + tiles.input;
  // Only small layers get this with a subgroup variant, and for those it is not worth the many seconds that LLVM needs for
  // the kernel of both that reads vec4s.
  const readsQuads = quads && !isSubgroupVariant(variant);
  const options = { problem, quads: readsQuads, rowTiles, columns: sizes.C };
  return gemmCommands(pool, label, variant, operation, bindings, options);
}
