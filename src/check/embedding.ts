import { embeddingBackward, embeddingForward } from '../kernels/embedding.ts';
import { type Check, isNaNAt, runKernels, testValues } from './check.ts';
import * as reference from './reference/embedding.ts';
import { expectedInSink, SINKS, sinkTensors } from './sink.ts';

/** (N, V, C): rows one by one and four by four, looked up often, once and never. */
const SIZES = [
  [1, 1, 1],
  [128, 10, 63],
  [3, 784, 20],
  [65, 20, 64],
] as const;

export function embeddingChecks(): Check[] {
  return SIZES.map(([N, V, C]): Check => {
    const name = `embedding, forward and backward (N=${N}, V=${V}, C=${C})`;
    return {
      name,
      op: 'embedding',
      run: (device) =>
        runKernels(name, device, (pool) => {
          const weight = testValues(V * C, 111);
          const dout = testValues(N * C, 112);
          // Every second row of the table, and the first one again and again.
          const numbers = Uint32Array.from({ length: N }, (_, n) => (n % 3 === 0 ? 0 : (n * 14) % V));
          const indices = pool.tensor('indices', [N], { dtype: 'u32', data: numbers });
          const table = pool.tensor('weight', [V, C], { data: weight });
          const out = pool.tensor('out', [N, C]);
          const bad = pool.tensor('out of an index that is no row', [N, C]);
          const outside = pool.tensor('indices', [N], { dtype: 'u32', data: numbers.slice().fill(V, N - 1) });
          const gradient = reference.embeddingBackward(dout, numbers, V, C);
          const backward = SINKS.filter(({ masked }) => !masked).map((kind) => {
            const { dinp: dweight } = sinkTensors(pool, [V, C], kind);
            const tensors = { dout: pool.tensor('dout', [N, C], { data: dout }), indices, dweight };
            return {
              command: embeddingBackward(pool, tensors, kind),
              output: [dweight, expectedInSink(gradient, kind)] as const,
            };
          });
          return {
            commands: [
              embeddingForward(pool, { indices, weight: table, out }),
              embeddingForward(pool, { indices: outside, weight: table, out: bad }),
              ...backward.map(({ command }) => command),
            ],
            outputs: [
              [out, reference.embedding(weight, numbers, C)],
              [bad, isNaNAt([(N - 1) * C, N * C - 1])],
              ...backward.map(({ output }) => output),
            ],
          };
        }),
    };
  });
}
