import type { ImageSet } from '../../src/data/dataset.ts';
import type { Device } from '../../src/gpu/device.ts';
import { GEMM_VARIANTS, type GemmVariant, supportedVariants } from '../../src/kernels/gemm.ts';
import type { StepLoss } from '../../src/train/losses.ts';
import { Vae } from '../../src/vae/vae.ts';
import { type Golden, type GoldenTensor, goldenNames, loadGolden } from '../golden/golden.ts';
import { skipIfMissing } from '../support/adapter.ts';
import { missingVariant } from '../support/checks.ts';
import { expect, test } from '../support/fixtures.ts';

// PyTorch's float32 differs from its float64 by `float32Difference`; a GPU may round each exp, log and division a few ULP
// worse and add in another order, so it is granted eight times as much, and one ULP of the value besides.
const ROUNDING = 8;
const ULP = 2 ** -23;
// WGSL allows exp 3 + 2 |x| ULP. SwiftShader's is off to the same side for many x in turn, which adds up over the pixels where
// PyTorch's rounding cancels: 16 ULP of a tensor's largest element were seen.
const SAME_SIDE = 24 * ULP;

function expectClose(
  what: string,
  got: { name: string; data: Float32Array }[],
  expected: GoldenTensor<Float64Array>[],
  difference: Record<string, number>,
): void {
  expect(got.map(({ name }) => name).sort()).toEqual(expected.map(({ name }) => name).sort());
  for (const { name, every, data } of expected) {
    const values = got.find((tensor) => tensor.name === name)!.data;
    const floor = data.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) * SAME_SIDE;
    // One look at each number, and one expectation: those are slow.
    const wrong = [...data.entries()].find(([index, value]) => {
      const tolerance = ROUNDING * difference[name]! + floor + ULP * Math.abs(value);
      return !(Math.abs(values[index * every]! - value) <= tolerance);
    });
    const [index, value] = wrong ?? [0, 0];
    const at = index * every;
    expect(wrong === undefined, `${what} ${name}[${at}] is ${values[at]}, PyTorch has ${value}`).toBe(true);
  }
}

/** A model at the beginning of a golden run. */
async function withGolden<T>(
  device: Device,
  golden: Golden,
  variants: GemmVariant,
  use: (vae: Vae) => Promise<T>,
): Promise<T> {
  const { rows, columns, batch, steps, learningRate, beta, seed, hidden, latent } = golden.config;
  const count = steps * batch;
  const set: ImageSet = { images: golden.images, labels: new Uint8Array(count), count, rows, columns };
  const vae = await Vae.create(
    device,
    { name: 'golden', train: set, test: set },
    { hidden, latent, batch, learningRate, beta, seed, epochs: 1 },
    { parameters: golden.initial, eps: golden.eps, shuffle: false, variants },
  );
  try {
    return await use(vae);
  } finally {
    vae.dispose();
  }
}

for (const name of goldenNames) {
  for (const variants of GEMM_VARIANTS) {
    test(`the steps of PyTorch: ${name} [${variants}]`, async ({ device }) => {
      skipIfMissing(missingVariant(device, variants));
      const golden = loadGolden(name);
      const { steps } = golden.config;
      await withGolden(device, golden, variants, async (vae) => {
        const losses: StepLoss[] = [];
        const onChunk = (chunk: StepLoss[]) => void losses.push(...chunk);
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
      });
    });
  }
}

test('whole steps read operands in every way that the adapter has', async ({ device }) => {
  const { operandCopies, lanes } = device.capabilities;
  const reading = operandCopies === 'storage texture' ? 'operands_texture' : 'operands_sampled';
  const parts: Record<GemmVariant, string[]> = {
    subgroup: ['operands_buffer+operands_vec4'],
    subgroup_texture: [`${reading}+operands_vec4`, ...(lanes === 8 ? ['columns_64'] : [])],
    tile_32x32: ['tile_32x32+gemm_tile+operands_buffer+operands_vec4'],
    tile_64x32: ['tile_64x32+gemm_tile+operands_buffer+operands_vec4'],
    tile_32x32_split_k: ['operands_buffer+operands_vec4+gemm+gemm_partial', 'gemm_sum+operands_buffer+operands_vec4'],
  };
  for (const variants of supportedVariants(device)) {
    const kernels = await withGolden(device, loadGolden('wide'), variants, async (vae) => vae.lastSnapshot.kernels);
    for (const part of parts[variants]) {
      expect(
        kernels.some((kernel) => kernel.includes(part)),
        `${variants}: ${kernels}`,
      ).toBe(true);
    }
  }
});
