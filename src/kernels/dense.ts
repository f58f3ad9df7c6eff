import type { Command } from '../gpu/schedule.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import {
  chosenVariant,
  type DenseProblem,
  type GemmBindings,
  gemmCommands,
  gemmTiles,
  isBackwardSplit,
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
 * `inp` (B, C), `weight` (OC, C), `bias` (OC), `out` (B, OC), all f32. Overwrites `out`. NaN passes through, but not the sigmoid
 * on SwiftShader, whose exp makes a number of it.
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
  return gemmCommands(pool, label, variant, problem, ['dense_forward.wgsl', 'dense_bias.wgsl'], bindings);
}

/** How many partial sums `denseSigmoidBce` writes for B rows, C inputs and D pixels: one per thread of its dispatch. */
export function bceTerms({ device }: BufferPool, B: number, C: number, D: number, variants?: VariantChoice): number {
  const problem = { operation: 'loss', B, C, OC: D } as const;
  const { rows, columns, threads } = gemmTiles(device, chosenVariant(device, variants, problem), problem);
  return rows * columns * threads;
}

/**
 * The last layer with its loss: logits = inp weightᵀ + bias, kept in registers;
 * `dlogits` = termWeight (sigmoid(logits) − x) / B, the gradient of the batch's mean;
 * `bce` = partial sums over all pixels and rows of max(l, 0) − l x + log(1 + e^−|l|), in nats.
 * `inp` (B, C), `weight` (D, C), `bias` (D), `x` (B, D) in [0, 1], `dlogits` (B, D), `bce` (bceTerms). Overwrites both.
 * @throws RangeError if a shape does not fit
 */
export function denseSigmoidBce(
  pool: BufferPool,
  tensors: { inp: Tensor; weight: Tensor; bias: Tensor; x: Tensor; dlogits: Tensor; bce: Tensor },
  { label = 'dense sigmoid-BCE', termWeight = 1, variants }: Options & { termWeight?: number } = {},
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
    params: { B, C, OC: D, activation: 0, scale: termWeight / B },
  };
  return gemmCommands(pool, label, variant, problem, ['dense_forward.wgsl', 'dense_bce.wgsl'], bindings);
}

function problemOf(operation: DenseProblem['operation'], { dout, inp }: { dout: Tensor; inp: Tensor }): DenseProblem {
  return { operation, B: dout.shape[0]!, C: inp.shape[1]!, OC: dout.shape[1]! };
}

/** Variant, commands and parameters of `denseBackward` or one of its halves. */
function backwardCommands(
  pool: BufferPool,
  label: string,
  problem: DenseProblem,
  files: readonly string[],
  { operands, tensors }: Pick<GemmBindings, 'operands' | 'tensors'>,
  { relu, variants }: { relu: boolean; variants: VariantChoice | undefined },
): Command[] {
  const { B, C, OC } = problem;
  const variant = chosenVariant(pool.device, variants, problem);
  const { weightRows } = gemmTiles(pool.device, variant, problem);
  const params = { B, C, OC, weight_tiles: weightRows, relu: Number(relu) };
  return gemmCommands(pool, label, variant, problem, files, { operands, tensors, params });
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
  const files = ['dense_backward_common.wgsl', 'dense_backward_weight.wgsl', 'dense_backward_weight_only.wgsl'];
  const bindings = { operands: { operand_a: dout, operand_b: inp }, tensors: { dweight, dbias } };
  const options = { relu: false, variants };
  return backwardCommands(pool, label, problemOf('backward weight', tensors), files, bindings, options);
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
  const files = ['dense_backward_common.wgsl', 'dense_backward_input.wgsl', 'dense_backward_input_only.wgsl'];
  const bindings = { operands: { operand_a: dout, operand_b: weight }, tensors: { inp, dinp } };
  const options = { relu, variants };
  return backwardCommands(pool, label, problemOf('backward input', tensors), files, bindings, options);
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
  const problem = problemOf('backward', tensors);
  if (split ?? isBackwardSplit(pool.device, variants, problem)) {
    return [
      ...denseBackwardWeight(pool, { dout, inp, dweight, dbias }, { variants, label: `${label}, weight` }),
      ...denseBackwardInput(pool, { dout, weight, inp, dinp }, { variants, relu, label: `${label}, input` }),
    ];
  }
  const files = [
    'dense_backward_common.wgsl',
    'dense_backward_weight.wgsl',
    'dense_backward_input.wgsl',
    'dense_backward.wgsl',
  ];
  const bindings = {
    operands: { operand_a: dout, operand_b: inp },
    tensors: { inp, weight, dweight, dbias, dinp },
  };
  return backwardCommands(pool, label, problem, files, bindings, { relu, variants });
}
