import type { Command } from '../gpu/schedule.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { packState } from '../kernels/finish-step.ts';
import {
  importanceSample,
  importanceSampleBackward,
  importanceWeights,
  likelihoodRows,
  type RowLikelihood,
  repeatRows,
} from '../kernels/importance.ts';
import { NOISE_STREAMS } from '../kernels/reparameterize.ts';
import { type Check, type Expected, type ExpectedNaN, isNaNAt, runKernels, testValues, ULP } from './check.ts';
import { sigmoidBce } from './reference/dense.ts';
import * as reference from './reference/importance.ts';
import * as likelihood from './reference/likelihood.ts';
import { standardNormal } from './reference/random.ts';
import type { Noise } from './reference/reparameterize.ts';
import { expectedInSink, SINKS, sinkTensors } from './sink.ts';

/** B images, K samples of each, L dimensions, D pixels: one of everything, more samples than threads, sizes divisible by four. */
const SIZES = [
  { B: 1, K: 1, L: 1, D: 1 },
  { B: 3, K: 5, L: 3, D: 63 },
  { B: 2, K: 65, L: 20, D: 4 },
  { B: 20, K: 3, L: 1, D: 784 },
  { B: 1, K: 200, L: 2, D: 8 },
] as const;

type Sizes = (typeof SIZES)[number];

const SEED = 7;
const STEP = 1234;
const WEIGHT = 1;
const SIGMA = 0.3;

/** The numbers that the GPU draws, see the checks of `reparameterize`. */
function philoxNoise(count: number): Noise {
  const drawn = Array.from({ length: count }, (_, i) => standardNormal(i, STEP, NOISE_STREAMS.train, SEED));
  return { values: drawn.map(({ value }) => value), tolerance: drawn.map(({ radius }) => 16 * ULP * radius) };
}

/** Positive, and adding up to 1 for every image, as samples count. */
function weightsOf({ B, K }: Sizes): Float32Array {
  const raw = testValues(B * K, 21).map((value) => value + 1.01);
  return raw.map((value, row) => {
    const first = row - (row % K);
    return value / raw.subarray(first, first + K).reduce((sum, other) => sum + other, 0);
  });
}

type Outputs = [Tensor, Expected | ExpectedNaN][];

function sampling(sizes: Sizes): Check {
  const { B, K, L } = sizes;
  const name = `importanceSample and back (B=${B}, K=${K}, L=${L})`;
  return {
    name,
    op: 'importanceSample',
    run: (device) =>
      runKernels(name, device, (pool) => {
        const heads = testValues(2 * B * L, 11).map((value) => value * 2);
        const dz = testValues(B * K * L, 12);
        const weights = weightsOf(sizes);
        const words = packState({ step: STEP, epoch: 0, position: 0, halted: 0 });
        const given = {
          heads: pool.tensor('heads', [B, 2 * L], { data: heads }),
          state: pool.tensor('state', [4], { dtype: 'u32', data: words }),
        };
        const z = pool.tensor('z', [B * K, L]);
        const ratio = pool.tensor('ratio', [B * K]);
        const back = {
          ...given,
          dz: pool.tensor('dz', [B * K, L], { data: dz }),
          weights: pool.tensor('weights', [B * K], { data: weights }),
          dheads: pool.tensor('dheads', [B, 2 * L]),
        };
        const noise = { seed: SEED, stream: NOISE_STREAMS.train };
        const eps = philoxNoise(B * K * L);
        const expected = reference.importanceSample(heads, eps, sizes);
        return {
          commands: [
            importanceSample(pool, { ...given, z, ratio }, noise),
            importanceSampleBackward(pool, back, noise, WEIGHT),
          ],
          outputs: [
            [z, expected.z],
            [ratio, expected.ratio],
            [back.dheads, reference.importanceSampleBackward(heads, eps, dz, weights, sizes)],
          ],
        };
      }),
  };
}

function weighing(sizes: Sizes): Check {
  const { B, K } = sizes;
  const name = `importanceWeights (B=${B}, K=${K})`;
  return {
    name,
    op: 'importanceWeights',
    run: (device) =>
      runKernels(name, device, (pool) => {
        const ratio = testValues(B * K, 13).map((value) => 20 * value);
        // So far from 0 that exp without the largest would be 0, and near enough to each other that several samples count.
        const nll = testValues(B * K, 14).map((value) => 150 + 3 * value);
        const tensorsOf = (data: Float32Array, title: string) => ({
          ratio: pool.tensor('ratio', [B * K], { data: ratio }),
          nll: pool.tensor('nll', [B * K], { data }),
          weights: pool.tensor(`weights${title}`, [B * K]),
          bound: pool.tensor(`bound${title}`, [B]),
          nllMean: pool.tensor('mean nll', [B]),
          kldMean: pool.tensor('mean kld', [B]),
        });
        const good = tensorsOf(nll, '');
        const bad = tensorsOf(nll.slice().fill(Number.NaN, B * K - 1), ' after a NaN');
        const { bound, weights, nllMean, kldMean } = reference.importanceWeights(ratio, nll, sizes);
        const others = reference.importanceWeights(ratio, nll, { B: B - 1, K });
        const outputs: Outputs = [
          [good.bound, bound],
          [good.weights, weights],
          [good.nllMean, nllMean],
          [good.kldMean, kldMean],
          [bad.bound, isNaNAt([B - 1])],
        ];
        if (B > 1) outputs.push([bad.bound, others.bound]);
        return { commands: [importanceWeights(pool, good), importanceWeights(pool, bad)], outputs };
      }),
  };
}

const LIKELIHOODS: readonly RowLikelihood[] = [{ kind: 'bernoulli' }, { kind: 'gaussian', sigma: SIGMA }];

function likelihoodChecks(sizes: Sizes): Check[] {
  const { B, K, D } = sizes;
  return LIKELIHOODS.map((of): Check => {
    const name = `likelihoodRows of ${of.kind} (B=${B}, K=${K}, D=${D})`;
    return {
      name,
      op: 'likelihoodRows',
      run: (device) =>
        runKernels(name, device, (pool) => {
          const rows = B * K;
          const images = testValues(B * D, 16).map((value) => Math.min(1, Math.max(0, value * 2)));
          const x = Float32Array.from({ length: rows * D }, (_, i) => images[Math.floor(i / D / K) * D + (i % D)]!);
          const inp = testValues(rows * D, 15).map((value) => value * (of.kind === 'bernoulli' ? 4 : 1));
          const weights = weightsOf(sizes);
          const repeated = pool.tensor('x, repeated', [rows, D]);
          const common = {
            inp: pool.tensor('inp', [rows, D], { data: inp }),
            x: repeated,
            weights: pool.tensor('weights', [rows], { data: weights }),
          };
          const exact = { values: Float64Array.from(x), tolerance: new Float64Array(x.length) };
          const nll: Expected = { values: new Float64Array(rows), tolerance: new Float64Array(rows) };
          const gradient: Expected = { values: new Float64Array(rows * D), tolerance: new Float64Array(rows * D) };
          for (let row = 0; row < rows; row++) {
            const [own, target] = [inp.subarray(row * D, (row + 1) * D), x.subarray(row * D, (row + 1) * D)];
            const scale = weights[row]! / B;
            const of64 = rowOf(of, own, target, scale);
            nll.values[row] = of64.sum.values[0]!;
            nll.tolerance[row] = of64.sum.tolerance[0]!;
            gradient.values.set(of64.gradient.values, row * D);
            gradient.tolerance.set(of64.gradient.tolerance, row * D);
          }
          const first = pool.tensor('nll alone', [rows]);
          const commands: Command[] = [
            repeatRows(pool, { inp: pool.tensor('x', [B, D], { data: images }), out: repeated }),
            likelihoodRows(pool, of, { ...common, nll: first }, { batch: B }),
          ];
          const outputs: Outputs = [
            [repeated, exact],
            [first, nll],
          ];
          for (const kind of SINKS) {
            const { dinp, mask } = sinkTensors(pool, [rows, D], kind);
            const own = pool.tensor('nll', [rows]);
            const { accumulate } = kind;
            commands.push(likelihoodRows(pool, of, { ...common, nll: own, dinp, mask }, { batch: B, accumulate }));
            outputs.push([own, nll], [dinp, expectedInSink(gradient, kind)]);
          }
          return { commands, outputs };
        }),
    };
  });
}

function rowOf(of: RowLikelihood, inp: Float32Array, x: Float32Array, scale: number): likelihood.Likelihood {
  if (of.kind === 'gaussian') return likelihood.squaredError(inp, x, scale, of.sigma);
  const logits = { values: Float64Array.from(inp), tolerance: new Float64Array(inp.length) };
  const { bce, dlogits } = sigmoidBce(logits, x, 1 / scale);
  return { sum: bce, gradient: dlogits };
}

export function importanceChecks(): Check[] {
  return SIZES.flatMap((sizes) => [sampling(sizes), weighing(sizes), ...likelihoodChecks(sizes)]);
}
