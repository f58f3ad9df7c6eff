import { expect, test } from 'playwright/test';
import { DataError, type DataSet, type ImageSet } from '../../src/data/dataset.ts';
import { checkDataSet, checkImageSet, dataHints } from '../../src/data/validate.ts';

function set(change: Partial<Record<keyof ImageSet, unknown>> = {}): ImageSet {
  const good: ImageSet = { images: new Uint8Array(24), labels: new Uint8Array(2), count: 2, rows: 3, columns: 4 };
  return { ...good, ...change } as ImageSet;
}

const BAD: [change: Partial<Record<keyof ImageSet, unknown>>, message: string][] = [
  [{ count: 3 }, 'train.images has 24 bytes, expected 36 for 3 images of 4 x 3: make count and images agree'],
  [{ images: new Uint8Array(23) }, 'train.images has 23 bytes, expected 24 for 2 images of 4 x 3'],
  [{ count: Number.NaN }, 'train.count is NaN, expected a whole number from 1'],
  [{ count: 0, images: new Uint8Array(0) }, 'train.count is 0'],
  [{ rows: 1.5 }, 'train.rows is 1.5'],
  [{ columns: '4' }, 'train.columns is 4'],
  [{ columns: undefined }, 'train.columns is undefined'],
  [{ labels: new Uint8Array(3) }, 'train.labels has 3 elements, expected 2, one per image'],
  [
    { images: new Float32Array(24) },
    'train.images is Float32Array, expected Uint8Array, one byte per pixel, 0 black to 255',
  ],
  [{ images: new Float64Array(24) }, 'Uint8Array.from(pixels, (pixel) => Math.round(255 * pixel))'],
  [{ images: new Array(24).fill(0) }, 'train.images is Array, expected Uint8Array'],
  [{ images: undefined }, 'train.images is Undefined, expected Uint8Array'],
  [{ channels: 4 }, 'train.channels is 4, expected 1 or 3: grey images have one number for a pixel, colours three'],
  [{ channels: 3 }, 'train.images has 24 bytes, expected 72 for 2 images of 4 x 3 x 3'],
];

for (const [change, message] of BAD) {
  test(`refuses a set with ${Object.keys(change).join(' and ')}: ${message}`, () => {
    const check = () => checkImageSet('evaluate', 'train', set(change));
    expect(check).toThrow(DataError);
    expect(check).toThrow(/^evaluate: train\./);
    expect(check).toThrow(message);
  });
}

test('takes a set of bytes, also as a view, from a buffer of Node, and without labels', () => {
  checkImageSet('evaluate', 'set', set());
  checkImageSet('evaluate', 'set', set({ images: new Uint8Array(100).subarray(7, 31) }));
  checkImageSet('evaluate', 'set', set({ images: Buffer.alloc(24) }));
  checkImageSet('evaluate', 'set', set({ labels: undefined }));
});

test('refuses a test set of other images, or one that contradicts itself', () => {
  const data = (test: ImageSet): DataSet => ({ name: 'd', train: set(), test });
  checkDataSet('create', data(set()));
  expect(() => checkDataSet('create', data(set({ rows: 4, columns: 3 })))).toThrow(
    'create: test images are 3 x 4, expected 4 x 3 as the training images: use files that belong together',
  );
  const colours = set({ channels: 3, count: 2, rows: 1 });
  expect(() =>
    checkDataSet('create', { ...data(colours), train: set({ rows: 1, images: new Uint8Array(8) }) }),
  ).toThrow('create: test images are 4 x 1 x 3, expected 4 x 1 as the training images');
  expect(() => checkDataSet('create', data(set({ count: 1 })))).toThrow('create: test.images has 24 bytes');
});

test('bytes that are all 0 or 1 get a hint, and nothing else does', () => {
  const data = (train: number[], tested = train): DataSet => ({
    name: 'd',
    train: set({ images: Uint8Array.from({ length: 24 }, (_, i) => train[i % train.length]!) }),
    test: set({ images: Uint8Array.from({ length: 24 }, (_, i) => tested[i % tested.length]!) }),
  });
  expect(dataHints(data([0, 1]))).toEqual([expect.stringMatching(/0 or 1 of 255.*multiply the bytes by 255/)]);
  expect(dataHints(data([0]))).toEqual([expect.stringContaining('black')]);
  for (const levels of [[0, 255], [0, 2], [255]]) expect(dataHints(data(levels))).toEqual([]);
  expect(dataHints(data([0, 1], [0, 128]))).toEqual([]);
});
