/** Sizes follow the device's limits: what is looked at or measured at once is as much as fits, and at most 500 images. */
import type { DataSet, ImageSet } from '../../src/data/dataset.ts';
import { type Device, DeviceLimitError } from '../../src/gpu/device.ts';
import { download } from '../../src/gpu/tensor.ts';
import { normalNumbers } from '../../src/nn/random.ts';
import { rowsThatFit } from '../../src/train/batches.ts';
import type { Losses } from '../../src/train/losses.ts';
import { LiveDecoder, LiveEncoder, LiveReconstructor, viewCapacity } from '../../src/vae/live.ts';
import { Vae } from '../../src/vae/vae.ts';
import { ownDevice } from '../reliability/faults.ts';
import { expect, test } from '../support/fixtures.ts';
import { settledVae } from '../support/vae-table.ts';

const KIB = 1024;
/** 12 x 13 pixels: 500 of them take 304.7 KiB as f32. */
const ROWS = 12;
const COLUMNS = 13;

function images(count: number, seed: number): ImageSet {
  const bytes = Uint8Array.from({ length: count * ROWS * COLUMNS }, (_, i) => (i * seed + Math.floor(i / 11)) % 256);
  return { images: bytes, labels: new Uint8Array(count), count, rows: ROWS, columns: COLUMNS };
}

const data: DataSet = { name: 'large', train: images(40, 37), test: images(600, 41) };
const config = { hidden: [9], batch: 8, epochs: 2, seed: 3 };

/** What a device with these limits would say; the adapter's own limits are never so small. */
async function withLimits<T>(limits: Partial<Record<string, number>>, use: (device: Device) => Promise<T>): Promise<T> {
  const device = await ownDevice();
  try {
    const own = device.limits;
    const get = (_: object, name: string | symbol) => limits[String(name)] ?? own[name as keyof GPUSupportedLimits];
    Object.defineProperty(device, 'limits', { value: new Proxy({}, { get }) });
    return await use(device);
  } finally {
    device.dispose();
  }
}

interface Answers {
  evaluated: Losses;
  history: number[];
  encoded: { mu: Float32Array; logvar: Float32Array };
  encodedLevels: { mu: Float32Array; logvar: Float32Array };
  decoded: Float32Array;
  views: Float32Array[];
}

/** Everything that has a batch of its own. */
async function askAll(device: Device): Promise<Answers> {
  const vae = await Vae.create(device, data, config);
  try {
    await vae.train();
    const { model } = vae;
    const encoded = await vae.encode(data.test.images);
    const decoded = await vae.decode(encoded.mu);
    const many = viewCapacity(model, 64);
    const decoder = new LiveDecoder(model, many);
    const encoder = new LiveEncoder(model, data.test.images, 2500);
    const reconstructor = new LiveReconstructor(model, many);
    decoder.run(encoded.mu.subarray(0, 2 * many));
    for (let first = 0; first < encoder.count; first += encoder.batch) encoder.run(first);
    reconstructor.run(data.test.images.subarray(0, many * ROWS * COLUMNS));
    const views = [await download(device, decoder.pixels), await download(device, encoder.heads)];
    views.push(await download(device, reconstructor.pixels));
    for (const view of [decoder, encoder, reconstructor]) view.dispose();
    return {
      evaluated: await vae.evaluate(data.test),
      history: vae.history.map(({ test: { kld } }) => kld),
      encoded,
      encodedLevels: await vae.encode(decoded),
      decoded,
      views,
    };
  } finally {
    vae.dispose();
  }
}

test('where 500 images do not fit, fewer are taken at once: training, evaluating, looking give the same', async ({
  device,
}) => {
  const expected = await askAll(device);
  // 157 of 600 images at once.
  const limits = { maxStorageBufferBindingSize: 96 * KIB, maxBufferSize: 200 * KIB };
  await withLimits(limits, async (small) => {
    const { evaluated, history, ...rest } = await askAll(small);
    // Which noise an image gets depends on the batch it is in; the KL term has none.
    expect(evaluated.kld).toBeCloseTo(expected.evaluated.kld, 5);
    expect(evaluated.bce).toBeCloseTo(expected.evaluated.bce, 0);
    for (const [i, kld] of history.entries()) expect(kld).toBeCloseTo(expected.history[i]!, 5);
    const { evaluated: _, history: __, ...others } = expected;
    expect(rest).toEqual(others);
    expect(small.allocatedBytes).toBe(0);
  });
});

test('views of a device where few images fit hold as many as do; more is an error that names them', async () => {
  await withLimits({ maxStorageBufferBindingSize: 96 * KIB }, async (device) => {
    const vae = await Vae.create(device, data, config);
    const most = viewCapacity(vae.model, 1000);
    expect(most).toBe(Math.floor((96 * KIB) / (4 * ROWS * COLUMNS)));
    new LiveDecoder(vae.model, most).dispose();
    expect(() => new LiveDecoder(vae.model, most + 1)).toThrow(DeviceLimitError);
    expect(new LiveEncoder(vae.model, data.test.images, 1000).batch).toBe(most);
    vae.dispose();
  });
});

test('more images than one buffer holds are encoded, in pieces', async ({ device }) => {
  const whole = await Vae.create(device, data, config);
  const set = images(1500, 43);
  const expected = await whole.encode(set.images);
  whole.dispose();
  await withLimits({ maxStorageBufferBindingSize: 96 * KIB }, async (small) => {
    const vae = await Vae.create(small, data, config);
    // 1500 x 156 bytes are 228.5 KiB.
    expect(await vae.encode(set.images)).toEqual(expected);
    expect((await vae.decode(normalNumbers(3000, 1))).length).toBe(1500 * ROWS * COLUMNS);
    vae.dispose();
  });
});

test('at most 500 rows, as ever, and with the default limits for 260 x 260 and 290 x 290 fewer', async () => {
  const MIB = KIB * KIB;
  await withLimits({ maxStorageBufferBindingSize: 128 * MIB, maxBufferSize: 256 * MIB }, async (device) => {
    const rows = (side: number, hidden = [512, 256]) =>
      rowsThatFit(device, settledVae({ hidden, latent: 2 }, side ** 2), 500);
    expect(rows(28)).toBe(500);
    expect(rows(259)).toBe(500);
    expect(rows(260)).toBe(496);
    expect(rows(290)).toBe(398);
    expect(rows(8000)).toBe(1);
    // The widest place may be a hidden layer.
    expect(rows(28, [84_100])).toBe(398);
  });
});
