import type { Command } from '../gpu/schedule.ts';
import type { Tensor } from '../gpu/tensor.ts';
import {
  GROUP_NORM_EPSILON,
  type GroupNormActivation,
  groupNormBackward,
  groupNormForward,
} from '../kernels/group-norm.ts';
import { type Check, type Expected, type ExpectedNaN, isNaNAt, runKernels, testValues } from './check.ts';
import * as reference from './reference/group-norm.ts';
import { expectedInSink, SINKS, sinkTensors } from './sink.ts';

/** Groups of fewer and of more numbers than a workgroup has threads; one group, groups of one channel; one by one, and four by four. */
const SIZES: readonly (readonly [B: number, H: number, W: number, C: number, G: number, GroupNormActivation])[] = [
  [1, 1, 1, 1, 1, 'none'],
  [3, 5, 7, 6, 3, 'silu'],
  [2, 7, 7, 17, 1, 'none'],
  [1, 29, 31, 3, 3, 'silu'],
  [4, 1, 1, 64, 4, 'none'],
  [5, 7, 7, 32, 8, 'silu'],
  [2, 28, 28, 4, 1, 'silu'],
];

/** Images around 0, far from it, and one that is nearly constant. */
function inputs(B: number, size: number): Float32Array {
  return testValues(B * size, 121).map((value, i) => {
    const image = Math.floor(i / size) % 3;
    return image === 0 ? value * 3 : image === 1 ? value + 40 : 1 + value * 1e-4;
  });
}

export function groupNormChecks(): Check[] {
  return SIZES.flatMap(([B, H, W, C, G, activation]): Check[] => {
    const sizes = `(B=${B}, H=${H}, W=${W}, C=${C}, G=${G}, ${activation})`;
    const forward = `groupNormForward ${sizes}`;
    const backward = `groupNormBackward ${sizes}`;
    const shape = [B, H, W, C];
    const length = B * H * W * C;
    const inp = () => inputs(B, H * W * C);
    const weight = () => testValues(C, 122).map((value) => value * 2);
    const bias = () => testValues(C, 123);
    const of = { B, P: H * W, C, G };
    const expectedOf = (values: Float32Array) =>
      reference.groupNorm(values, weight(), bias(), of, activation, GROUP_NORM_EPSILON);
    return [
      {
        name: forward,
        op: 'groupNormForward',
        run: (device) =>
          runKernels(forward, device, (pool) => {
            const parameters = {
              weight: pool.tensor('weight', [C], { data: weight() }),
              bias: pool.tensor('bias', [C], { data: bias() }),
            };
            const outputs = (title: string) => ({
              out: pool.tensor(`out${title}`, shape),
              moments: pool.tensor(`moments${title}`, [B, G, 2]),
            });
            const [sound, broken] = [outputs(''), outputs(' with NaN')];
            // The last channel of the last pixel is NaN: so is the last group of the last image, and no other one.
            const nan = inp().fill(Number.NaN, length - 1);
            const first = (B - 1) * H * W * C;
            const expected = expectedOf(inp());
            const others = reference.groupNorm(
              inp(),
              weight(),
              bias(),
              { ...of, B: B - 1 },
              activation,
              GROUP_NORM_EPSILON,
            );
            const alone = G > 1 ? [[broken.out, others.out] as const] : [];
            const options = { groups: G, activation };
            return {
              commands: [
                groupNormForward(
                  pool,
                  { inp: pool.tensor('inp', shape, { data: inp() }), ...parameters, ...sound },
                  options,
                ),
                groupNormForward(
                  pool,
                  { inp: pool.tensor('inp', shape, { data: nan }), ...parameters, ...broken },
                  options,
                ),
              ],
              outputs: [
                [sound.out, expected.out],
                [sound.moments, expected.moments],
                [broken.out, isNaNAt([first + C - 1, length - 1])],
                ...(B > 1 ? alone : []),
              ],
            };
          }),
      },
      {
        name: backward,
        op: 'groupNormBackward',
        run: (device) =>
          runKernels(backward, device, (pool) => {
            const moments = Float32Array.from(expectedOf(inp()).moments.values);
            const dout = testValues(length, 124);
            const expected = reference.groupNormBackward(dout, inp(), weight(), bias(), moments, of, activation);
            const tensors = {
              dout: pool.tensor('dout', shape, { data: dout }),
              inp: pool.tensor('inp', shape, { data: inp() }),
              weight: pool.tensor('weight', [C], { data: weight() }),
              bias: pool.tensor('bias', [C], { data: bias() }),
              moments: pool.tensor('moments', [B, G, 2], { data: moments }),
            };
            const commands: Command[] = [];
            const outputs: [Tensor, Expected | ExpectedNaN][] = [];
            for (const kind of SINKS) {
              const parameter = { ...kind, masked: false };
              const { dinp: dweight } = sinkTensors(pool, [C], parameter);
              const { dinp: dbias } = sinkTensors(pool, [C], parameter);
              const into = sinkTensors(pool, shape, kind);
              const { accumulate } = kind;
              const options = { accumulate, accumulateWeight: accumulate, accumulateBias: accumulate };
              const all = { ...tensors, ...into, dweight, dbias };
              commands.push(...groupNormBackward(pool, all, { groups: G, activation, ...options }));
              outputs.push(
                [into.dinp, expectedInSink(expected.dinp, kind)],
                [dweight, expectedInSink(expected.dweight, parameter)],
                [dbias, expectedInSink(expected.dbias, parameter)],
              );
            }
            // Without the gradient of the input.
            const dweight = pool.tensor('dweight alone', [C]);
            const dbias = pool.tensor('dbias alone', [C]);
            commands.push(...groupNormBackward(pool, { ...tensors, dweight, dbias }, { groups: G, activation }));
            outputs.push([dweight, expected.dweight], [dbias, expected.dbias]);
            return { commands, outputs };
          }),
      },
    ];
  });
}
