import { inspect } from 'node:util';
import type { DataSet, ImageSet } from '../../src/data/dataset.ts';
import { DeviceLimitError } from '../../src/gpu/device.ts';
import { BufferPool, upload, view } from '../../src/gpu/tensor.ts';
import { denseForward } from '../../src/kernels/dense.ts';
import { NonFiniteError } from '../../src/train/non-finite.ts';
import { ConfigError, type VaeConfig } from '../../src/vae/config.ts';
import { Vae } from '../../src/vae/vae.ts';
import { expect, test } from '../support/fixtures.ts';

function tinyData(count = 64, rows = 4, columns = 5): DataSet {
  const images = Uint8Array.from({ length: count * rows * columns }, (_, i) => (i * 37) % 256);
  const set: ImageSet = { images, labels: new Uint8Array(count), count, rows, columns };
  return { name: 'tiny', train: set, test: set };
}

const tiny = { hidden: [9], latent: 2, batch: 16 };

test('a loss that stops being finite names the step and the first bad tensor, and keeps the parameters', async ({
  device,
}) => {
  const vae = await Vae.create(device, tinyData(), { ...tiny, learningRate: 1e20 });
  try {
    const error = await vae.advance(50).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NonFiniteError);
    const { step, bad, message } = error as NonFiniteError;
    // Adam's first step moves every parameter by the learning rate, so the second forward pass overflows where two such weights have met.
    expect(step).toBe(2);
    expect(vae.step).toBe(1);
    expect(bad).toMatchObject({ tensor: 'mu+logvar output' });
    expect(message).toContain('the loss of step 2 is not finite: first in mu+logvar output, element');
    for (const { name, data } of await vae.parameters()) expect(data.every(Number.isFinite), name).toBe(true);
    // The step can be tried again, with the same end.
    await expect(vae.advance(1)).rejects.toThrow('step 2');
  } finally {
    vae.dispose();
  }
});

test('a NaN in a parameter is not hidden by a ReLU', async ({ device }) => {
  const vae = await Vae.create(device, tinyData(), tiny);
  try {
    // As if the GPU had made it: what a caller gives is looked at before.
    const { offset } = vae.table.entries.find(({ name }) => name === 'encoder.0.bias')!;
    upload(device, view(vae.placed.param, 'encoder.0.bias[3]', [1], offset + 3), Float32Array.of(Number.NaN));
    await expect(vae.advance(1)).rejects.toThrow(
      'the loss of step 1 is not finite: first in encoder.0.bias, element 3 is NaN',
    );
  } finally {
    vae.dispose();
  }
});

test('parameters that are not finite are refused, whoever gives them', async ({ device }) => {
  const donor = await Vae.create(device, tinyData(), tiny);
  const parameters = await donor.parameters();
  donor.dispose();
  parameters.find(({ name }) => name === 'encoder.0.bias')!.data[3] = Number.NaN;
  const before = device.allocatedBytes;
  await expect(Vae.create(device, tinyData(), tiny, { parameters })).rejects.toThrow(
    'parameters: encoder.0.bias[3] is NaN, expected finite numbers',
  );
  expect(device.allocatedBytes).toBe(before);
});

test('a model larger than the device names the tensor, its size and the limit, and leaves nothing behind', async ({
  device,
}) => {
  const before = device.allocatedBytes;
  const error = await Vae.create(device, tinyData(), { hidden: [2 ** 17, 2 ** 17] }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DeviceLimitError);
  expect((error as Error).message).toMatch(
    /parameters \(\d+\) needs [\d.]+ GiB, the adapter allows [\d.]+ [MG]iB per buffer: use a smaller model/,
  );
  expect(device.allocatedBytes).toBe(before);
});

const BAD_CONFIGS: [Partial<VaeConfig>, string][] = [
  [{ hidden: [512, 0] }, 'hidden.1'],
  [{ latent: 0 }, 'latent'],
  [{ latent: 1.5 }, 'latent'],
  [{ batch: -1 }, 'batch'],
  [{ epochs: Number.NaN }, 'epochs'],
  [{ learningRate: 0 }, 'learningRate'],
  [
    { learningRate: 1e-45 },
    "learningRate: expected a number from 1.1754943508222875e-38 to 3.4028234663852886e+38, f32's normal range, got 1e-45",
  ],
  [{ learningRate: 1e39 }, 'got 1e+39'],
  [{ learningRate: Number.NaN }, 'learningRate'],
  [{ beta: 1e-40 }, 'beta: expected 0 or a number from 1.17'],
  [{ beta: 1e39 }, 'beta: expected 0 or'],
  [{ beta: Number.NaN }, 'beta'],
  [{ learningRate: Number.POSITIVE_INFINITY }, 'learningRate'],
  [{ beta: -1 }, 'beta'],
  [{ betaCycle: 1 }, 'betaCycle: expected 0 or at least 2: in cycles of 1 beta stays 0, got 1'],
  [{ seed: 2 ** 32 }, 'seed'],
  [{ momentum: 0.9 } as Partial<VaeConfig>, 'momentum'],
];

for (const [config, setting] of BAD_CONFIGS) {
  test(`refuses ${inspect(config)}`, async ({ device }) => {
    const error = await Vae.create(device, tinyData(), config).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toContain(setting);
  });
}

test('kernels refuse shapes that do not fit, with both shapes and a remedy', async ({ device }) => {
  const pool = new BufferPool(device);
  try {
    const inp = pool.tensor('inp', [2, 784]);
    const weight = pool.tensor('weight', [784, 400]);
    const bias = pool.tensor('bias', [400]);
    const out = pool.tensor('out', [2, 400]);
    expect(() => denseForward(pool, { inp, weight, bias, out })).toThrow(
      'denseForward: weight is (784, 400), expected (OC=400, C=784): weights are (out, in): transpose it',
    );
  } finally {
    pool.dispose();
  }
});

test('encode and decode refuse arrays that are not whole rows', async ({ device }) => {
  const vae = await Vae.create(device, tinyData(), tiny);
  try {
    await expect(vae.decode(new Float32Array(3))).rejects.toThrow(
      'decode: z has 3 values, expected a positive multiple of L=2',
    );
    await expect(vae.encode(new Uint8Array(21))).rejects.toThrow('21 bytes, expected a positive multiple of D=20');
    await expect(vae.encode(new Uint8Array(0))).rejects.toThrow('0 bytes');
  } finally {
    vae.dispose();
  }
});
