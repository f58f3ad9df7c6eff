import type { Picture } from './png.ts';

/** For each place along an axis of the result: the first place of the source that it takes from, and how much of each. */
interface Tap {
  first: number;
  weights: number[];
}

/**
 * Scales a picture, rows and columns each on their own: linear interpolation when it grows; when it shrinks, the triangle is as
 * wide as what becomes one pixel, so that no line is lost (as Pillow's BILINEAR does).
 */
export function resized(picture: Picture, size: { rows: number; columns: number }): Picture {
  const { levels, rows, columns, channels = 1 } = picture;
  if (rows === size.rows && columns === size.columns) return picture;
  const across = taps(columns, size.columns);
  const down = taps(rows, size.rows);
  const width = size.columns * channels;
  const narrow = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) {
    for (const [column, { first, weights }] of across.entries()) {
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (const [i, weight] of weights.entries()) {
          sum += weight * levels[(row * columns + first + i) * channels + c]!;
        }
        narrow[row * width + column * channels + c] = sum;
      }
    }
  }
  const result = new Uint8Array(size.rows * width);
  for (const [row, { first, weights }] of down.entries()) {
    for (let at = 0; at < width; at++) {
      let sum = 0;
      for (const [i, weight] of weights.entries()) sum += weight * narrow[(first + i) * width + at]!;
      result[row * width + at] = Math.round(sum);
    }
  }
  return { ...picture, levels: result, rows: size.rows, columns: size.columns };
}

function taps(from: number, to: number): Tap[] {
  const scale = from / to;
  const reach = Math.max(1, scale);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const last = Math.min(from - 1, Math.ceil(centre + reach - 0.5) - 1);
    const weights = Array.from({ length: last - first + 1 }, (_, j) =>
      Math.max(0, 1 - Math.abs(first + j + 0.5 - centre) / reach),
    );
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}
