/** Data sets that contradict themselves are refused before anything is computed from them. */
import { type DataSet, type ImageSet, imageLength, isSameSize, showSize } from './dataset.ts';
import { DataError } from './errors.ts';

/**
 * @param operation who asks, for messages
 * @param name what the set is called there, such as `train`
 * @throws DataError unless sizes are whole numbers from 1, `images` holds count x rows x columns x channels bytes, and there is a label for
 * each image, if there are labels
 */
export function checkImageSet(operation: string, name: string, set: ImageSet): void {
  const fail = (what: string, remedy: string): never => {
    throw new DataError(`${operation}: ${name}.${what}: ${remedy}`);
  };
  const { images, labels, count, rows, columns, channels = 1 } = set;
  for (const [key, value] of Object.entries({ count, rows, columns })) {
    if (!Number.isInteger(value) || value < 1) {
      fail(`${key} is ${String(value)}, expected a whole number from 1`, 'say how many there are');
    }
  }
  if (channels !== 1 && channels !== 3) {
    fail(`channels is ${String(channels)}, expected 1 or 3`, 'grey images have one number for a pixel, colours three');
  }
  const kind = kindOf(images);
  if (kind !== 'Uint8Array') {
    const convert = kind.startsWith('Float')
      ? 'pixels from 0 to 1 become bytes by Uint8Array.from(pixels, (pixel) => Math.round(255 * pixel))'
      : 'convert them';
    fail(
      `images is ${kind}, expected Uint8Array, one byte per ${channels === 1 ? 'pixel' : 'channel of a pixel'}, 0 black to 255 white`,
      convert,
    );
  }
  const expected = count * imageLength(set);
  if (images.length !== expected) {
    const shape = `${count} images of ${showSize(set)}`;
    fail(`images has ${images.length} bytes, expected ${expected} for ${shape}`, 'make count and images agree');
  }
  if (labels !== undefined && labels.length !== count) {
    fail(`labels has ${labels.length} elements, expected ${count}, one per image`, 'take as many labels as images');
  }
}

/** @throws DataError unless both sets are as `checkImageSet` says and their images have the same size */
export function checkDataSet(operation: string, { train, test }: DataSet): void {
  checkImageSet(operation, 'train', train);
  checkImageSet(operation, 'test', test);
  if (!isSameSize(train, test)) {
    throw new DataError(
      `${operation}: test images are ${showSize(test)}, expected ${showSize(train)} as the training images: use files that belong together`,
    );
  }
}

/** What is allowed and hardly meant, in words for whoever chose the data. */
export function dataHints({ train, test }: DataSet): string[] {
  const isDark = ({ images }: ImageSet) => images.every((level) => level <= 1);
  if (!isDark(train) || !isDark(test)) return [];
  return train.images.includes(1)
    ? ['Every pixel is 0 or 1 of 255, almost black: if 1 stands for white, multiply the bytes by 255.']
    : ['Every pixel of the training images is black.'];
}

/** `Float32Array`, `Array`, `undefined`: what something is, in an error's words; also if it comes from another window. */
export function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}
