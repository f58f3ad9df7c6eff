import type { Command } from '../gpu/schedule.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { LAYER_NORM_EPSILON, layerNormBackward, layerNormForward } from '../kernels/layer-norm.ts';
import { type Check, type Expected, type ExpectedNaN, isNaNAt, runKernels, testValues } from './check.ts';
import * as reference from './reference/layer-norm.ts';
import { expectedInSink, SINKS, sinkTensors } from './sink.ts';

/** (R, C): rows shorter and longer than a workgroup, columns of one workgroup and of several. */
const SIZES = [
  [1, 1],
  [3, 20],
  [63, 3],
  [65, 63],
  [128, 64],
  [7, 784],
] as const;

/** Rows around 0, far from it, and one that is nearly constant. */
function inputs(R: number, C: number): Float32Array {
  return testValues(R * C, 101).map((value, i) => {
    const row = Math.floor(i / C) % 3;
    return row === 0 ? value * 3 : row === 1 ? value + 40 : 1 + value * 1e-4;
  });
}

export function layerNormChecks(): Check[] {
  return SIZES.flatMap(([R, C]): Check[] => {
    const forward = `layerNormForward (R=${R}, C=${C})`;
    const backward = `layerNormBackward (R=${R}, C=${C})`;
    const inp = () => inputs(R, C);
    const weight = () => testValues(C, 102).map((value) => value * 2);
    const bias = () => testValues(C, 103);
    const dout = () => testValues(R * C, 104);
    return [
      {
        name: forward,
        op: 'layerNormForward',
        run: (device) =>
          runKernels(forward, device, (pool) => {
            const parameters = {
              weight: pool.tensor('weight', [C], { data: weight() }),
              bias: pool.tensor('bias', [C], { data: bias() }),
            };
            const outputs = (title: string) => ({
              out: pool.tensor(`out${title}`, [R, C]),
              mean: pool.tensor(`mean${title}`, [R]),
              rstd: pool.tensor(`rstd${title}`, [R]),
            });
            const [sound, broken] = [outputs(''), outputs(' with NaN')];
            // The last element of the last row is NaN: so is that row, and no other one.
            const nan = inp().fill(Number.NaN, R * C - 1);
            const expected = reference.layerNorm(inp(), weight(), bias(), R, C, LAYER_NORM_EPSILON);
            const others = reference.layerNorm(inp(), weight(), bias(), R - 1, C, LAYER_NORM_EPSILON);
            return {
              commands: [
                layerNormForward(pool, { inp: pool.tensor('inp', [R, C], { data: inp() }), ...parameters, ...sound }),
                layerNormForward(pool, { inp: pool.tensor('inp', [R, C], { data: nan }), ...parameters, ...broken }),
              ],
              outputs: [
                [sound.out, expected.out],
                [sound.mean, expected.mean],
                [sound.rstd, expected.rstd],
                [broken.out, isNaNAt([(R - 1) * C, R * C - 1])],
                ...(R > 1 ? ([[broken.out, others.out]] as const) : []),
              ],
            };
          }),
      },
      {
        name: backward,
        op: 'layerNormBackward',
        run: (device) =>
          runKernels(backward, device, (pool) => {
            const { mean, rstd } = reference.layerNorm(inp(), weight(), bias(), R, C, LAYER_NORM_EPSILON);
            const saved = { mean: Float32Array.from(mean.values), rstd: Float32Array.from(rstd.values) };
            const expected = reference.layerNormBackward(dout(), inp(), weight(), saved.mean, saved.rstd, R, C);
            const tensors = {
              dout: pool.tensor('dout', [R, C], { data: dout() }),
              inp: pool.tensor('inp', [R, C], { data: inp() }),
              weight: pool.tensor('weight', [C], { data: weight() }),
              mean: pool.tensor('mean', [R], { data: saved.mean }),
              rstd: pool.tensor('rstd', [R], { data: saved.rstd }),
            };
            const commands: Command[] = [];
            const outputs: [Tensor, Expected | ExpectedNaN][] = [];
            for (const kind of SINKS) {
              const parameter = { ...kind, masked: false };
              const { dinp: dweight } = sinkTensors(pool, [C], parameter);
              const { dinp: dbias } = sinkTensors(pool, [C], parameter);
              const into = sinkTensors(pool, [R, C], kind);
              const { accumulate } = kind;
              const options = { accumulate, accumulateWeight: accumulate, accumulateBias: accumulate };
              commands.push(...layerNormBackward(pool, { ...tensors, ...into, dweight, dbias }, options));
              outputs.push(
                [into.dinp, expectedInSink(expected.dinp, kind)],
                [dweight, expectedInSink(expected.dweight, parameter)],
                [dbias, expectedInSink(expected.dbias, parameter)],
              );
            }
            // Without the gradient of the input.
            const dweight = pool.tensor('dweight alone', [C]);
            const dbias = pool.tensor('dbias alone', [C]);
            commands.push(...layerNormBackward(pool, { ...tensors, dweight, dbias }));
            outputs.push([dweight, expected.dweight], [dbias, expected.dbias]);
            return { commands, outputs };
          }),
      },
    ];
  });
}
