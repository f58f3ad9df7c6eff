import { elementCount, formatShape } from '../gpu/tensor.ts';
import {
  ACTIVATION_FUNCTIONS,
  type ActivationFunction,
  activationBackward,
  activationForward,
} from '../kernels/activation.ts';
import * as kernels from '../kernels/arithmetic.ts';
import type { Tape, Value } from './tape.ts';

/**
 * f(inp), elementwise, see `ActivationFunction`. Any shape f32. After a dense layer the activation `relu` of that layer does the
 * same in one dispatch less.
 * @param options.negativeSlope of `leaky_relu`, default 0.01
 */
export function activation(
  tape: Tape,
  inp: Value,
  name: ActivationFunction,
  options: { negativeSlope?: number } = {},
): Value {
  if (!ACTIVATION_FUNCTIONS.includes(name)) {
    throw new RangeError(`activation: got ${String(name)}, expected one of ${ACTIVATION_FUNCTIONS.join(', ')}`);
  }
  const label = `${inp.tensor.label}, ${name}`;
  const output = tape.tensor(label, inp.tensor.shape);
  return tape.record({
    label,
    inputs: [inp],
    output,
    relu: name === 'relu',
    fuses: { mask: true, accumulate: true },
    forward: (pool) => [activationForward(pool, { inp: inp.tensor, out: output }, name, { ...options, label })],
    backward: (pool, dout, [sink]) => {
      if (name === 'relu') {
        // Whoever computed this gradient has masked it.
        const tensors = { dout: dout!, dinp: sink!.tensor, mask: sink!.mask };
        return [kernels.addBackward(pool, tensors, { label: `${label} backward`, accumulate: sink!.accumulate })];
      }
      const tensors = { dout: dout!, inp: inp.tensor, dinp: sink!.tensor, mask: sink!.mask };
      const fused = { ...options, label: `${label} backward`, accumulate: sink!.accumulate };
      return [activationBackward(pool, tensors, name, fused)];
    },
  });
}

/** a + b, elementwise, of one shape. `a` may be `b`. */
export function add(tape: Tape, a: Value, b: Value, label = `${a.tensor.label} + ${b.tensor.label}`): Value {
  expectSameShape('add', a, b);
  const output = tape.tensor(label, a.tensor.shape);
  return tape.record({
    label,
    inputs: [a, b],
    output,
    fuses: { mask: true, accumulate: true },
    forward: (pool) => [kernels.add(pool, { a: a.tensor, b: b.tensor, out: output }, { label })],
    backward: (pool, dout, into) =>
      into.flatMap((sink) => {
        if (!sink) return [];
        const { tensor: dinp, mask, accumulate } = sink;
        return [kernels.addBackward(pool, { dout: dout!, dinp, mask }, { label: `${label} backward`, accumulate })];
      }),
  });
}

/** a b, elementwise, of one shape. `a` may be `b`. */
export function multiply(tape: Tape, a: Value, b: Value, label = `${a.tensor.label} · ${b.tensor.label}`): Value {
  expectSameShape('multiply', a, b);
  const output = tape.tensor(label, a.tensor.shape);
  return tape.record({
    label,
    inputs: [a, b],
    output,
    fuses: { mask: true, accumulate: true },
    forward: (pool) => [kernels.multiply(pool, { a: a.tensor, b: b.tensor, out: output }, { label })],
    backward: (pool, dout, into) =>
      [b, a].flatMap((other, i) => {
        const sink = into[i];
        if (!sink) return [];
        const { tensor: dinp, mask, accumulate } = sink;
        const tensors = { dout: dout!, other: other.tensor, dinp, mask };
        return [kernels.multiplyBackward(pool, tensors, { label: `${label} backward`, accumulate })];
      }),
  });
}

function expectSameShape(operation: string, a: Value, b: Value): void {
  const [shapeA, shapeB] = [a.tensor.shape, b.tensor.shape];
  if (shapeA.join() === shapeB.join() && elementCount(shapeA) > 0) return;
  const got = `${a.tensor.label} is ${formatShape(shapeA)}, ${b.tensor.label} ${formatShape(shapeB)}`;
  throw new RangeError(`${operation}: ${got}, expected one shape: nothing is broadcast`);
}
