import { type BufferPool, elementCount } from '../gpu/tensor.ts';
import { ACTIVATION_FUNCTIONS, activationBackward, activationForward } from '../kernels/activation.ts';
import { add, addBackward, multiply, multiplyBackward } from '../kernels/arithmetic.ts';
import { type Check, type Expected, FLUSH, isNaNAt, runKernels, testValues, U } from './check.ts';
import * as reference from './reference/activation.ts';
import { expectedInSink, SINKS, sinkName, sinkTensors } from './sink.ts';

/** Numbers that are computed one by one, and four by four. */
const SHAPES = [[1], [3], [63, 65], [4], [20, 1], [3, 784]];

/** Around 0, both sides of every branch, far out where exponentials vanish, and what the sizes leave room for. */
const SPECIAL = [0, -0, 0.625, -0.625, 0.6249, 1e-3, -1e-6, 1e-20, 5, -5, 12, -12, 30, -30, 90, -90];

function inputs(length: number): Float32Array {
  return testValues(length, 71).map((value, i) => (length > 30 && i < SPECIAL.length ? SPECIAL[i]! : value * 6));
}

function douts(length: number): Float32Array {
  return testValues(length, 72).map((value) => value * 2);
}

function tensor(pool: BufferPool, name: string, shape: readonly number[], data: Float32Array) {
  return pool.tensor(`${name} ${shape.join('x')}`, shape, { data });
}

function activationChecks(): Check[] {
  return ACTIVATION_FUNCTIONS.flatMap((activation): Check[] => {
    const forward = `activationForward (${activation})`;
    const backward = `activationBackward (${activation})`;
    return [
      {
        name: forward,
        op: 'activationForward',
        run: (device) =>
          runKernels(forward, device, (pool) => {
            const parts = SHAPES.map((shape) => {
              const inp = inputs(elementCount(shape));
              const out = pool.tensor(`out ${shape.join('x')}`, shape);
              return {
                command: activationForward(pool, { inp: tensor(pool, 'inp', shape, inp), out }, activation),
                output: [out, reference.activationForward(activation, inp)] as const,
              };
            });
            // A NaN among numbers, in either kind of kernel.
            const broken = [[3], [4]].map((shape) => {
              const inp = pool.tensor('inp', shape, { data: inputs(shape[0]!).fill(Number.NaN, 1, 2) });
              const out = pool.tensor(`out of NaN ${shape}`, shape);
              return {
                command: activationForward(pool, { inp, out }, activation),
                output: [out, isNaNAt([1])] as const,
              };
            });
            const all = [...parts, ...broken];
            return { commands: all.map(({ command }) => command), outputs: all.map(({ output }) => output) };
          }),
      },
      {
        name: backward,
        op: 'activationBackward',
        run: (device) =>
          runKernels(backward, device, (pool) => {
            const parts = SHAPES.flatMap((shape) => {
              const length = elementCount(shape);
              const tensors = {
                dout: tensor(pool, 'dout', shape, douts(length)),
                inp: tensor(pool, 'inp', shape, inputs(length)),
              };
              const gradient = reference.activationBackward(activation, inputs(length), douts(length));
              return SINKS.map((kind) => {
                const into = sinkTensors(pool, shape, kind);
                return {
                  command: activationBackward(pool, { ...tensors, ...into }, activation, kind),
                  output: [into.dinp, expectedInSink(gradient, kind)] as const,
                };
              });
            });
            return { commands: parts.map(({ command }) => command), outputs: parts.map(({ output }) => output) };
          }),
      },
    ];
  });
}

/** a + b or a b with its rounding. */
function combined(a: ArrayLike<number>, b: ArrayLike<number>, operation: 'add' | 'multiply'): Expected {
  const values = Float64Array.from(a, (value, i) => (operation === 'add' ? value + b[i]! : value * b[i]!));
  return { values, tolerance: values.map((value) => U * Math.abs(value) + FLUSH) };
}

function arithmeticChecks(): Check[] {
  return (['add', 'multiply'] as const).map((operation): Check => {
    const name = `${operation}, forward and backward`;
    return {
      name,
      op: operation,
      run: (device) =>
        runKernels(name, device, (pool) => {
          const parts = SHAPES.flatMap((shape) => {
            const length = elementCount(shape);
            const values = { a: inputs(length), b: testValues(length, 73), dout: douts(length) };
            const a = tensor(pool, 'a', shape, values.a);
            const b = tensor(pool, 'b', shape, values.b);
            const dout = tensor(pool, 'dout', shape, values.dout);
            const out = pool.tensor(`out ${shape.join('x')}`, shape);
            const square = pool.tensor(`out of a and a ${shape.join('x')}`, shape);
            const launch = operation === 'add' ? add : multiply;
            const one = Float32Array.from({ length }, () => 1);
            const da = combined(values.dout, operation === 'add' ? one : values.b, 'multiply');
            return [
              {
                command: launch(pool, { a, b, out }),
                output: [out, combined(values.a, values.b, operation)] as const,
              },
              {
                command: launch(pool, { a, b: a, out: square }),
                output: [square, combined(values.a, values.a, operation)] as const,
              },
              ...SINKS.map((kind) => {
                const into = sinkTensors(pool, shape, kind);
                const command =
                  operation === 'add'
                    ? addBackward(pool, { dout, ...into }, kind)
                    : multiplyBackward(pool, { dout, other: b, ...into }, { ...kind, label: `da${sinkName(kind)}` });
                return { command, output: [into.dinp, expectedInSink(da, kind)] as const };
              }),
            ];
          });
          return { commands: parts.map(({ command }) => command), outputs: parts.map(({ output }) => output) };
        }),
    };
  });
}

export function elementwiseChecks(): Check[] {
  return [...activationChecks(), ...arithmeticChecks()];
}
