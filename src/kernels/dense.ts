import type { Dispatch } from '../gpu/kernel.ts';
import { type BufferPool, elementCount, type Tensor } from '../gpu/tensor.ts';
import { type GemmFamily, gemm, gemmThreads } from './gemm.ts';
import { expectShape } from './shape.ts';

// B rows of the batch, C columns of the input, OC columns of the output. Weights are (OC, C), as in torch.nn.Linear.

export type Activation = 'none' | 'relu' | 'sigmoid';

const ACTIVATION_CODES: Record<Activation, number> = { none: 0, relu: 1, sigmoid: 2 };

interface Options {
  label?: string;
  family?: GemmFamily | undefined;
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
  options: Options & { activation?: Activation } = {},
): Dispatch {
  const { inp, weight, bias, out } = tensors;
  const [B, C, OC] = [inp.shape[0]!, inp.shape[1]!, out.shape[1]!];
  expectShape('denseForward', 'out', out, { B, OC });
  expectShape('denseForward', 'weight', weight, { OC, C }, TRANSPOSED);
  expectShape('denseForward', 'bias', bias, { OC });
  return gemm(pool, {
    label: options.label ?? 'dense forward',
    layout: 'NT',
    M: B,
    N: OC,
    K: C,
    a: inp,
    b: weight,
    epilogue: 'bias',
    tensors: { bias, out },
    activation: ACTIVATION_CODES[options.activation ?? 'none'],
    family: options.family,
  });
}

/** How many partial sums `denseSigmoidBce` writes for `rows` rows, `pixels` columns and `inputs` inputs. */
export function bceTerms(pool: BufferPool, rows: number, inputs: number, pixels: number, family?: GemmFamily): number {
  return gemmThreads(pool.device, { M: rows, N: pixels, K: inputs }, family);
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
  options: Options = {},
): Dispatch {
  const { inp, weight, bias, x, dlogits, bce } = tensors;
  const [B, C, D] = [inp.shape[0]!, inp.shape[1]!, x.shape[1]!];
  expectShape('denseSigmoidBce', 'x', x, { B, D });
  expectShape('denseSigmoidBce', 'weight', weight, { D, C }, TRANSPOSED);
  expectShape('denseSigmoidBce', 'bias', bias, { D });
  expectShape('denseSigmoidBce', 'dlogits', dlogits, { B, D });
  expectShape('denseSigmoidBce', 'bce', bce, { terms: bceTerms(pool, B, C, D, options.family) });
  return gemm(pool, {
    label: options.label ?? 'dense sigmoid-BCE',
    layout: 'NT',
    M: B,
    N: D,
    K: C,
    a: inp,
    b: weight,
    epilogue: 'bce',
    tensors: { bias, x, dlogits, bce },
    scale: 1 / B,
    family: options.family,
  });
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
  const { dout, inp, dweight, dbias } = tensors;
  const [B, OC, C] = [dout.shape[0]!, dout.shape[1]!, inp.shape[1]!];
  expectShape('denseBackwardWeight', 'inp', inp, { B, C });
  expectShape('denseBackwardWeight', 'dweight', dweight, { OC, C }, TRANSPOSED);
  expectShape('denseBackwardWeight', 'dbias', dbias, { OC });
  return gemm(pool, {
    label: options.label ?? 'dense backward weight',
    layout: 'TN',
    M: OC,
    N: C,
    K: B,
    a: dout,
    b: inp,
    epilogue: 'gradient',
    tensors: { dweight, dbias },
    family: options.family,
  });
}

/**
 * Input gradient: dinp = dout weight, and where `inp` is given, 0 where inp (the output of a ReLU) is not positive.
 * `dout` (B, OC), `weight` (OC, C), `inp` and `dinp` (B, C). Overwrites `dinp`.
 * @throws RangeError if a shape does not fit
 */
export function denseBackwardInput(
  pool: BufferPool,
  tensors: { dout: Tensor; weight: Tensor; inp?: Tensor; dinp: Tensor },
  options: Options = {},
): Dispatch {
  const { dout, weight, inp, dinp } = tensors;
  const [B, OC, C] = [dout.shape[0]!, dout.shape[1]!, dinp.shape[1]!];
  expectShape('denseBackwardInput', 'dinp', dinp, { B, C });
  expectShape('denseBackwardInput', 'weight', weight, { OC, C }, TRANSPOSED);
  if (inp) expectShape('denseBackwardInput', 'inp', inp, { B, C });
  return gemm(pool, {
    label: options.label ?? 'dense backward input',
    layout: 'NN',
    M: B,
    N: C,
    K: OC,
    a: dout,
    b: weight,
    epilogue: inp ? 'relu_mask' : 'store',
    tensors: inp ? { inp, dinp } : { out: dinp },
    family: options.family,
  });
}

/** Floating-point operations of a dense layer's product, counting a multiply-add as two. */
export function denseFlops(weight: Tensor, rows: number): number {
  return 2 * rows * elementCount(weight.shape);
}
