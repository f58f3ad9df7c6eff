import { type ImageSize, imageLength } from 'webgpu-vae';
import { FONT_FAMILY, INK, openPage } from './page.ts';
import { cellNote, drawCell, fitCell, frame, levelsOf } from './raster.ts';

const GAP = 6;
/** Screen pixels that the longer side of a small image is magnified to, at most. */
const CELL_SIDE = 84;
/** Screen pixels beyond which a grid of large images is reduced. */
const PAGE_LIMIT = 2400;
/** Screen pixels that a row of images may take before it is broken. */
const ROW_WIDTH = 960;
const LABEL_FONT = `13px "${FONT_FAMILY}"`;

/** What {@link reconstructions} draws. */
export interface ReconstructionsOptions extends ImageSize {
  /** (count, rows * columns * channels), u8 in [0, 255] or f32 in [0, 1]. */
  originals: Uint8Array | Float32Array;
  /** (count, rows * columns * channels), f32 in [0, 1] (or u8); image i belongs to original i. */
  reconstructions: Uint8Array | Float32Array;
  title: string;
  subtitle?: string;
}

/**
 * Originals above their reconstructions, broken into bands of equal length where one row would be too wide.
 * @returns PNG bytes.
 * @throws RangeError when there is no image, or a length does not fit rows * columns * channels.
 */
export function reconstructions(options: ReconstructionsOptions): Buffer {
  const { originals, rows, columns, channels = 1, title, subtitle } = options;
  const image = { rows, columns, channels };
  const cell = fitCell(image, CELL_SIDE, { width: 240, height: 240 });
  const count = originals.length / imageLength(image);
  const stack = { count, ...image };
  const levels = [
    levelsOf(originals, { what: 'reconstructions: originals', ...stack }),
    levelsOf(options.reconstructions, { what: 'reconstructions: reconstructions', ...stack }),
  ];

  const labelWidth = 112;
  const pitchX = cell.width + GAP;
  const pitchY = cell.height + GAP;
  const most = Math.min(16, Math.max(1, Math.floor((ROW_WIDTH + GAP) / pitchX)));
  const bands = Math.ceil(count / most);
  const perBand = Math.ceil(count / bands);
  const bandPitch = 2 * Math.max(pitchY, 20) + 14;
  const page = openPage({
    title,
    ...(subtitle === undefined ? {} : { subtitle }),
    note: cellNote(cell),
    width: labelWidth + perBand * pitchX - GAP,
    height: bands * bandPitch - 14,
  });
  const { ctx, left, top } = page;
  ctx.font = LABEL_FONT;
  ctx.textAlign = 'right';
  for (let band = 0; band < bands; band++) {
    for (const [line, label] of ['original', 'reconstruction'].entries()) {
      const y = top + band * bandPitch + line * Math.max(pitchY, 20);
      ctx.fillStyle = INK.text;
      ctx.fillText(label, left + labelWidth - 10, y + cell.height / 2);
      for (let i = band * perBand; i < Math.min(count, (band + 1) * perBand); i++) {
        const x = left + labelWidth + (i - band * perBand) * pitchX;
        frame(ctx, x, y, cell.width, cell.height);
        drawCell(ctx, levels[line], i, cell, x, y);
      }
    }
  }
  return page.png();
}

/** What {@link imageGrid} draws. */
export interface ImageGridOptions extends ImageSize {
  /** (count, rows * columns * channels), f32 in [0, 1]. */
  images: Float32Array;
  count: number;
  title: string;
  subtitle?: string;
}

/**
 * Images in reading order on a grid about as wide as high; the last row may be short.
 * @returns PNG bytes.
 * @throws RangeError when there is no image, or the length is not count * rows * columns * channels.
 */
export function imageGrid(options: ImageGridOptions): Buffer {
  const { images, count, rows, columns, channels = 1, title, subtitle } = options;
  const image = { rows, columns, channels };
  const levels = levelsOf(images, { what: 'imageGrid', count, ...image });
  // As many across as make the picture square; flat images therefore get fewer columns than tall ones.
  const across = Math.min(count, Math.max(1, Math.round(Math.sqrt((count * rows) / columns))));
  const down = Math.ceil(count / across);
  const cell = fitCell(image, Math.min(CELL_SIDE, ROW_WIDTH / Math.max(across, down)), {
    width: Math.max(1, PAGE_LIMIT / across - GAP),
    height: Math.max(1, PAGE_LIMIT / down - GAP),
  });
  const page = openPage({
    title,
    ...(subtitle === undefined ? {} : { subtitle }),
    note: cellNote(cell),
    width: across * (cell.width + GAP) - GAP,
    height: down * (cell.height + GAP) - GAP,
  });
  for (let i = 0; i < count; i++) {
    const x = page.left + (i % across) * (cell.width + GAP);
    const y = page.top + Math.floor(i / across) * (cell.height + GAP);
    frame(page.ctx, x, y, cell.width, cell.height);
    drawCell(page.ctx, levels, i, cell, x, y);
  }
  return page.png();
}
