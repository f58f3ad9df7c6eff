import { createDispatch, type Dispatch } from '../gpu/kernel.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { chosenVariant, gemmKernel, gemmTiling, isBackwardSplit, type VariantChoice } from './gemm.ts';
import { expectShape } from './shape.ts';

// B rows of the batch, C columns of the input, OC columns of the output. Weights are (OC, C), as in torch.nn.Linear.

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
): Dispatch {
  const { inp, weight, bias, out } = tensors;
  const [B, C, OC] = [inp.shape[0]!, inp.shape[1]!, out.shape[1]!];
  expectShape('denseForward', 'out', out, { B, OC });
  expectShape('denseForward', 'weight', weight, { OC, C }, TRANSPOSED);
  expectShape('denseForward', 'bias', bias, { OC });
  const variant = chosenVariant(pool.device, variants, { operation: 'forward', B, C, OC });
  const { rows, columns } = gemmTiling(pool.device, variant);
  const kernel = gemmKernel(pool.device, variant, C % 4 === 0, ['dense_forward.wgsl', 'dense_bias.wgsl']);
  const params = { B, C, OC, activation: ACTIVATION_CODES[activation], scale: 1 };
  return createDispatch(pool, label, kernel, tensors, params, [Math.ceil(B / rows), Math.ceil(OC / columns), 1]);
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
): Dispatch {
  const { inp, weight, bias, x, dlogits, bce } = tensors;
  const [B, C, D] = [inp.shape[0]!, inp.shape[1]!, x.shape[1]!];
  expectShape('denseSigmoidBce', 'x', x, { B, D });
  expectShape('denseSigmoidBce', 'weight', weight, { D, C }, TRANSPOSED);
  expectShape('denseSigmoidBce', 'bias', bias, { D });
  expectShape('denseSigmoidBce', 'dlogits', dlogits, { B, D });
  expectShape('denseSigmoidBce', 'bce', bce, { terms: bceTerms(pool, B, C, D, variants) });
  const variant = chosenVariant(pool.device, variants, { operation: 'loss', B, C, OC: D });
  const { rows, columns } = gemmTiling(pool.device, variant);
  const kernel = gemmKernel(pool.device, variant, C % 4 === 0, ['dense_forward.wgsl', 'dense_bce.wgsl']);
  const params = { B, C, OC: D, activation: 0, scale: 1 / B };
  return createDispatch(pool, label, kernel, tensors, params, [Math.ceil(B / rows), Math.ceil(D / columns), 1]);
}

/** Which gradients of a layer are made: of its parameters, of its input, or of both in one dispatch. */
type Parts = { weight: boolean; input: boolean; relu?: boolean };

/** `dout` (B, OC), `inp` (B, C): both halves are products of `dout` with a matrix of C columns, so they share a tiling. */
function denseBackwardParts(
  pool: BufferPool,
  tensors: { dout: Tensor; inp: Tensor } & Record<string, Tensor>,
  { weight, input, relu = false }: Parts,
  { label = 'dense backward', variants }: Options,
): Dispatch {
  const { dout, inp } = tensors;
  const [B, OC, C] = [dout.shape[0]!, dout.shape[1]!, inp.shape[1]!];
  const operation = weight && input ? 'backward' : weight ? 'backward weight' : 'backward input';
  const variant = chosenVariant(pool.device, variants, { operation, B, C, OC });
  const { rows, columns } = gemmTiling(pool.device, variant);
  const quads = C % 4 === 0 && OC % 4 === 0;
  const kernel = gemmKernel(pool.device, variant, quads, [
    'dense_backward_common.wgsl',
    ...(weight ? ['dense_backward_weight.wgsl'] : []),
    ...(input ? ['dense_backward_input.wgsl'] : []),
    weight && input ? 'dense_backward.wgsl' : `dense_backward_${weight ? 'weight' : 'input'}_only.wgsl`,
  ]);
  const weightTiles = weight ? Math.ceil(OC / rows) : 0;
  const inputTiles = input ? Math.ceil(B / rows) : 0;
  const params = { B, C, OC, weight_tiles: weightTiles, relu: Number(relu) };
  return createDispatch(pool, label, kernel, tensors, params, [weightTiles + inputTiles, Math.ceil(C / columns), 1]);
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
  options: Options = {},
): Dispatch {
  expectWeightShapes('denseBackwardWeight', tensors);
  return denseBackwardParts(pool, tensors, { weight: true, input: false }, options);
}

/**
 * Input gradient: dinp = dout weight, and with `relu`, 0 where inp (then the output of a ReLU) is not positive.
 * `dout` (B, OC), `weight` (OC, C), `inp` and `dinp` (B, C). Overwrites `dinp`.
 * @throws RangeError if a shape does not fit
 */
export function denseBackwardInput(
  pool: BufferPool,
  tensors: { dout: Tensor; weight: Tensor; inp: Tensor; dinp: Tensor },
  { relu = false, ...options }: Options & { relu?: boolean } = {},
): Dispatch {
  expectInputShapes('denseBackwardInput', tensors);
  return denseBackwardParts(pool, tensors, { weight: false, input: true, relu }, options);
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
  { relu = false, split, ...options }: Options & { relu?: boolean; split?: boolean } = {},
): Dispatch[] {
  const { dout, inp, weight, dweight, dbias, dinp } = tensors;
  expectWeightShapes('denseBackward', tensors);
  expectInputShapes('denseBackward', tensors);
  const [B, C, OC] = [dout.shape[0]!, inp.shape[1]!, dout.shape[1]!];
  if (split ?? isBackwardSplit(pool.device, options.variants, { B, C, OC })) {
    const { label = 'dense backward' } = options;
    return [
      denseBackwardWeight(pool, { dout, inp, dweight, dbias }, { ...options, label: `${label}, weight` }),
      denseBackwardInput(pool, { dout, weight, inp, dinp }, { ...options, relu, label: `${label}, input` }),
    ];
  }
  return [denseBackwardParts(pool, tensors, { weight: true, input: true, relu }, options)];
}
