import { productsOfStep, stepFlops } from '../../bench/arithmetic.ts';
import { countCalls } from '../../bench/calls.ts';
import { compareRounds, type Round } from '../../bench/comparison.ts';
import { measureGemm } from '../../bench/gemm.ts';
import { curvesAsCsv, curvesAsPicture } from '../../bench/model-curves.ts';
import { modelFlops } from '../../bench/model-flops.ts';
import { median } from '../../bench/statistics.ts';
import { measureStep } from '../../bench/step.ts';
import type { ImageSet } from '../../src/data/dataset.ts';
import { BufferPool } from '../../src/gpu/tensor.ts';
import { supportedVariants } from '../../src/kernels/gemm.ts';
import { Vae } from '../../src/vae/vae.ts';
import { skipIfMissing } from '../support/adapter.ts';
import { expect, test } from '../support/fixtures.ts';

function images(count: number): ImageSet {
  const pixels = Uint8Array.from({ length: count * 21 }, (_, i) => (i * 37 + Math.floor(i / 11)) % 256);
  return { images: pixels, labels: new Uint8Array(count), count, rows: 3, columns: 7 };
}

const data = { name: 'stripes', train: images(100), test: images(10) };

test('the arithmetic of a step', () => {
  // By hand: the images' layer has no input gradient, the other five have all three products.
  const weights = [512 * 256, 256 * 4, 2 * 256, 256 * 512, 512 * 784].reduce((sum, count) => sum + count, 0);
  const expected = 2 * 128 * (2 * 784 * 512 + 3 * weights);
  expect(stepFlops({ hidden: [512, 256], latent: 2 }, 128, 784)).toBe(expected);
  expect(productsOfStep({ hidden: [512, 256], latent: 2 }, 128, 784)).toHaveLength(17);
});

test('the arithmetic of whole models, dense and convolutional', () => {
  const images = { rows: 28, columns: 28, channels: 1, classes: 0 };
  expect(modelFlops({}, images)).toBe(stepFlops({ hidden: [512, 256], latent: 2 }, 128, 784));
  // By hand, multiply-adds of an image: the images' layer has no input gradient, all else has three products.
  const [first, second, inner] = [14 * 14 * 9 * 32, 7 * 7 * 9 * 32 * 64, 7 * 7 * 64 * 16];
  const transposed = 7 * 7 * 9 * 64 * 64 + 14 * 14 * 9 * 64 * 32 + 28 * 28 * 9 * 32;
  const others = second + inner + 16 * 4 + 2 * 16 + inner + transposed;
  const keras = { arch: 'conv' as const, channels: [32, 64], dense: 16, latent: 2, batch: 4 };
  expect(modelFlops(keras, images)).toBe(2 * 4 * (2 * first + 3 * others));
});

test('curves as numbers and as a picture', () => {
  const runs = [
    { seed: 0, curve: [200, 150] },
    { seed: 1, curve: [210, 152] },
  ];
  const models = [{ name: 'conv32,64-256-2', gflop_per_epoch: 10, runs }];
  expect(curvesAsCsv(models).split('\n')).toEqual([
    'model,seed,epoch,gflop,minus_elbo',
    '"conv32,64-256-2",0,1,10,200.0000',
    '"conv32,64-256-2",0,2,20,150.0000',
    '"conv32,64-256-2",1,1,10,210.0000',
    '"conv32,64-256-2",1,2,20,152.0000',
    '',
  ]);
  expect(curvesAsPicture(models, 'MNIST').subarray(1, 4).toString('latin1')).toBe('PNG');
});

test('the median', () => {
  expect(median([10, 2, 9])).toBe(9);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(() => median([])).toThrow(RangeError);
});

test('two checkouts: ratios within a round, and only of what both have measured', () => {
  const measured = (ms: number, cold?: number) =>
    ({
      adapter: { name: 'a' },
      step: [{ model: '21-8-2', batch: 16, ms_per_step: { median: ms, min: ms }, dispatches: 20 }],
      ...(cold !== undefined && { cold_start_ms: { cold, warm: cold } }),
    }) as unknown as Round['here'];
  // The machine is four times as slow in the second round.
  const rounds = [
    { here: measured(3, 5), there: measured(2) },
    { here: measured(12, 5), there: measured(8) },
    { here: measured(2, 5), there: measured(2) },
  ];
  expect(compareRounds(rounds)).toEqual([
    {
      what: '21-8-2, batch 16: ms per step',
      here: 3,
      there: 2,
      ratio: { median: 1.5, min: 1, max: 1.5 },
      dispatches: { here: 20, there: 20 },
    },
  ]);
  expect(() => compareRounds([])).toThrow(RangeError);
});

test('counts WebGPU calls and the bytes written', ({ device }) => {
  const pool = new BufferPool(device);
  const calls = countCalls();
  const buffer = pool.buffer('b', 64, GPUBufferUsage.COPY_DST);
  const { queue } = device.handle;
  queue.writeBuffer(buffer, 0, new Float32Array(4));
  queue.writeBuffer(buffer, 0, new Float32Array(4), 1);
  queue.writeBuffer(buffer, 0, new Float32Array(4), 1, 2);
  queue.writeBuffer(buffer, 0, new ArrayBuffer(16), 4);
  queue.submit([]);
  const counted = calls.stop();
  queue.submit([]);
  pool.dispose();
  expect(counted).toEqual({
    dispatches: 0,
    submits: 1,
    buffersCreated: 1,
    bindGroupsCreated: 0,
    writes: 4,
    bytesWritten: 16 + 12 + 8 + 12,
  });
});

test('a measured step creates and writes nothing', async ({ device }) => {
  const before = device.allocatedBytes;
  const result = await measureStep(device, data, { hidden: [8], latent: 2, batch: 16 }, 50);
  expect(result).toMatchObject({
    model: '21-8-2',
    batch: 16,
    buffers_created: 0,
    bind_groups_created: 0,
    bytes_written: 0,
    bytes_grown: 0,
  });
  expect(result.ms_per_step.min).toBeGreaterThan(0);
  expect(result.ms_per_step.median).toBeGreaterThanOrEqual(result.ms_per_step.min);
  expect(result.gflops).toBeGreaterThan(0);
  expect(result.submits_per_step).toBeLessThanOrEqual(1);
  expect(device.allocatedBytes).toBe(before);
});

test('profiling leaves the model as it was', async ({ device }) => {
  skipIfMissing(device.features.has('timestamp-query') ? undefined : 'timestamp-query');
  const before = device.allocatedBytes;
  const config = { hidden: [8], batch: 16 };
  const [profiled, plain] = [await Vae.create(device, data, config), await Vae.create(device, data, config)];
  try {
    const times = await profiled.profile(20);
    expect(times).toHaveLength(profiled.dispatchesPerStep);
    expect(times.map(({ label }) => label)).toContain('adam');
    for (const { label, ms } of times) expect(ms, label).toBeGreaterThanOrEqual(0);
    expect(times.reduce((sum, { ms }) => sum + ms, 0)).toBeGreaterThan(0);
    expect(profiled.step).toBe(0);
    await profiled.advance(2);
    await plain.advance(2);
    expect(await profiled.parameters()).toEqual(await plain.parameters());
  } finally {
    profiled.dispose();
    plain.dispose();
  }
  expect(device.allocatedBytes).toBe(before);
});

for (const layout of ['NT', 'NN', 'TN'] as const) {
  test(`measures ${layout} products of every variant`, async ({ device }) => {
    for (const variant of supportedVariants(device)) {
      const result = await measureGemm(device, { layout, M: 33, N: 20, K: 65, use: 'test' }, variant, 1);
      expect(result).toMatchObject({ layout, M: 33, N: 20, K: 65 });
      expect(result.gflops).toBeGreaterThan(0);
    }
  });
}
