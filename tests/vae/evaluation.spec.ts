import { compare, report, testValues, U } from '../../src/check/check.ts';
import { sigmoidOf } from '../../src/check/reference/dense.ts';
import { STREAMS, standardNormal } from '../../src/check/reference/random.ts';
import { decode, type Losses as Expected, encode, type Parameters, vaeLosses } from '../../src/check/reference/vae.ts';
import type { ImageSet } from '../../src/data/dataset.ts';
import type { Device } from '../../src/gpu/device.ts';
import type { Losses } from '../../src/train/losses.ts';
import { Vae } from '../../src/vae/vae.ts';
import { expect, test } from '../support/fixtures.ts';

const ROWS = 3;
const COLUMNS = 7;
const PIXELS = ROWS * COLUMNS;
const CONFIG = { hidden: [8], latent: 3, batch: 16, seed: 11, beta: 2 };
const { latent, beta, seed } = CONFIG;
/** Images of an evaluation step, and of a submission of `encode` and `decode`: what lies at its ends is looked at. */
const BATCH = 500;
/** As in src/check/vae.ts: what the layers' sums and the noise round. */
const RELATIVE_TOLERANCE = 64 * U;

/** Images that all differ from each other. */
function imagesOf(count: number, first = 0): ImageSet {
  const images = Uint8Array.from(testValues(count * PIXELS, 51 + first), (value) => 128 * (value + 1));
  return { images, labels: new Uint8Array(count), count, rows: ROWS, columns: COLUMNS };
}

function imageOf({ images }: ImageSet, index: number): Float64Array {
  return Float64Array.from(images.subarray(index * PIXELS, (index + 1) * PIXELS), (byte) => byte / 255);
}

/** In float64: batches in order, the last one smaller, each with the noise of its number and of a row's place in it. */
function evaluation(set: ImageSet, parameters: Parameters): Expected {
  const mean = { loss: 0, bce: 0, kld: 0 };
  for (let first = 0; first < set.count; first += BATCH) {
    const batch = Math.min(BATCH, set.count - first);
    const x = Float64Array.from({ length: batch * PIXELS }, (_, i) => set.images[first * PIXELS + i]! / 255);
    const step = first / BATCH;
    const noise = (_: unknown, i: number) => standardNormal(i, step, STREAMS.evaluate, seed).value;
    const eps = Array.from({ length: batch * latent }, noise);
    const losses = vaeLosses({ ...CONFIG, imageSize: PIXELS, x, eps, batch }, parameters);
    for (const key of ['loss', 'bce', 'kld'] as const) mean[key] += (losses[key] * batch) / set.count;
  }
  return mean;
}

/** @param summands how large the numbers are whose differences the values are */
function near(label: string, got: ArrayLike<number>, values: ArrayLike<number>, summands = 0): void {
  expect(got, label).toHaveLength(values.length);
  const largest = Array.from(values).reduce((max, value) => Math.max(max, Math.abs(value)), summands);
  const expected = {
    values: Float64Array.from(values),
    tolerance: new Float64Array(values.length).fill(RELATIVE_TOLERANCE * largest),
  };
  const { ok, message } = report(label, [compare(label, got, expected)]);
  expect(ok, message).toBe(true);
}

async function withTrained(
  device: Device,
  testSet: ImageSet,
  use: (vae: Vae, parameters: Parameters) => Promise<void>,
): Promise<void> {
  const vae = await Vae.create(device, { name: 'noise', train: imagesOf(100), test: testSet }, CONFIG);
  try {
    // Some steps, so that neither the posteriors nor the step's number are those of the beginning.
    await vae.advance(20);
    const named = await vae.parameters();
    await use(vae, new Map(named.map(({ name, data }) => [name, data])));
    expect(await vae.parameters(), 'looking changes no parameter').toEqual(named);
  } finally {
    vae.dispose();
  }
}

test('evaluation gives what float64 gives with the same noise, over whole batches and the rest', async ({ device }) => {
  const set = imagesOf(2 * BATCH + 103, 1);
  await withTrained(device, set, async (vae, parameters) => {
    const whole = await vae.evaluate();
    expect(await vae.evaluate(), 'the same every time').toEqual(whole);
    const others = [imagesOf(BATCH + 1, 2), imagesOf(BATCH, 3), imagesOf(1, 4)];
    const results: [string, ImageSet, Losses][] = [['the test set', set, whole]];
    for (const other of others) results.push([`${other.count} images`, other, await vae.evaluate(other)]);
    for (const [name, images, { loss, bce, kld }] of results) {
      const expected = evaluation(images, parameters);
      near(`BCE of ${name}`, [bce], [expected.bce]);
      // Near the prior its terms are differences of numbers near 1.
      near(`KL of ${name}`, [kld], [expected.kld], latent);
      near(`loss of ${name}`, [loss], [expected.bce + beta * expected.kld]);
    }
  });
});

test('encode gives every image its own posterior, at the ends of submissions too', async ({ device }) => {
  await withTrained(device, imagesOf(10), async (vae, parameters) => {
    for (const count of [1, BATCH - 1, BATCH, 2 * BATCH + 1]) {
      const set = imagesOf(count, count);
      const { mu, logvar } = await vae.encode(set.images);
      const expected = Array.from({ length: count }, (_, i) => encode(CONFIG, parameters, imageOf(set, i)));
      const all = (key: 'mu' | 'logvar') => expected.flatMap((posterior) => Array.from(posterior[key]));
      near(`mu of ${count} images`, mu, all('mu'));
      near(`logvar of ${count} images`, logvar, all('logvar'));
    }
  });
});

test('decode gives every z its own pixels, at the ends of submissions too; sample decodes its own z', async ({
  device,
}) => {
  await withTrained(device, imagesOf(10), async (vae, parameters) => {
    const pixelsOf = (z: ArrayLike<number>) =>
      Array.from({ length: z.length / latent }, (_, i) => Array.from(z).slice(i * latent, (i + 1) * latent)).flatMap(
        (row) => Array.from(decode(CONFIG, parameters, row), sigmoidOf),
      );
    for (const count of [1, BATCH, 2 * BATCH + 1]) {
      const z = testValues(count * latent, count).map((value) => 3 * value);
      near(`pixels of ${count} z`, await vae.decode(z), pixelsOf(z));
    }
    for (const own of [seed, 6]) {
      const z = Array.from({ length: 5 * latent }, (_, i) => standardNormal(i, 0, STREAMS.sample, own).value);
      near(`samples of seed ${own}`, await (own === seed ? vae.sample(5) : vae.sample(5, own)), pixelsOf(z));
    }
  });
});
