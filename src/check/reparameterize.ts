import { packState } from '../kernels/finish-step.ts';
import { freeBits } from '../kernels/free-bits.ts';
import { NOISE_STREAMS, reparameterize, reparameterizeBackward } from '../kernels/reparameterize.ts';
import type { StepSchedule } from '../kernels/step-schedule.ts';
import { type Check, runKernels, testValues, ULP } from './check.ts';
import { standardNormal } from './reference/random.ts';
import * as reference from './reference/reparameterize.ts';
import { SCHEDULE_ERROR, scheduleFactor } from './reference/step-schedule.ts';

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

const SCHEDULE: StepSchedule = { kind: 'cyclical', period: 1000, ratio: 0.5 };
const FLOOR = 0.37;

/** β by a schedule, free bits, and both: the gradient, and what free bits make of the KL terms. */
function weightedChecks(): Check[] {
  return [
    { title: 'scheduled', schedule: SCHEDULE, isFree: false },
    { title: 'free bits', schedule: undefined, isFree: true },
    { title: 'scheduled, free bits', schedule: SCHEDULE, isFree: true },
  ].map(({ title, schedule, isFree }): Check => {
    const name = `reparameterizeBackward, ${title}`;
    return {
      name,
      op: isFree ? 'freeBits' : 'reparameterizeBackward',
      run: (device) =>
        runKernels(name, device, (pool) => {
          const noise = { seed: SEED, stream: NOISE_STREAMS.train };
          const words = packState({ step: STEP, epoch: 0, position: 0, halted: 0 });
          const state = pool.tensor('state', [4], { dtype: 'u32', data: words });
          const parts = SIZES.filter(([, L]) => L < 100).map(([B, L]) => {
            const dz = testValues(B * L, 12);
            // Every second dimension hardly leaves the prior, so that its KL divergence is free.
            const heads = headsOf(B, L).map((value, i) => ((i % L) % 2 === 1 ? value / 30 : value));
            const kld = Float32Array.from(reference.reparameterize(heads, philoxNoise(B * L), B, L).kld.values);
            const free = reference.freeBits(kld, B, L, FLOOR);
            const beta = BETA * (schedule ? scheduleFactor(schedule, STEP) : 1);
            const options = {
              relative: schedule ? SCHEDULE_ERROR : 0,
              ...(isFree && { counted: free.counted.values }),
            };
            const expected = reference.reparameterizeBackward(heads, philoxNoise(B * L), dz, B, L, beta, options);
            const size = `(B=${B}, L=${L})`;
            const tensors = {
              heads: pool.tensor('heads', [B, 2 * L], { data: heads }),
              state,
              dz: pool.tensor('dz', [B, L], { data: dz }),
              dheads: pool.tensor(`dheads ${size}`, [B, 2 * L]),
            };
            const terms = pool.tensor(`terms ${size}`, [L]);
            const counted = pool.tensor(`counted ${size}`, [L]);
            const given = { kld: pool.tensor('kld', [B, L], { data: kld }), terms, counted };
            const kl = { schedule, counted: isFree ? counted : undefined };
            const commands = [reparameterizeBackward(pool, tensors, noise, BETA, kl)];
            if (isFree) commands.unshift(freeBits(pool, given, { floor: FLOOR }));
            return {
              commands,
              outputs: [
                [tensors.dheads, expected],
                ...(isFree
                  ? ([
                      [terms, free.terms],
                      [counted, free.counted],
                    ] as const)
                  : []),
              ] as const,
            };
          });
          const commands = parts.flatMap((part) => part.commands);
          return { commands, outputs: parts.flatMap((part) => [...part.outputs]) };
        }),
    };
  });
}

export function reparameterizeChecks(): Check[] {
  const plain = SIZES.flatMap(([B, L]): Check[] => {
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
  return [...plain, ...weightedChecks()];
}
