import type { ImageSize } from 'webgpu-vae';
import { element } from './dom.ts';
import { PAD, type Stroke, strokeAll } from './pad.ts';

/**
 * Strokes as an image, made as MNIST was: scaled to fit 20 of 28 pixels, then shifted so that the centre of mass is in the
 * middle. Levels, row by row, those of the channels side by side: all grey. Undefined without a stroke.
 */
export function rasterize(
  strokes: readonly Stroke[],
  { rows, columns, channels = 1 }: ImageSize,
): Uint8Array | undefined {
  const points = strokes.flat();
  if (points.length === 0) return undefined;
  const [left, right] = extent(points.map(({ x }) => x));
  const [top, bottom] = extent(points.map(({ y }) => y));
  const scale = ((20 / 28) * Math.min(rows, columns)) / Math.max(right - left + PAD.pen, bottom - top + PAD.pen);
  const place = (dx: number, dy: number): Uint8Array => {
    const sheet = element('canvas', { width: columns, height: rows });
    const context = sheet.getContext('2d', { willReadFrequently: true })!;
    context.fillStyle = '#000';
    context.fillRect(0, 0, columns, rows);
    const moved = strokes.map((stroke) =>
      stroke.map(({ x, y }) => ({
        x: (x - (left + right) / 2) * scale + columns / 2 + dx,
        y: (y - (top + bottom) / 2) * scale + rows / 2 + dy,
      })),
    );
    strokeAll(context, moved, '#fff', Math.max(PAD.pen * scale, (2.2 * columns) / 28));
    const { data } = context.getImageData(0, 0, columns, rows);
    return Uint8Array.from({ length: rows * columns }, (_, i) => data[4 * i]!);
  };
  const first = place(0, 0);
  const mass = first.reduce((sum, level) => sum + level, 0);
  if (mass === 0) return undefined;
  const centre = (along: (i: number) => number) => first.reduce((sum, level, i) => sum + level * along(i), 0) / mass;
  const x = centre((i) => (i % columns) + 0.5);
  const y = centre((i) => Math.floor(i / columns) + 0.5);
  const grey = place(columns / 2 - x, rows / 2 - y);
  return Uint8Array.from({ length: grey.length * channels }, (_, i) => grey[Math.floor(i / channels)]!);
}

function extent(values: number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}
