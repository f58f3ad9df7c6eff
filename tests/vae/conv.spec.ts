import { readFileSync } from 'node:fs';
import { createDevice } from '../../src/index.ts';
import type { NamedTensor } from '../../src/nn/parameters.ts';
import { writeSafetensors } from '../../src/train/safetensors.ts';
import { readCheckpoint, writeCheckpoint } from '../../src/vae/checkpoint.ts';
import type { VaeConfig } from '../../src/vae/config.ts';
import { readVae } from '../../src/vae/model-file.ts';
import { Vae } from '../../src/vae/vae.ts';
import { expect, test } from '../support/fixtures.ts';

interface NamedValues {
  name: string;
  shape: number[];
  data: number[];
}

/** PyTorch's, see tests/golden/make_conv_vae.py. */
const golden = JSON.parse(readFileSync(new URL('../golden/conv-vae.json', import.meta.url), 'utf8')) as {
  rows: number;
  columns: number;
  learningRate: number;
  images: number[];
  eps: number[];
  z: number[];
  initial: NamedValues[];
  mu: number[];
  logvar: number[];
  pixels: number[];
  losses: { bce: number; kld: number }[];
  weights: NamedValues[];
};

const { rows, columns } = golden;
const count = golden.images.length / (rows * columns);
const images = { images: Uint8Array.from(golden.images), count, rows, columns };
const data = { name: 'golden', train: images, test: images };
const config: Partial<VaeConfig> = { arch: 'conv', channels: [3, 6], dense: 7, latent: 2 };
const parameters = golden.initial.map(
  ({ name, shape, data: values }): NamedTensor => ({ name, shape, data: Float32Array.from(values) }),
);

/** A few roundings of f32, through a few layers. */
function expectClose(what: string, got: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  expect(got.length, what).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  for (const [i, value] of expected.entries()) {
    const error = Math.abs(got[i]! - value);
    expect(error <= tolerance * largest, `${what}[${i}] is ${got[i]}, PyTorch has ${value}`).toBe(true);
  }
}

test("the convolutional VAE encodes, decodes and trains as PyTorch's module of the same names and axes", async ({
  device,
}) => {
  const steps = golden.losses.length;
  const settings = { ...config, batch: count, epochs: steps, learningRate: golden.learningRate };
  const options = { parameters, eps: Float32Array.from(golden.eps), shuffle: false };
  const vae = await Vae.create(device, data, settings, options);
  const { mu, logvar } = await vae.encode(images.images);
  expectClose('mu', mu, golden.mu, 1e-5);
  expectClose('logvar', logvar, golden.logvar, 1e-5);
  expectClose('pixels', await vae.decode(golden.z), golden.pixels, 1e-5);
  await vae.train();
  for (const key of ['bce', 'kld'] as const) {
    const seen = vae.history.map(({ train }) => train[key]!);
    expectClose(
      key,
      seen,
      golden.losses.map((loss) => loss[key]),
      1e-5,
    );
  }
  const after = await vae.parameters();
  for (const [i, { name, shape, data: values }] of golden.weights.entries()) {
    expect({ name: after[i]!.name, shape: after[i]!.shape }).toEqual({ name, shape });
    expectClose(name, after[i]!.data, values, 1e-4);
  }
  vae.dispose();
});

test('a file of weights says which convolutional model it is', () => {
  const file = writeSafetensors(parameters, { config: JSON.stringify({ rows, columns }) });
  expect(readVae(file)).toMatchObject({ config, images: { rows, columns } });
});

test('a convolutional model goes on with the same bits from a checkpoint and after the device was lost', async ({
  device,
}) => {
  const settings = { ...config, batch: 3, epochs: 4 };
  const whole = await Vae.create(device, data, settings, { variants: 'tile_32x32' });
  await whole.train();

  const begun = await Vae.create(device, data, settings, { variants: 'tile_32x32' });
  await begun.advance(2);
  const snapshot = readCheckpoint(writeCheckpoint(await begun.snapshot()));
  // Which kernels convolutions have is in it, too.
  const resumed = await Vae.create(device, data, {}, { snapshot });
  await resumed.train();
  expect(await resumed.parameters()).toEqual(await whole.parameters());

  const adapter = process.env.WEBGPU_VAE_ADAPTER;
  const open = () => createDevice(adapter ? { adapter } : {});
  const opened = [await open()];
  const lost = await Vae.create(opened[0]!, data, settings, {
    variants: 'tile_32x32',
    reopen: async () => {
      opened.push(await open());
      return opened.at(-1)!;
    },
  });
  await lost.advance(2);
  opened[0]!.handle.destroy();
  await lost.train();
  expect(opened.length).toBe(2);
  expect(await lost.parameters()).toEqual(await whole.parameters());
  for (const vae of [whole, begun, resumed, lost]) vae.dispose();
  for (const each of opened) each.dispose();
});
