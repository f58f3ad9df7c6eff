import type { SKRSContext2D } from '@napi-rs/canvas';
import { type ImageSize, imageLength } from 'webgpu-vae';
import { INK } from './page.ts';

/** How one image becomes a cell of a picture: each pixel `up` × `up` screen pixels, or `down` × `down` pixels averaged. */
export interface Cell {
  rows: number;
  columns: number;
  /** Of a pixel: 1, grey, or 3. */
  channels: number;
  up: number;
  down: number;
  /** Screen pixels. */
  width: number;
  height: number;
}

/** The most screen pixels that a cell may take. */
export interface CellLimit {
  width: number;
  height: number;
}

/**
 * The cell for images of this size: magnified by the largest integer that keeps the longer side within
 * `target` screen pixels, unscaled if that is 1, reduced by an integer only where it would exceed `limit`.
 */
export function fitCell(image: ImageSize, target: number, limit: CellLimit): Cell {
  const { rows, columns, channels = 1 } = image;
  const up = Math.max(1, Math.floor(target / Math.max(rows, columns)));
  const down = Math.max(1, Math.ceil(columns / limit.width), Math.ceil(rows / limit.height));
  const [width, height] = [Math.ceil(columns / down) * up, Math.ceil(rows / down) * up];
  return { rows, columns, channels, up, down, width, height };
}

/** The sentence under a grid of images: their size, what the levels mean and how they were scaled. */
export function cellNote({ rows, columns, channels, up, down }: Cell): string {
  const scale = down > 1 ? `, reduced ${down} times` : up > 1 ? `, magnified ${up} times` : '';
  const levels = channels === 1 ? 'intensity 0 (black) to 1 (white)' : 'red, green and blue from 0 to 1';
  return `${rows} × ${columns} pixels, ${levels}${scale}`;
}

/** The size of a stack of equal images; `what` names it in errors. */
export interface Stack extends ImageSize {
  what: string;
  count: number;
}

/**
 * Levels 0–255 of `count` images; f32 pixels are clamped to [0, 1], NaN becomes 0, u8 pixels are taken as they are.
 * @param images (count, rows * columns * channels), u8 in [0, 255] or f32 in [0, 1], row-major.
 * @throws RangeError when a size is not a positive integer, or the length is not count * rows * columns * channels.
 */
export function levelsOf(images: Uint8Array | Float32Array, { what, count, ...image }: Stack): Uint8Array {
  const { rows, columns, channels = 1 } = image;
  if (!(Number.isInteger(rows) && Number.isInteger(columns) && rows > 0 && columns > 0)) {
    throw new RangeError(
      `${what}: got images of ${rows} x ${columns} pixels, expected positive integers: check the data set`,
    );
  }
  if (!(Number.isInteger(count) && count > 0)) {
    throw new RangeError(`${what}: got ${count} images, expected a positive integer: pass at least one image`);
  }
  const expected = count * imageLength(image);
  if (images.length !== expected) {
    throw new RangeError(
      `${what}: got ${images.length} ${channels > 1 ? 'numbers' : 'pixels'}, expected ${expected} (${count} x ${rows} x ${columns}${channels > 1 ? ` x ${channels}` : ''}): check the shape`,
    );
  }
  if (images instanceof Uint8Array) return images;
  const levels = new Uint8ClampedArray(expected);
  for (let i = 0; i < expected; i++) levels[i] = 255 * images[i]; // the store rounds, clamps and turns NaN into 0
  return new Uint8Array(levels.buffer);
}

/** Draws image number `index` of `levels` with its top left corner at (x, y). */
export function drawCell(
  ctx: SKRSContext2D,
  levels: Uint8Array,
  index: number,
  cell: Cell,
  x: number,
  y: number,
): void {
  const { up, down, channels, width, height } = cell;
  const out = ctx.createImageData(width, height);
  const data = out.data;
  const base = index * imageLength(cell);
  for (let row = 0; row < height; row++) {
    if (row % up !== 0) {
      data.copyWithin(row * width * 4, (row - 1) * width * 4, row * width * 4);
      continue;
    }
    for (let column = 0; column < width; column++) {
      const r = Math.floor(row / up) * down;
      const c = Math.floor(column / up) * down;
      const at = (row * width + column) * 4;
      for (let i = 0; i < 3; i++) {
        // All three from the one channel of a grey image.
        data[at + i] = i < channels ? boxMean(levels, base + i, cell, r, c) : data[at]!;
      }
      data[at + 3] = 255;
    }
  }
  ctx.putImageData(out, x, y);
}

/** Mean level of one channel in the `down` × `down` box at (r, c), cut off at the image's edge. */
function boxMean(levels: Uint8Array, base: number, cell: Cell, r: number, c: number): number {
  const { rows, columns, channels, down } = cell;
  if (down === 1) return levels[base + (r * columns + c) * channels]!;
  const rEnd = Math.min(rows, r + down);
  const cEnd = Math.min(columns, c + down);
  let sum = 0;
  for (let i = r; i < rEnd; i++) for (let j = c; j < cEnd; j++) sum += levels[base + (i * columns + j) * channels]!;
  return Math.round(sum / ((rEnd - r) * (cEnd - c)));
}

/** A hairline just outside the given area, so that images as bright as the page still end somewhere. */
export function frame(ctx: SKRSContext2D, x: number, y: number, width: number, height: number): void {
  ctx.strokeStyle = INK.axis;
  ctx.lineWidth = 1;
  ctx.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
}
