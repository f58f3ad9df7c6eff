import type { DataSet, ImageSet } from '../../src/data/dataset.ts';

/** Images that differ from each other, of an odd size. */
export function tinyData(count = 200, rows = 3, columns = 7): DataSet {
  const set = (offset: number): ImageSet => {
    const images = Uint8Array.from(
      { length: count * rows * columns },
      (_, i) => (i * 37 + Math.floor(i / 11) + offset) % 256,
    );
    return { images, labels: new Uint8Array(count), count, rows, columns };
  };
  return { name: 'tiny', train: set(0), test: set(101) };
}
