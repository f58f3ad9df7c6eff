/** What the library is handed, and what it makes of it. */
import { DisposedError } from '../../src/index.ts';
import { LiveDecoder, LiveEncoder, LiveReconstructor } from '../../src/vae/live.ts';
import { Vae } from '../../src/vae/vae.ts';
import { tinyData } from '../reliability/tiny-data.ts';
import { expect, test } from '../support/fixtures.ts';

const data = tinyData();
const config = { hidden: [8], batch: 16, epochs: 2, seed: 4 };
const PIXELS = 21;

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  // Math.max keeps NaN.
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}

test('encode takes levels from 0 to 1 as decode gives them, and means the same by them as by bytes', async ({
  device,
}) => {
  const vae = await Vae.create(device, data, config);
  try {
    await vae.train();
    const bytes = data.test.images;
    const fromBytes = await vae.encode(bytes);
    const fromLevels = await vae.encode(Float32Array.from(bytes, (level) => level / 255));
    for (const part of ['mu', 'logvar'] as const) {
      expect(largestDifference(fromLevels[part], fromBytes[part])).toBeLessThan(1e-5);
    }
    const sampled = await vae.sample(501);
    const exact = await vae.encode(sampled);
    const rounded = await vae.encode(Uint8Array.from(sampled, (level) => Math.round(255 * level)));
    const black = await vae.encode(new Uint8Array(sampled.length));
    const step = largestDifference(exact.mu, rounded.mu);
    expect(step).toBeGreaterThan(0);
    // Half a level of each pixel is not much; all of it is.
    expect(largestDifference(exact.mu, black.mu)).toBeGreaterThan(20 * step);
    // At any count, also of two batches.
    const one = await vae.encode(sampled.subarray(500 * PIXELS));
    expect(one.mu).toEqual(exact.mu.slice(1000));
    expect(await vae.encode(new Uint8ClampedArray(bytes))).toEqual(fromBytes);
  } finally {
    vae.dispose();
  }
});

test('decode takes plain arrays, and each call has its own copy of what it was given', async ({ device }) => {
  const vae = await Vae.create(device, data, config);
  try {
    const z = Float32Array.of(0.5, -1, 2, 0.25);
    const expected = await vae.decode(z);
    expect(await vae.decode([0.5, -1, 2, 0.25])).toEqual(expected);
    expect(await vae.decode(Float64Array.from(z))).toEqual(expected);
    // What is not finite is not hidden, and harms no other row.
    const mixed = await vae.decode([Number.NaN, 0, ...z, 0, Number.POSITIVE_INFINITY, 1e39, 0]);
    expect(mixed.slice(PIXELS, 3 * PIXELS)).toEqual(expected);
    for (const row of [0, 3, 4]) expect(mixed.slice(row * PIXELS, (row + 1) * PIXELS).every(Number.isNaN)).toBe(true);
    const images = data.test.images.slice(0, 5 * PIXELS);
    const encoded = await vae.encode(images);
    const calls = [vae.evaluate(), vae.decode(z), vae.encode(images)];
    z.fill(7);
    images.fill(7);
    const [, decoded, again] = await Promise.all(calls);
    expect(decoded).toEqual(expected);
    expect(again).toEqual(encoded);
  } finally {
    vae.dispose();
  }
});

test('what cannot be meant is refused with what was expected, what came, and a remedy', async ({ device }) => {
  const vae = await Vae.create(device, data, config);
  try {
    const floats = new Float32Array(PIXELS);
    const odd = (value: number): Float32Array => floats.with(3, value);
    const wrong = (value: unknown) => value as Uint8Array;
    const refused: [Promise<unknown>, string][] = [
      [
        vae.encode(new Uint8Array(22)),
        'encode: images has 22 bytes, expected a positive multiple of D=21: pass whole images',
      ],
      [vae.encode(new Uint8Array(0)), 'encode: images has 0 bytes'],
      [vae.encode(new Float32Array(20)), 'encode: images has 20 levels, expected a positive multiple of D=21'],
      [
        vae.encode(wrong(new Array(21).fill(0))),
        'encode: images is Array, expected Uint8Array with levels from 0 to 255, or',
      ],
      [vae.encode(wrong(new Float64Array(21))), 'encode: images is Float64Array'],
      [vae.encode(wrong(data.test)), 'encode: images is Object'],
      [vae.encode(wrong(undefined)), 'encode: images is Undefined'],
      [vae.encode(odd(255)), 'encode: images[3] is 255, expected levels from 0 to 1: divide by the largest'],
      [vae.encode(odd(Number.NaN)), 'encode: images[3] is NaN'],
      [vae.encode(odd(-0.5)), 'encode: images[3] is -0.5'],
      [vae.decode([0]), 'decode: z has 1 values, expected a positive multiple of L=2: pass whole rows'],
      [vae.decode([]), 'decode: z has 0 values'],
      [
        vae.decode([[0, 0]] as unknown as number[]),
        "decode: z[0] is Array, expected numbers: pass the rows' values one after",
      ],
      [vae.decode([0, '1'] as unknown as number[]), 'decode: z[1] is String, expected numbers'],
      [
        vae.decode({ length: 2 } as unknown as number[]),
        'decode: z is Object, expected Float32Array or an array of numbers',
      ],
      [vae.evaluate({ ...data.test, count: 3 }), 'evaluate: set.images has 4200 bytes, expected 63 for 3 images'],
      [vae.evaluate({ ...data.test, labels: new Uint8Array(3) }), 'evaluate: set.labels has 3 elements, expected 200'],
      [
        vae.evaluate({ images: new Uint8Array(24), labels: new Uint8Array(2), count: 2, rows: 3, columns: 4 }),
        'evaluate: images of 4 x 3 have 12 pixels, expected 21',
      ],
      [
        Vae.create(device, { ...data, train: { ...data.train, count: 199 } }, config),
        'create: train.images has 4200 bytes',
      ],
      [
        Vae.create(device, { ...data, test: { ...data.test, rows: 7, columns: 3 } }, config),
        'create: test images are 3 x 7, expected 7 x 3',
      ],
    ];
    // All at once: one that is not looked at yet when it is rejected would end the process.
    const outcomes = await Promise.all(
      refused.map(([call]) =>
        call.then(
          () => 'it fulfils',
          (error: Error) => error.message,
        ),
      ),
    );
    for (const [i, [, message]] of refused.entries()) expect(outcomes[i]).toContain(message);
  } finally {
    vae.dispose();
  }
});

test('views refuse numbers of rows that are not theirs', async ({ device }) => {
  const vae = await Vae.create(device, data, config);
  const { model } = vae;
  const before = device.allocatedBytes;
  for (const count of [0, -1, 1.5, Number.NaN]) {
    expect(() => new LiveDecoder(model, count)).toThrow(
      `live decode: count is ${count}, expected a whole number from 1`,
    );
    expect(() => new LiveReconstructor(model, count)).toThrow(`live reconstruct: count is ${count}`);
    expect(() => new LiveEncoder(model, data.test.images, count)).toThrow(`live encode: batch is ${count}`);
  }
  expect(device.allocatedBytes).toBe(before);
  const encoder = new LiveEncoder(model, data.test.images, 60);
  for (const first of [-1, 200, 1.5, Number.NaN]) {
    expect(() => encoder.run(first)).toThrow(`live encode: first is ${first}, expected a whole number from 0 to 199`);
  }
  encoder.run(199);
  encoder.dispose();
  expect(() => encoder.run(199)).toThrow(DisposedError);
  const decoder = new LiveDecoder(model, 3);
  const reconstructor = new LiveReconstructor(model, 3);
  for (const rows of [2, 4]) {
    expect(() => decoder.run(new Float32Array(2 * rows))).toThrow(
      `live decode: the input has ${2 * rows} elements, expected 6`,
    );
    expect(() => reconstructor.run(new Uint8Array(PIXELS * rows))).toThrow(
      `live reconstruct: the input has ${PIXELS * rows} elements, expected 63`,
    );
  }
  decoder.dispose();
  reconstructor.dispose();
  for (const view of [decoder, reconstructor]) {
    expect(() => view.run()).toThrow(/^live \w+: it was disposed of: make another one$/);
  }
  vae.dispose();
});

test('parameters whose values are more or fewer than their shape are refused, not written over the next ones', async ({
  device,
}) => {
  const donor = await Vae.create(device, data, config);
  const parameters = await donor.parameters();
  const snapshot = await donor.snapshot();
  donor.dispose();
  for (const change of [-1, 1]) {
    const wrong = parameters.map((tensor, i) =>
      i === 2 ? { ...tensor, data: new Float32Array(tensor.data.length + change) } : tensor,
    );
    const { name, data: values } = parameters[2]!;
    const message = `parameters: ${name} has ${values.length + change} values, expected ${values.length} for`;
    await expect(Vae.create(device, data, config, { parameters: wrong })).rejects.toThrow(message);
    await expect(Vae.create(device, data, {}, { snapshot: { ...snapshot, v: wrong } })).rejects.toThrow(message);
  }
});
