import type { ImageSize } from 'webgpu-vae';
import { inverseNormalCdf } from './normal.ts';
import { FONT_FAMILY, INK, openPage } from './page.ts';
import { cellNote, drawCell, fitCell, frame, levelsOf } from './raster.ts';

/** Latents for a picture of the 2-D latent plane. */
export interface ManifoldGrid {
  /** (n * n, 2) f32, row-major from the top left: z₁ grows to the right, z₂ grows upwards. */
  z: Float32Array;
  /** The n values that both coordinates take, ascending: Φ⁻¹((i + ½)/n). */
  ticks: number[];
}

/**
 * The centres of n × n cells of equal probability under N(0, I).
 * @throws RangeError when `n` is not a positive integer.
 */
export function manifoldGrid(n: number): ManifoldGrid {
  if (!(Number.isInteger(n) && n > 0)) {
    throw new RangeError(`manifoldGrid: got n = ${n}, expected a positive integer: give the cells per side`);
  }
  const ticks = Array.from({ length: n }, (_, i) => inverseNormalCdf((i + 0.5) / n));
  const z = new Float32Array(2 * n * n);
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < n; column++) {
      z[2 * (row * n + column)] = ticks[column];
      z[2 * (row * n + column) + 1] = ticks[n - 1 - row];
    }
  }
  return { z, ticks };
}

/** What {@link manifold} draws. */
export interface ManifoldOptions extends ImageSize {
  /** (n * n, rows * columns * channels) f32 in [0, 1]: the decoded `z` of {@link manifoldGrid}, in its order. */
  images: Float32Array;
  n: number;
  title: string;
  subtitle?: string;
  /** The dimensions of z along the axes, counted from 1; default 1 and 2. */
  dims?: readonly [number, number];
}

/** Screen pixels that the sheet is magnified to at most, and beyond which it is reduced. */
const SHEET_SIDE = 1120;
const SHEET_LIMIT = 2400;

const AXIS_LEFT = 84;
const AXIS_BOTTOM = 56;

/** One decimal less would make neighbours equal; a true minus sign is as wide as a digit. */
function tickLabel(value: number): string {
  return (Object.is(value, -0) ? 0 : value).toFixed(2).replace('-', '−');
}

/** `₁₂` of 12. */
export function subscript(value: number): string {
  return String(value).replace(/\d/g, (digit) => String.fromCharCode(0x2080 + Number(digit)));
}

/** Cells to label along an axis: every k-th, centred, at least `room` pixels apart. */
function labelled(n: number, pitch: number, room: number): number[] {
  const every = Math.max(1, Math.ceil(room / pitch));
  const start = Math.floor(((n - 1) % every) / 2);
  return Array.from({ length: Math.floor((n - 1 - start) / every) + 1 }, (_, i) => start + i * every);
}

/**
 * The decoded latent plane as one gapless sheet, with the values of z₁ and z₂ on its axes.
 * @returns PNG bytes.
 * @throws RangeError when the length is not n * n * rows * columns * channels, or `n` is not a positive integer.
 */
export function manifold(options: ManifoldOptions): Buffer {
  const { images, n, rows, columns, channels = 1, title } = options;
  const image = { rows, columns, channels };
  const [first, second] = (options.dims ?? [1, 2]).map(subscript);
  const { ticks } = manifoldGrid(n);
  const levels = levelsOf(images, { what: 'manifold', count: n * n, ...image });
  const limit = Math.max(1, SHEET_LIMIT / n);
  const cell = fitCell(image, Math.min(168, SHEET_SIDE / n), { width: limit, height: limit });
  const width = n * cell.width;
  const height = n * cell.height;
  const page = openPage({
    title,
    subtitle: options.subtitle ?? 'decoded z at the centres of cells of equal probability under N(0, I)',
    note: cellNote(cell),
    width: AXIS_LEFT + width,
    height: height + AXIS_BOTTOM,
  });
  const { ctx } = page;
  const left = page.left + AXIS_LEFT;
  const top = page.top;
  for (let i = 0; i < n * n; i++) {
    drawCell(ctx, levels, i, cell, left + (i % n) * cell.width, top + Math.floor(i / n) * cell.height);
  }
  frame(ctx, left, top, width, height);

  ctx.font = `13px "${FONT_FAMILY}"`;
  ctx.strokeStyle = INK.axis;
  ctx.fillStyle = INK.text;
  ctx.beginPath();
  ctx.textAlign = 'center';
  for (const i of labelled(n, cell.width, 48)) {
    const x = left + (i + 0.5) * cell.width;
    ctx.moveTo(x, top + height + 1);
    ctx.lineTo(x, top + height + 6);
    ctx.fillText(tickLabel(ticks[i]), x, top + height + 16);
  }
  ctx.textAlign = 'right';
  for (const i of labelled(n, cell.height, 20)) {
    const y = top + (n - 0.5 - i) * cell.height;
    ctx.moveTo(left - 6, y);
    ctx.lineTo(left - 1, y);
    ctx.fillText(tickLabel(ticks[i]), left - 10, y);
  }
  ctx.stroke();

  ctx.font = `14px "${FONT_FAMILY}"`;
  ctx.textAlign = 'center';
  ctx.fillText(`z${first} = Φ⁻¹(quantile)`, left + width / 2, top + height + 42);
  ctx.save();
  ctx.translate(page.left + 10, top + height / 2);
  ctx.rotate(-Math.PI / 2);
  ctx.fillText(`z${second} = Φ⁻¹(quantile)`, 0, 0);
  ctx.restore();
  return page.png();
}
