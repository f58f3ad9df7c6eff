import { ADAM_DEFAULTS, adam } from '../kernels/adam.ts';
import { packState } from '../kernels/finish-step.ts';
import { type Check, runKernels, testValues } from './check.ts';
import * as reference from './reference/adam.ts';

const PARAMETERS = [4, 20, 64, 784, 65 * 64 + 4];
const STEPS = [1, 2, 10, 500, 9375, 1_000_000];

export function adamChecks(): Check[] {
  return PARAMETERS.flatMap((P, size) =>
    STEPS.map((t): Check => {
      const name = `adam (P=${P}, t=${t})`;
      return {
        name,
        op: 'adam',
        run: (device) =>
          runKernels(name, device, (pool) => {
            const seed = size * STEPS.length + t;
            // Gradients from 1 down to 1e-6, some of them zero; moments as a run would have them.
            const grad = testValues(P, seed).map((value, i) => (i % 7 === 0 ? 0 : value * 10 ** -(i % 7)));
            const m = t === 1 ? new Float32Array(P) : testValues(P, seed + 1).map((value, i) => value * 10 ** -(i % 5));
            const v =
              t === 1
                ? new Float32Array(P)
                : testValues(P, seed + 2).map((value, i) => Math.abs(value) * 10 ** -(i % 9));
            const param = testValues(P, seed + 3);
            const tensors = {
              grad: pool.tensor('grad', [P], { data: grad }),
              state: pool.tensor('state', [4], {
                dtype: 'u32',
                data: packState({ step: t, epoch: 0, position: 0, halted: 0 }),
              }),
              param: pool.tensor('param', [P], { data: param }),
              m: pool.tensor('m', [P], { data: m }),
              v: pool.tensor('v', [P], { data: v }),
            };
            const expected = reference.adam(param, grad, m, v, t, ADAM_DEFAULTS);
            return {
              dispatches: [adam(pool, tensors, ADAM_DEFAULTS)],
              outputs: [
                [tensors.param, expected.param],
                [tensors.m, expected.m],
                [tensors.v, expected.v],
              ],
            };
          }),
      };
    }),
  );
}
