import { packState } from '../kernels/finish-step.ts';
import { NOISE_STREAMS, reparameterize, reparameterizeBackward } from '../kernels/reparameterize.ts';
import { type Check, runKernels, testValues, ULP } from './check.ts';
import { standardNormal } from './reference/random.ts';
import * as reference from './reference/reparameterize.ts';

const SIZES = [
  [1, 1],
  [3, 20],
  [20, 3],
  [63, 1],
  [65, 63],
  [128, 2],
  [7, 784],
] as const;

const SEED = 7;
const STEP = 1234;
const BETA = 2.5;

/** The numbers that the GPU draws. log, sqrt, cos and their product are each within a few ULP; 16 of the radius covers them. */
function philoxNoise(count: number): reference.Noise {
  const drawn = Array.from({ length: count }, (_, i) => standardNormal(i, STEP, NOISE_STREAMS.train, SEED));
  return { values: drawn.map(({ value }) => value), tolerance: drawn.map(({ radius }) => 16 * ULP * radius) };
}

function headsOf(B: number, L: number): Float32Array {
  return testValues(2 * B * L, 11).map((value) => value * 3);
}

export function reparameterizeChecks(): Check[] {
  return SIZES.flatMap(([B, L]): Check[] => {
    const noise = { seed: SEED, stream: NOISE_STREAMS.train };
    const forward = `reparameterize (B=${B}, L=${L})`;
    const backward = `reparameterizeBackward (B=${B}, L=${L})`;
    const state = packState({ step: STEP, epoch: 0, position: 0, halted: 0 });
    return [
      {
        name: forward,
        op: 'reparameterize',
        run: (device) =>
          runKernels(forward, device, (pool) => {
            const tensors = {
              heads: pool.tensor('heads', [B, 2 * L], { data: headsOf(B, L) }),
              state: pool.tensor('state', [4], { dtype: 'u32', data: state }),
              z: pool.tensor('z', [B, L]),
              kld: pool.tensor('kld', [B, L]),
            };
            const { z, kld } = reference.reparameterize(headsOf(B, L), philoxNoise(B * L), B, L);
            return {
              commands: [reparameterize(pool, tensors, noise)],
              outputs: [
                [tensors.z, z],
                [tensors.kld, kld],
              ],
            };
          }),
      },
      {
        name: backward,
        op: 'reparameterizeBackward',
        run: (device) =>
          runKernels(backward, device, (pool) => {
            const dz = testValues(B * L, 12);
            const tensors = {
              heads: pool.tensor('heads', [B, 2 * L], { data: headsOf(B, L) }),
              state: pool.tensor('state', [4], { dtype: 'u32', data: state }),
              dz: pool.tensor('dz', [B, L], { data: dz }),
              dheads: pool.tensor('dheads', [B, 2 * L]),
            };
            const expected = reference.reparameterizeBackward(headsOf(B, L), philoxNoise(B * L), dz, B, L, BETA);
            return {
              commands: [reparameterizeBackward(pool, tensors, noise, BETA)],
              outputs: [[tensors.dheads, expected]],
            };
          }),
      },
    ];
  });
}
