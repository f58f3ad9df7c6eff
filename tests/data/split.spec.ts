import { expect, test } from 'playwright/test';
import { DataError, type ImageSet } from '../../src/data/dataset.ts';
import { setAside, transposed } from '../../src/data/split.ts';

/** Images of 1 x 2 pixels that carry their number. */
function numbered(count: number, labels = true): ImageSet {
  const images = Uint8Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? (i >> 1) & 255 : i >> 9));
  const set = { images, count, rows: 1, columns: 2 };
  return labels ? { ...set, labels: Uint16Array.from({ length: count }, (_, i) => i) } : set;
}

const numbersOf = ({ images, count }: ImageSet): number[] =>
  Array.from({ length: count }, (_, i) => images[2 * i]! + 256 * images[2 * i + 1]!);

test('setting aside parts the images, in their order, with their labels', () => {
  const set = numbered(1000);
  for (const n of [1, 2, 300, 998, 999]) {
    const { train, test: held } = setAside(set, n);
    expect([train.count, held.count]).toEqual([1000 - n, n]);
    for (const part of [train, held]) {
      const numbers = numbersOf(part);
      expect(numbers).toEqual(Array.from(part.labels!));
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    }
    expect([...numbersOf(train), ...numbersOf(held)].sort((a, b) => a - b)).toEqual(numbersOf(set));
  }
  expect(setAside(numbered(10, false), 3).test.labels).toBeUndefined();
});

test('what is set aside is spread over a file that is sorted by class, and over one whose classes take turns', () => {
  const chosen = numbersOf(setAside(numbered(10_000), 1000).test);
  for (const classOf of [(i: number) => Math.floor(i / 1000), (i: number) => i % 10]) {
    const counts = new Array<number>(10).fill(0);
    for (const i of chosen) counts[classOf(i)]!++;
    // 1000 draws from ten classes: 100 ± 9.5 each. The draw is fixed, so this holds or does not.
    for (const count of counts) expect(Math.abs(count - 100)).toBeLessThan(40);
  }
});

test('the same images are set aside every time: a run that is resumed needs them', () => {
  // Written down, so that another version of the program is seen to choose otherwise.
  expect(numbersOf(setAside(numbered(60), 8).test)).toEqual([3, 22, 24, 29, 31, 40, 48, 53]);
});

test('as many as there are, none or a part of one are refused', () => {
  for (const n of [0, -1, 10, 11, 1.5, Number.NaN]) {
    expect(() => setAside(numbered(10), n)).toThrow(DataError);
    expect(() => setAside(numbered(10), n)).toThrow(`expected 1 to 9 of the 10 training images, got ${n}`);
  }
});

test('transposing exchanges rows and columns, twice changes nothing', () => {
  const set: ImageSet = { images: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), count: 2, rows: 2, columns: 3 };
  const turned = transposed(set);
  expect(turned).toEqual({
    images: Uint8Array.of(1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12),
    count: 2,
    rows: 3,
    columns: 2,
  });
  expect(transposed(turned)).toEqual(set);
  const colours = transposed({ ...set, rows: 1, columns: 2, channels: 3 });
  expect(colours).toEqual({ ...set, rows: 2, columns: 1, channels: 3 });
});
