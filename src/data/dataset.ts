/** Labelled images in memory: what a model is trained on and measured with. */

import { parseLabels } from './arrays.ts';
import { DataError } from './errors.ts';
import type { Labels } from './idx.ts';

export { DataError } from './errors.ts';
export type { Labels } from './idx.ts';

/** Images of one size, grey or in colour, with or without labels. */
export interface ImageSet {
  /** (count, rows, columns, channels) u8, row-major; 0 is black, 255 white. */
  images: Uint8Array;
  /** (count): the class of each image, 0 or more. Training does not need them; pictures are coloured by them. */
  labels?: Labels;
  count: number;
  rows: number;
  columns: number;
  /** Of a pixel: 3 are red, green and blue. Default 1, grey. */
  channels?: number;
}

/** The size of images, as a set or a picture has it. */
export type ImageSize = Pick<ImageSet, 'rows' | 'columns' | 'channels'>;

/** Bytes, or numbers, of one image. */
export function imageLength({ rows, columns, channels = 1 }: ImageSize): number {
  return rows * columns * channels;
}

/** `28 x 28`, `32 x 32 x 3`: columns, rows and, of colour images, channels. */
export function showSize({ rows, columns, channels = 1 }: ImageSize): string {
  return `${columns} x ${rows}${channels > 1 ? ` x ${channels}` : ''}`;
}

export function isSameSize(a: ImageSize, b: ImageSize): boolean {
  return a.rows === b.rows && a.columns === b.columns && (a.channels ?? 1) === (b.channels ?? 1);
}

/** A training and a test set whose images have the same size. */
export interface DataSet {
  name: string;
  train: ImageSet;
  test: ImageSet;
  /** What class c is called, where that is known. */
  classNames?: readonly string[];
}

/**
 * The labels of `count` images.
 * @throws DataError when the file is malformed or has more or fewer labels
 */
export function labelsOf(count: number, labelBytes: Uint8Array, names: { images: string; labels: string }): Labels {
  const labels = parseLabels(labelBytes, names.labels);
  if (labels.length !== count) {
    throw new DataError(
      `read labels: ${names.labels} has ${labels.length} labels, expected ${count} as ${names.images} has images: use files that belong together`,
    );
  }
  return labels;
}

/**
 * Joins a training and a test set.
 * @throws DataError when their images differ in size
 */
export function makeDataSet(name: string, train: ImageSet, test: ImageSet): DataSet {
  if (!isSameSize(train, test)) {
    throw new DataError(
      `make data set ${name}: test images are ${showSize(test)}, expected ${showSize(train)} as the training images: use files that belong together`,
    );
  }
  return { name, train, test };
}

/**
 * The first `n` images of a set, as views.
 * @throws DataError unless `n` is an integer from 1 to `set.count`
 */
export function takeFirst(set: ImageSet, n: number): ImageSet {
  if (!Number.isInteger(n) || n < 1 || n > set.count) {
    throw new DataError(
      `take the first images: expected 1 to ${set.count} images, got ${n}: ask for a number in that range`,
    );
  }
  return {
    ...set,
    images: set.images.subarray(0, n * imageLength(set)),
    ...(set.labels && { labels: set.labels.subarray(0, n) }),
    count: n,
  };
}
