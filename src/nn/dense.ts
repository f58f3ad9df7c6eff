import type { Command } from '../gpu/schedule.ts';
import { type BufferPool, elementCount, formatShape, type Tensor } from '../gpu/tensor.ts';
import {
  type Activation,
  bceTerms,
  denseBackward,
  denseBackwardWeight,
  denseForward,
  denseSigmoidBce,
} from '../kernels/dense.ts';
import type { DenseProblem } from '../kernels/gemm.ts';
import { activation } from './elementwise.ts';
import { type FileLayout, fanInUniform, type ModulePart } from './parameters.ts';
import { matrixSize } from './shape.ts';
import { expectConstant, type Sink, type Tape, type Value } from './tape.ts';

/** A dense layer's place in the model. */
export interface DenseOptions {
  /** As in the files: `encoder.0`. */
  name: string;
  /** Default `none`. `sigmoid` has no backward pass here: a loss that takes logits has it. */
  activation?: Activation;
  /** Several layers of one input as one product: their names, and how many outputs each has. */
  parts?: readonly ModulePart[];
  /**
   * Its inputs are images (rows, columns, channels) laid flat: in files the channels come first, as nn.Flatten lays them in PyTorch.
   */
  flattened?: ImageAxes;
  /** The same of its outputs, as nn.Unflatten takes them. */
  unflattened?: ImageAxes;
}

/** Rows, columns, channels. */
export type ImageAxes = readonly [number, number, number];

interface Layer {
  name: string;
  inp: Value;
  weight: Value;
  bias: Value;
  B: number;
  C: number;
  OC: number;
}

const ACTIVATIONS: readonly Activation[] = ['none', 'relu', 'sigmoid'];

/** How files have weight and bias of a layer between images and vectors. */
function filesOf(
  C: number,
  OC: number,
  { flattened, unflattened }: Pick<DenseOptions, 'flattened' | 'unflattened'>,
): { weight: { file?: FileLayout }; bias: { file?: FileLayout } } {
  if (flattened)
    return { weight: { file: { memory: [OC, ...flattened], axes: [0, 3, 1, 2], shape: [OC, C] } }, bias: {} };
  if (!unflattened) return { weight: {}, bias: {} };
  return {
    weight: { file: { memory: [...unflattened, C], axes: [2, 0, 1, 3], shape: [OC, C] } },
    bias: { file: { memory: unflattened, axes: [2, 0, 1], shape: [OC] } },
  };
}

/** nn.Linear's parameters and initialization. */
function layerOn(
  tape: Tape,
  inp: Value,
  OC: number,
  { name, parts, ...images }: Pick<DenseOptions, 'name' | 'parts' | 'flattened' | 'unflattened'>,
): Layer {
  if (!(Number.isInteger(OC) && OC >= 1)) {
    throw new RangeError(`dense: ${name} has ${String(OC)} outputs, expected a whole number from 1`);
  }
  const [B, C] = matrixSize('dense', name, inp, '(B, C)');
  for (const [what, axes, size] of [
    ['flattened', images.flattened, C],
    ['unflattened', images.unflattened, OC],
  ] as const) {
    if (!axes || elementCount(axes) === size) continue;
    throw new RangeError(`dense: ${name} has ${what} ${formatShape(axes)}, expected ${size} numbers together`);
  }
  const init = fanInUniform(C);
  const files = filesOf(C, OC, images);
  const { weight, bias } = tape.module({
    name,
    parameters: { weight: { shape: [OC, C], init, ...files.weight }, bias: { shape: [OC], init, ...files.bias } },
    ...(parts ? { parts } : {}),
  });
  return { name, inp, weight: weight!, bias: bias!, B, C, OC };
}

function problemsOf({ inp, B, C, OC }: Layer, operation: 'forward' | 'loss'): DenseProblem[] {
  return [
    { operation, B, C, OC },
    { operation: inp.needsGradient ? 'backward' : 'backward weight', B, C, OC },
  ];
}

function backwardOf(
  tape: Tape,
  pool: BufferPool,
  { name, inp, weight }: Layer,
  dout: Tensor,
  into: readonly (Sink | undefined)[],
): Command[] {
  const [dinp, dweight, dbias] = into;
  const options = { label: `${name} backward`, variants: tape.variants };
  const gradients = { dweight: dweight!.tensor, dbias: dbias!.tensor };
  if (!dinp) return denseBackwardWeight(pool, { dout, inp: inp.tensor, ...gradients }, options);
  const tensors = { dout, inp: inp.tensor, weight: weight.tensor, ...gradients, dinp: dinp.tensor };
  return denseBackward(pool, tensors, { ...options, relu: dinp.mask !== undefined });
}

/**
 * A dense layer: activation(inp weightᵀ + bias). `inp` (B, C) -> (B, outputs) f32.
 * Parameters `weight` (outputs, C) and `bias` (outputs), initialized as nn.Linear's.
 */
export function dense(tape: Tape, inp: Value, outputs: number, options: DenseOptions): Value {
  const { activation = 'none' } = options;
  if (!ACTIVATIONS.includes(activation)) {
    const got = `dense: ${options.name} has the activation ${String(activation)}`;
    throw new RangeError(`${got}, expected ${ACTIVATIONS.join(', ')}: record another one after it, with activation()`);
  }
  const layer = layerOn(tape, inp, outputs, options);
  const { name, weight, bias, B } = layer;
  if (activation === 'sigmoid' && tape.mode === 'train') {
    throw new RangeError(
      `dense: ${name} has the activation sigmoid, expected none or relu while training: use a loss that takes logits`,
    );
  }
  const output = tape.tensor(`${name} output`, [B, outputs]);
  return tape.record({
    label: name,
    inputs: [inp, weight, bias],
    output,
    relu: activation === 'relu',
    problems: problemsOf(layer, 'forward'),
    fuses: { mask: true },
    forward: (pool) => {
      const tensors = { inp: inp.tensor, weight: weight.tensor, bias: bias.tensor, out: output };
      return denseForward(pool, tensors, { label: `${name} forward`, activation, variants: tape.variants });
    },
    backward: (pool, dout, into) => backwardOf(tape, pool, layer, dout!, into),
  });
}

/**
 * Dense layers one after the other with an activation after each, ReLU if left out, named as in an nn.Sequential where the activations
 * count: `prefix.0`, `prefix.2` and so on.
 */
export function denseStack(
  tape: Tape,
  inp: Value,
  widths: readonly number[],
  prefix: string,
  after: 'relu' | 'tanh' = 'relu',
): Value {
  return widths.reduce((value, width, i) => {
    const name = `${prefix}.${2 * i}`;
    if (after === 'relu') return dense(tape, value, width, { name, activation: 'relu' });
    return activation(tape, dense(tape, value, width, { name }), after);
  }, inp);
}

/**
 * The last layer with its loss in one kernel: logits = inp weightᵀ + bias, and the term `bce`,
 * Σ max(l, 0) − l x + log(1 + e^−|l|) over the pixels, in nats, mean over the batch: −log p(x|z) of a Bernoulli distribution.
 * `inp` (B, C), `x` (B, D) in [0, 1].
 */
export function denseBernoulli(
  tape: Tape,
  inp: Value,
  x: Value,
  { name, term = 'bce', termWeight = 1 }: { name: string; term?: string; termWeight?: number },
): void {
  expectConstant('denseBernoulli', 'x', x);
  const D = x.tensor.shape[1]!;
  const layer = layerOn(tape, inp, D, { name });
  const { weight, bias, B, C } = layer;
  const bce = tape.tensor(term, [tape.pool ? bceTerms(tape.pool, B, C, D, tape.variants) : 1]);
  const dlogits = tape.tensor(`d${name} output`, [B, D]);
  tape.term(term, bce, termWeight);
  tape.record({
    label: name,
    inputs: [inp, weight, bias],
    problems: problemsOf(layer, 'loss'),
    fuses: { mask: true },
    forward: (pool) => {
      const tensors = { inp: inp.tensor, weight: weight.tensor, bias: bias.tensor, x: x.tensor, dlogits, bce };
      return denseSigmoidBce(pool, tensors, { label: `${name} forward and loss`, termWeight, variants: tape.variants });
    },
    backward: (pool, _dout, into) => backwardOf(tape, pool, layer, dlogits, into),
  });
}
