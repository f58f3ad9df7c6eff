import { maskGradient } from '../kernels/gradient.ts';
import { type Check, type Expected, runKernels, testValues } from './check.ts';

const SHAPES = [[1], [3, 5], [16, 24], [63, 65], [128, 784]];

/** Every seventh is what a ReLU makes of a negative number, or of one that has gone. */
function outputs(length: number): Float32Array {
  return testValues(length, 72).map((value, i) => (i % 7 === 0 ? 0 : i % 11 === 0 ? Number.NaN : value));
}

/** What the tape appends where an operation cannot mask a gradient by itself. */
export function gradientChecks(): Check[] {
  return SHAPES.map((shape) => {
    const length = shape.reduce((product, size) => product * size, 1);
    const before = testValues(length, 71);
    const out = outputs(length);
    const masked: Expected = {
      values: Float64Array.from(before, (value, i) => (out[i]! > 0 ? value : 0)),
      tolerance: new Float64Array(length),
    };
    const name = `gradient mask (${shape.join(', ')})`;
    return {
      name,
      op: 'maskGradient',
      run: (device) =>
        runKernels(name, device, (pool) => {
          const gradient = pool.tensor('gradient', shape, { data: before });
          const commands = [maskGradient(pool, pool.tensor('out', shape, { data: out }), gradient)];
          return { commands, outputs: [[gradient, masked]] };
        }),
    };
  });
}
