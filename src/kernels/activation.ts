import type { Dispatch } from '../gpu/kernel.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { elementwise, expectSameShape, type SinkOptions, sink } from './elementwise.ts';

/** The files of each function. A new one is a file with `forward` and `backward`, and a line here. */
const FILES = {
  relu: ['relu.wgsl'],
  leaky_relu: ['leaky_relu.wgsl'],
  sigmoid: ['logistic.wgsl', 'sigmoid.wgsl'],
  tanh: ['tanh.wgsl'],
  silu: ['logistic.wgsl', 'silu.wgsl'],
  gelu: ['gelu.wgsl'],
  gelu_tanh: ['logistic.wgsl', 'gelu_tanh.wgsl'],
} as const;

/**
 * - `relu`: x where x > 0, else 0
 * - `leaky_relu`: x where x > 0, else `negativeSlope` x
 * - `sigmoid`: s(x) = 1 / (1 + e^−x)
 * - `tanh`
 * - `silu`: x s(x), also called swish
 * - `gelu`: x Φ(x) with Φ of N(0, 1), PyTorch's default form; Φ within 7.5e-8 before rounding
 * - `gelu_tanh`: its approximation with tanh, PyTorch's approximate='tanh'
 */
export type ActivationFunction = keyof typeof FILES;

/** All of them. */
export const ACTIVATION_FUNCTIONS = Object.keys(FILES) as ActivationFunction[];

interface Options {
  /** Of `leaky_relu`; 0.01, PyTorch's default, if left out. */
  negativeSlope?: number;
}

function constantsOf(activation: ActivationFunction, { negativeSlope = 0.01 }: Options): Record<string, number> {
  return activation === 'leaky_relu' ? { NEGATIVE_SLOPE: negativeSlope } : {};
}

/**
 * out = f(inp), elementwise.
 * `inp` and `out` of any shape, the same, f32. Overwrites `out`, which may not be `inp`. NaN passes through.
 * @throws RangeError if a shape does not fit
 */
export function activationForward(
  pool: BufferPool,
  tensors: { inp: Tensor; out: Tensor },
  activation: ActivationFunction,
  options: Options & { label?: string } = {},
): Dispatch {
  const { inp, out } = tensors;
  expectSameShape('activationForward', { inp, out });
  return elementwise(
    pool,
    options.label ?? activation,
    out.shape,
    [...FILES[activation], 'activation.wgsl'],
    { inp, out },
    { constants: constantsOf(activation, options) },
  );
}

/**
 * dinp = dout f′(inp), elementwise; with `mask`, the output of a ReLU that `inp` is, 0 where it is not positive.
 * `dout`, `inp`, `dinp`, `mask` of any shape, the same, f32. Overwrites `dinp`, or adds to it with `accumulate`.
 * @throws RangeError if a shape does not fit
 */
export function activationBackward(
  pool: BufferPool,
  tensors: { dout: Tensor; inp: Tensor; dinp: Tensor; mask?: Tensor | undefined },
  activation: ActivationFunction,
  options: Options & SinkOptions = {},
): Dispatch {
  const { dout, inp, dinp } = tensors;
  expectSameShape('activationBackward', { dout, inp, dinp });
  const into = sink('activationBackward', tensors, inp, options);
  return elementwise(
    pool,
    options.label ?? `${activation} backward`,
    dinp.shape,
    [...FILES[activation], 'activation_backward.wgsl', 'sink.wgsl'],
    { dout, inp, ...into.tensors },
    { params: into.params, constants: constantsOf(activation, options) },
  );
}
