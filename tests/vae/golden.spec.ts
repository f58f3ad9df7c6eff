import type { ImageSet } from '../../src/data/dataset.ts';
import { GEMM_VARIANTS } from '../../src/kernels/gemm.ts';
import { Vae } from '../../src/vae/vae.ts';
import { type GoldenTensor, goldenNames, loadGolden } from '../golden/golden.ts';
import { expect, test } from '../support/fixtures.ts';

// PyTorch's float32 differs from its float64 by `float32Difference`; a GPU may round each exp, log and division a few ULP
// worse and add in another order, so it is granted eight times as much, and one ULP of the value besides.
const ROUNDING = 8;
const ULP = 2 ** -23;

function expectClose(
  what: string,
  got: { name: string; data: Float32Array }[],
  expected: GoldenTensor<Float64Array>[],
  difference: Record<string, number>,
): void {
  expect(got.map(({ name }) => name).sort()).toEqual(expected.map(({ name }) => name).sort());
  for (const { name, data } of expected) {
    const values = got.find((tensor) => tensor.name === name)!.data;
    const floor = data.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) * ULP;
    for (const [index, value] of data.entries()) {
      const tolerance = ROUNDING * difference[name]! + floor + ULP * Math.abs(value);
      const error = Math.abs(values[index]! - value);
      expect(
        error <= tolerance,
        `${what} ${name}[${index}] is ${values[index]}, PyTorch has ${value} ± ${tolerance}`,
      ).toBe(true);
    }
  }
}

for (const name of goldenNames) {
  for (const variants of GEMM_VARIANTS) {
    test(`ten steps of PyTorch: ${name} [${variants}]`, async ({ device }) => {
      const golden = loadGolden(name);
      const { rows, columns, batch, steps, learningRate, beta, seed, hidden, latent } = golden.config;
      const count = steps * batch;
      const set: ImageSet = { images: golden.images, labels: new Uint8Array(count), count, rows, columns };
      const vae = await Vae.create(
        device,
        { name, train: set, test: set },
        { hidden, latent, batch, learningRate, beta, seed, epochs: 1 },
        { parameters: golden.initial, eps: golden.eps, shuffle: false, variants },
      );
      try {
        const losses: { bce: number; kld: number }[] = [];
        const onChunk = (chunk: { bce: number; kld: number }[]) => void losses.push(...chunk);
        await vae.advance(1, { onChunk });
        expectClose('gradient of', await vae.gradients(), golden.gradients, golden.float32Difference.gradients);
        await vae.advance(steps - 1, { onChunk });

        const { float32Difference: difference } = golden;
        expect(losses).toHaveLength(steps);
        for (const [step, { bce, kld }] of losses.entries()) {
          expect(Math.abs(bce - golden.bce[step]!), `BCE of step ${step}`).toBeLessThanOrEqual(
            ROUNDING * difference.bce + 4 * ULP * bce,
          );
          expect(Math.abs(kld - golden.kld[step]!), `KL of step ${step}`).toBeLessThanOrEqual(
            ROUNDING * difference.kld + 4 * ULP * kld,
          );
        }
        expectClose('weights', await vae.parameters(), golden.weights, difference.weights);
        const { m, v } = await vae.moments();
        expectClose('m of', m, golden.m, difference.m);
        expectClose('v of', v, golden.v, difference.v);
      } finally {
        vae.dispose();
      }
    });
  }
}
