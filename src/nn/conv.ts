import type { Command } from '../gpu/schedule.ts';
import { type BufferPool, formatShape, type Tensor } from '../gpu/tensor.ts';
import * as kernels from '../kernels/conv.ts';
import { convProblem, convSize } from '../kernels/conv-sizes.ts';
import type { DenseProblem } from '../kernels/gemm.ts';
import { activation } from './elementwise.ts';
import { fanInUniform, type Init } from './parameters.ts';
import type { Sink, Tape, Value } from './tape.ts';

/** A convolution's place in the model. */
export interface ConvLayerOptions {
  /** As in the files: `encoder.0`. */
  name: string;
  /** Rows and columns of the kernel. */
  kernel: number;
  /** Default 1. */
  stride?: number;
  /** Rows and columns of zeros on every side, default 0. */
  padding?: number;
  activation?: kernels.ConvActivation;
}

interface Layer {
  name: string;
  inp: Value;
  weight: Value;
  bias: Value;
  output: Tensor;
  steps: { stride: number; padding: number };
  problem: DenseProblem;
}

/** What the two kinds of layers do differently. */
interface Kind {
  forward: typeof kernels.conv2dForward;
  backwardInput: typeof kernels.conv2dBackwardInput;
  backwardWeight: typeof kernels.conv2dBackwardWeight;
}

const CONV: Kind = {
  forward: kernels.conv2dForward,
  backwardInput: kernels.conv2dBackwardInput,
  backwardWeight: kernels.conv2dBackwardWeight,
};

const TRANSPOSED: Kind = {
  forward: kernels.convTranspose2dForward,
  backwardInput: kernels.convTranspose2dBackwardInput,
  backwardWeight: kernels.convTranspose2dBackwardWeight,
};

const ACTIVATIONS: readonly kernels.ConvActivation[] = ['none', 'relu', 'silu'];

function imagesSize(operation: string, name: string, { tensor }: Value): [number, number, number, number] {
  const { shape, label } = tensor;
  if (shape.length === 4) return shape as unknown as [number, number, number, number];
  const got = `${operation}: ${name} has the input ${label} ${formatShape(shape)}`;
  throw new RangeError(`${got}, expected (B, rows, columns, channels): reshape it`);
}

function checkWhole(operation: string, numbers: Record<string, number>, from: number): void {
  for (const [what, value] of Object.entries(numbers)) {
    if (Number.isInteger(value) && value >= from) continue;
    throw new RangeError(`${operation}: ${what} is ${String(value)}, expected a whole number from ${from}`);
  }
}

/** PyTorch's order: small side, large side, rows, columns, which are (out, in, …) of a convolution and (in, out, …) of a transposed one. */
const FILE_AXES = [3, 2, 0, 1];

function parametersOn(
  tape: Tape,
  name: string,
  shape: readonly number[],
  channels: number,
  init: Init,
): { weight: Value; bias: Value } {
  const { weight: value, bias } = tape.module({
    name,
    parameters: {
      weight: { shape, file: { memory: shape, axes: FILE_AXES }, init },
      bias: { shape: [channels], init },
    },
  });
  return { weight: value!, bias: bias! };
}

function recordLayer(tape: Tape, kind: Kind, layer: Layer, name: kernels.ConvActivation): Value {
  const { inp, weight, bias, output, steps } = layer;
  // SiLU's gradient needs what went into it.
  const isApart = name === 'silu' && tape.mode === 'train';
  const options = { ...steps, variants: tape.variants };
  const value = tape.record({
    label: layer.name,
    inputs: [inp, weight, bias],
    output,
    relu: name === 'relu',
    // Forward, and the gradients of weight and input: as many multiply-adds each.
    problems: Array.from({ length: inp.needsGradient ? 3 : 2 }, () => layer.problem),
    fuses: { mask: true },
    forward: (pool) => {
      const tensors = { inp: inp.tensor, weight: weight.tensor, bias: bias.tensor, out: output };
      const applied = isApart ? 'none' : name;
      return kind.forward(pool, tensors, { ...options, label: `${layer.name} forward`, activation: applied });
    },
    backward: (pool, dout, into) => backwardOf(pool, kind, layer, dout!, into, options),
  });
  return isApart ? activation(tape, value, 'silu') : value;
}

function backwardOf(
  pool: BufferPool,
  { backwardInput, backwardWeight }: Kind,
  { name, inp, weight }: Layer,
  dout: Tensor,
  [dinp, dweight, dbias]: readonly (Sink | undefined)[],
  steps: Parameters<Kind['backwardInput']>[2],
): Command[] {
  const label = (what: string) => ({ ...steps, label: `${name} backward, ${what}` });
  const gradients = { dweight: dweight!.tensor, dbias: dbias!.tensor };
  return [
    ...backwardWeight(pool, { dout, inp: inp.tensor, ...gradients }, label('weight')),
    ...(dinp
      ? backwardInput(pool, { dout, weight: weight.tensor, dinp: dinp.tensor, mask: dinp.mask }, label('input'))
      : []),
  ];
}

/**
 * A convolution, as nn.Conv2d: `inp` (B, H, W, C) -> (B, HO, WO, channels) f32, HO = ⌊(H + 2 padding − kernel) / stride⌋ + 1.
 * Parameters `weight` (kernel, kernel, C, channels), in files (channels, C, kernel, kernel), and `bias` (channels), initialized as
 * nn.Conv2d's.
 */
export function conv2d(tape: Tape, inp: Value, channels: number, options: ConvLayerOptions): Value {
  const { name, kernel, stride = 1, padding = 0, activation: applied = 'none' } = options;
  const operation = `conv2d ${name}`;
  checkOptions(operation, { channels, kernel, stride, padding }, applied);
  const [B, H, W, C] = imagesSize('conv2d', name, inp);
  const steps = { stride, padding };
  const [HO, WO] = [convSize(H, kernel, steps), convSize(W, kernel, steps)];
  const shape = [kernel, kernel, C, channels] as const;
  const init = fanInUniform(C * kernel * kernel);
  const parameters = parametersOn(tape, name, shape, channels, init);
  const output = tape.tensor(`${name} output`, [B, Math.max(HO, 0), Math.max(WO, 0), channels]);
  const problem = convProblem({ B, HO, WO, KH: kernel, KW: kernel, C, OC: channels });
  return recordLayer(tape, CONV, { name, inp, ...parameters, output, steps, problem }, applied);
}

/**
 * A transposed convolution, as nn.ConvTranspose2d: `inp` (B, HO, WO, C) -> (B, H, W, channels) f32, H = stride (HO − 1) + kernel −
 * 2 padding + outputPadding. Parameters `weight` (kernel, kernel, channels, C), in files (C, channels, kernel, kernel), and `bias`
 * (channels), initialized as nn.ConvTranspose2d's.
 * @param options.outputPadding rows and columns more on one side, less than `stride`: one number for both, or two; default 0
 */
export function convTranspose2d(
  tape: Tape,
  inp: Value,
  channels: number,
  options: ConvLayerOptions & { outputPadding?: number | readonly [number, number] },
): Value {
  const { name, kernel, stride = 1, padding = 0, outputPadding = 0, activation: applied = 'none' } = options;
  const operation = `convTranspose2d ${name}`;
  checkOptions(operation, { channels, kernel, stride, padding }, applied);
  const more = typeof outputPadding === 'number' ? [outputPadding, outputPadding] : outputPadding;
  if (more.length !== 2 || !more.every((size) => Number.isInteger(size) && size >= 0 && size < stride)) {
    const expected = `whole numbers from 0 to ${stride - 1}, less than the stride`;
    throw new RangeError(`${operation}: outputPadding is ${String(outputPadding)}, expected ${expected}`);
  }
  const [B, HO, WO, C] = imagesSize('convTranspose2d', name, inp);
  const [H, W] = [HO, WO].map((size, i) => stride * (size - 1) + kernel - 2 * padding + more[i]!);
  if (!(H! >= 1 && W! >= 1)) {
    throw new RangeError(`${operation}: its output is ${H} x ${W}, expected 1 x 1 or more: use less padding`);
  }
  const shape = [kernel, kernel, channels, C] as const;
  const init = fanInUniform(channels * kernel * kernel);
  const parameters = parametersOn(tape, name, shape, channels, init);
  const output = tape.tensor(`${name} output`, [B, H!, W!, channels]);
  const problem = convProblem({ B, HO, WO, KH: kernel, KW: kernel, C: channels, OC: C });
  const steps = { stride, padding };
  return recordLayer(tape, TRANSPOSED, { name, inp, ...parameters, output, steps, problem }, applied);
}

function checkOptions(
  operation: string,
  { padding, ...positive }: { channels: number; kernel: number; stride: number; padding: number },
  activationName: kernels.ConvActivation,
): void {
  checkWhole(operation, positive, 1);
  checkWhole(operation, { padding }, 0);
  if (ACTIVATIONS.includes(activationName)) return;
  const got = `${operation}: activation is ${String(activationName)}`;
  throw new RangeError(`${got}, expected ${ACTIVATIONS.join(', ')}: record another one after it, with activation()`);
}
