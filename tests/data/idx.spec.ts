import fc from 'fast-check';
import { expect, test } from 'playwright/test';
import { DataError, labelsOf, makeDataSet, takeFirst } from '../../src/data/dataset.ts';
import { idxFileBytes, parseIdxImages, parseIdxLabels } from '../../src/data/idx.ts';
import { idxFile, wideLabels } from './idx-file.ts';

const images = idxFile([2, 3, 4]);
const labels = idxFile([2]);

/** A copy of the images with one header byte changed. */
function withByte(index: number, value: number): Uint8Array {
  const bytes = Uint8Array.from(images);
  bytes[index] = value;
  return bytes;
}

test('images are read with their sizes, as a view', () => {
  const parsed = parseIdxImages(images, 'a');
  expect(parsed).toEqual({ images: Uint8Array.from({ length: 24 }, (_, i) => i), count: 2, rows: 3, columns: 4 });
  expect(parsed.images.buffer).toBe(images.buffer);
});

test('images of rank 4 are in colour, with the channels last or first, or grey with one', () => {
  const colours = parseIdxImages(idxFile([2, 5, 7, 3]), 'a');
  expect(colours).toMatchObject({ count: 2, rows: 5, columns: 7, channels: 3 });
  expect([...colours.images.subarray(0, 6)]).toEqual([0, 1, 2, 3, 4, 5]);
  const planes = parseIdxImages(idxFile([2, 3, 5, 7]), 'a');
  expect(planes).toMatchObject({ count: 2, rows: 5, columns: 7, channels: 3 });
  expect([...planes.images.subarray(0, 6)]).toEqual([0, 35, 70, 1, 36, 71]);
  expect([...planes.images.subarray(105, 111)]).toEqual([105, 140, 175, 106, 141, 176]);
  // Where either may be meant, the channels are last.
  expect(parseIdxImages(idxFile([2, 3, 7, 3]), 'a')).toMatchObject({ rows: 3, columns: 7, channels: 3 });
  for (const sizes of [
    [2, 5, 7, 1],
    [2, 1, 5, 7],
  ]) {
    const grey = { images: idxFile(sizes).subarray(20), count: 2, rows: 5, columns: 7 };
    expect(parseIdxImages(idxFile(sizes), 'a')).toEqual(grey);
  }
});

test('labels are read', () => {
  expect(parseIdxLabels(labels, 'a')).toEqual(Uint8Array.of(0, 1));
});

test('a file that lies at an offset in a larger buffer is read', () => {
  const buffer = new Uint8Array(images.length + 7);
  buffer.set(images, 7);
  expect(parseIdxImages(buffer.subarray(7), 'a').images[23]).toBe(23);
});

const badImages: [title: string, bytes: Uint8Array, message: RegExp][] = [
  ['empty', new Uint8Array(), /^read images: some-file is empty: /],
  ['shorter than the magic', images.subarray(0, 3), /has 3 bytes, expected a header of 16: the file is truncated/],
  ['cut in the header', images.subarray(0, 15), /has 15 bytes, expected a header of 16: the file is truncated/],
  ['cut after the header', images.subarray(0, 16), /shape \(2, 3, 4\) and so 24 bytes of data, got 0: .*truncated/],
  ['one byte short', images.subarray(0, -1), /24 bytes of data, got 23: .*truncated/],
  ['one byte too long', Uint8Array.of(...images, 0), /24 bytes of data, got 25: .*after its end/],
  ['wrong first byte', withByte(0, 1), /begins with 01 00 08 03, expected 00 00 08 03.*not an IDX file/],
  ['wrong second byte', withByte(1, 9), /begins with 00 09 08 03/],
  ['packed twice', Uint8Array.of(0x1f, 0x8b, 8, 0, ...images), /is gzip data, packed twice, .*: unpack it once/],
  ['elements of 32-bit floats', withByte(2, 0x0d), /elements are 32-bit floats/],
  ['elements of no known type', withByte(2, 0x77), /unknown type 119/],
  ['labels in place of images', labels, /its rank is 1; .*exchanged/],
  ['rank 5', idxFile([2, 3, 4, 3, 1]), /rank 3 or 4\): its rank is 5; .*\(count, rows, columns, 3\)/],
  ['four channels', idxFile([2, 5, 7, 4]), /shape \(2, 5, 7, 4\), expected .* 1 channel or 3: leave transparency out/],
  ['no channels', idxFile([2, 5, 7, 0]), /shape \(2, 5, 7, 0\), expected sizes of at least 1/],
  ['rank 2', idxFile([2, 12]), /its rank is 2; one row for each image, so .*\(count, rows, columns\)/],
  ['rank 0', Uint8Array.of(0, 0, 8, 0), /its rank is 0/],
  ['no images', idxFile([0, 3, 4]), /shape \(0, 3, 4\), expected sizes of at least 1/],
  ['no rows', idxFile([2, 0, 4]), /shape \(2, 0, 4\), expected/],
  ['no columns', idxFile([2, 3, 0]), /shape \(2, 3, 0\), expected/],
  ['sizes beyond all memory', idxFile([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], 24), /got 24: .*truncated/],
];
for (const [title, bytes, message] of badImages) {
  test(`images are refused: ${title}`, () => {
    const parse = () => parseIdxImages(bytes, 'some-file');
    expect(parse).toThrow(DataError);
    expect(parse).toThrow(message);
    expect(parse).toThrow(/^[^\n]*some-file[^\n]*: [^\n]+$/);
  });
}

const badLabels: [title: string, bytes: Uint8Array, message: RegExp][] = [
  ['empty', new Uint8Array(), /^read labels: some-file is empty: /],
  ['cut in the header', labels.subarray(0, 6), /has 6 bytes, expected a header of 8/],
  ['one byte short', labels.subarray(0, -1), /shape \(2\) and so 2 bytes of data, got 1: .*truncated/],
  ['one byte too long', Uint8Array.of(...labels, 0), /2 bytes of data, got 3: .*after its end/],
  ['images in place of labels', images, /its rank is 3; .*exchanged/],
  ['no labels', idxFile([0]), /shape \(0\), expected sizes of at least 1/],
  ['rank 2', idxFile([2, 8]), /its rank is 2; keep one number for each image, its class, or leave the file away/],
  ['floats', Uint8Array.of(0, 0, 0x0d, 1, 0, 0, 0, 1, 0, 0, 0, 0), /elements are 32-bit floats; .*needs no labels/],
  ['cut in a 16-bit label', wideLabels(0x0b, [1, 2]).subarray(0, -1), /so 4 bytes of data, got 3: .*truncated/],
  ['below 0', wideLabels(0x0c, [1, -1]), /has the label -1 at image 1, expected 0 or more: number the classes from 0/],
];
for (const [title, bytes, message] of badLabels) {
  test(`labels are refused: ${title}`, () => {
    const parse = () => parseIdxLabels(bytes, 'some-file');
    expect(parse).toThrow(DataError);
    expect(parse).toThrow(message);
  });
}

test('labels of 16- and 32-bit integers are read, more than 256 classes of them', () => {
  expect(parseIdxLabels(wideLabels(0x0b, [3, 256, 65535]), 'a')).toEqual(Uint16Array.of(3, 256, 65535));
  expect(parseIdxLabels(wideLabels(0x0c, [3, 70_000, 2 ** 31 - 1]), 'a')).toEqual(
    Uint32Array.of(3, 70_000, 2 ** 31 - 1),
  );
});

test("a file's first bytes tell its size, if they are of an IDX file", () => {
  expect(idxFileBytes(images.subarray(0, 16))).toBe(images.length);
  expect(idxFileBytes(wideLabels(0x0c, [1, 2, 3]))).toBe(8 + 12);
  for (const other of [images.subarray(0, 15), new Uint8Array(), Uint8Array.of(0x1f, 0x8b, 8, 0), new Uint8Array(20)]) {
    expect(idxFileBytes(other)).toBeUndefined();
  }
});

test('whatever happens to a file, it is read completely or refused with a DataError', () => {
  const damaged = fc.record({
    at: fc.nat(images.length - 1),
    value: fc.nat(255),
    length: fc.nat(images.length + 4),
  });
  fc.assert(
    fc.property(damaged, ({ at, value, length }) => {
      const bytes = new Uint8Array(length);
      bytes.set(withByte(at, value).subarray(0, length));
      try {
        const { images: data, count, rows, columns } = parseIdxImages(bytes, 'a');
        expect(data.length).toBe(count * rows * columns);
        expect(data.length + 16).toBe(length);
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
      }
    }),
    { numRuns: 2000, seed: 0 },
  );
});

test('there are as many labels as images', () => {
  const names = { images: 'the-images', labels: 'the-labels' };
  expect(labelsOf(2, labels, names)).toHaveLength(2);
  const tooMany = () => labelsOf(2, idxFile([3]), names);
  expect(tooMany).toThrow(DataError);
  expect(tooMany).toThrow(/^read labels: the-labels has 3 labels, expected 2 as the-images has images: /);
});

test('training and test images need the same size', () => {
  const set = (rows: number, columns: number) => parseIdxImages(idxFile([2, rows, columns]), 'a');
  expect(makeDataSet('d', set(3, 4), set(3, 4)).name).toBe('d');
  for (const other of [set(4, 3), set(3, 5)]) {
    expect(() => makeDataSet('d', set(3, 4), other)).toThrow(DataError);
  }
  expect(() => makeDataSet('d', set(3, 4), set(4, 3))).toThrow(/test images are 3 x 4, expected 4 x 3/);
});

test('the first images of a set are views on it', () => {
  const set = { ...parseIdxImages(images, 'a'), labels: labelsOf(2, labels, { images: 'a', labels: 'b' }) };
  const first = takeFirst(set, 1);
  expect(first).toEqual({ images: set.images.slice(0, 12), labels: Uint8Array.of(0), count: 1, rows: 3, columns: 4 });
  expect(first.images.buffer).toBe(set.images.buffer);
  expect(takeFirst(set, 2)).toEqual(set);
  const { labels: _, ...unlabelled } = set;
  expect(takeFirst(unlabelled, 1)).toEqual({ images: set.images.slice(0, 12), count: 1, rows: 3, columns: 4 });
  for (const n of [0, -1, 3, 1.5, Number.NaN]) {
    expect(() => takeFirst(set, n)).toThrow(DataError);
    expect(() => takeFirst(set, n)).toThrow(`expected 1 to 2 images, got ${n}`);
  }
});
