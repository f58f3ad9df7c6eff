import type { BufferPool } from '../gpu/tensor.ts';
import { elementCount } from '../gpu/tensor.ts';
import {
  averagePoolBackward,
  averagePoolForward,
  pooledShape,
  upsampleBackward,
  upsampledShape,
  upsampleForward,
} from '../kernels/resample.ts';
import { type Check, type Expected, isNaNAt, runKernels, testValues } from './check.ts';
import * as reference from './reference/resample.ts';
import { expectedInSink, SINKS, sinkTensors } from './sink.ts';

type Sizes = reference.ImageSizes;

/** (B, H, W, C), and the side of a block: one pixel, blocks that divide the images and that leave rows and columns over. */
const SIZES: readonly (readonly [Sizes, number])[] = [
  [[1, 1, 1, 1], 1],
  [[2, 3, 5, 3], 2],
  [[3, 7, 7, 17], 3],
  [[1, 29, 31, 1], 4],
  [[2, 28, 28, 32], 2],
  [[3, 6, 10, 4], 5],
];

interface Operation {
  name: 'averagePool' | 'upsample';
  shapeOf(sizes: Sizes, size: number): readonly number[];
  forward: typeof averagePoolForward;
  backward: typeof averagePoolBackward;
  expectedForward(inp: Float32Array, sizes: Sizes, size: number): Expected;
  expectedBackward(dout: Float32Array, sizes: Sizes, size: number): Expected;
}

const OPERATIONS: readonly Operation[] = [
  {
    name: 'averagePool',
    shapeOf: (sizes, size) => pooledShape('averagePool', sizes, size),
    forward: averagePoolForward,
    backward: averagePoolBackward,
    expectedForward: reference.averagePool,
    expectedBackward: reference.averagePoolBackward,
  },
  {
    name: 'upsample',
    shapeOf: (sizes, factor) => upsampledShape('upsample', sizes, factor),
    forward: (pool, tensors, { size: factor, ...options }) => upsampleForward(pool, tensors, { ...options, factor }),
    backward: (pool, tensors, { size: factor, ...options }) => upsampleBackward(pool, tensors, { ...options, factor }),
    expectedForward: reference.upsample,
    expectedBackward: reference.upsampleBackward,
  },
];

function launch({ name, shapeOf, ...operation }: Operation, pool: BufferPool, sizes: Sizes, size: number) {
  const shape = shapeOf(sizes, size);
  const values = testValues(elementCount(sizes), 131);
  const dout = testValues(elementCount(shape), 132);
  const inp = pool.tensor('inp', sizes, { data: values });
  const out = pool.tensor('out', shape);
  // The first element, that of no edge, is NaN: so is the first of the result.
  const broken = pool.tensor('inp', sizes, { data: values.slice().fill(Number.NaN, 0, 1) });
  const ofBroken = pool.tensor('out of NaN', shape);
  const gradient = operation.expectedBackward(dout, sizes, size);
  const backward = SINKS.map((kind) => {
    const into = sinkTensors(pool, sizes, kind);
    const tensors = { dout: pool.tensor('dout', shape, { data: dout }), ...into };
    return {
      command: operation.backward(pool, tensors, { size, ...kind }),
      output: [into.dinp, expectedInSink(gradient, kind)] as const,
    };
  });
  return {
    commands: [
      operation.forward(pool, { inp, out }, { size }),
      operation.forward(pool, { inp: broken, out: ofBroken }, { size }),
      ...backward.map(({ command }) => command),
    ],
    outputs: [
      [out, operation.expectedForward(values, sizes, size)] as const,
      [ofBroken, isNaNAt([0])] as const,
      ...backward.map(({ output }) => output),
    ],
  };
}

export function resampleChecks(): Check[] {
  return OPERATIONS.flatMap((operation) =>
    SIZES.map(([sizes, size]): Check => {
      const [B, H, W, C] = sizes;
      const name = `${operation.name}, forward and backward (B=${B}, H=${H}, W=${W}, C=${C}, size=${size})`;
      const run: Check['run'] = (device) => runKernels(name, device, (pool) => launch(operation, pool, sizes, size));
      return { name, op: operation.name, run };
    }),
  );
}
