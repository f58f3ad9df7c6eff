import { type ImageSize, imageLength } from 'webgpu-vae';
import { FONT_FAMILY, INK, openPage } from './page.ts';
import { cellNote, drawCell, fitCell, frame, levelsOf } from './raster.ts';

/** Between rows. */
const GAP = 6;
const CELL_SIDE = 84;
const ROW_WIDTH = 1120;
const PAGE_LIMIT = 8000;
const LABEL_WIDTH = 44;
const HEAD = 22;

/** What {@link strips} draws. */
export interface StripsOptions extends ImageSize {
  /** (n * across, rows * columns * channels) f32 in [0, 1]: strip after strip. */
  images: Float32Array;
  /** Images of a strip. */
  across: number;
  title: string;
  subtitle: string;
  /** What stands before each strip. */
  labels?: readonly string[];
  /** What stands above each column of the first strip; as many as there is room for are shown. */
  heads?: readonly string[];
}

/**
 * Images in strips without gaps, one below the other.
 * @returns PNG bytes.
 * @throws RangeError when there is no image, or the length is not that of whole strips.
 */
export function strips(options: StripsOptions): Buffer {
  const { images, across, rows, columns, channels = 1, title, subtitle, labels, heads } = options;
  const image = { rows, columns, channels };
  const count = images.length / imageLength(image);
  const down = count / across;
  const levels = levelsOf(images, { what: 'strips', count, ...image });
  const cell = fitCell(image, Math.min(CELL_SIDE, ROW_WIDTH / across), {
    width: Math.max(1, PAGE_LIMIT / across),
    height: Math.max(1, PAGE_LIMIT / down - GAP),
  });
  const labelWidth = labels ? LABEL_WIDTH : 0;
  const headHeight = heads ? HEAD : 0;
  const page = openPage({
    title,
    subtitle,
    note: cellNote(cell),
    width: labelWidth + across * cell.width,
    height: headHeight + down * (cell.height + GAP) - GAP,
  });
  const { ctx } = page;
  const left = page.left + labelWidth;
  const top = page.top + headHeight;
  ctx.font = `13px "${FONT_FAMILY}"`;
  ctx.fillStyle = INK.text;
  ctx.textAlign = 'center';
  const every = Math.max(1, Math.ceil(44 / cell.width));
  for (const [i, text] of (heads ?? []).entries()) {
    // Counted from the middle, so that it always has its number.
    if (Math.abs(i - Math.floor((across - 1) / 2)) % every !== 0) continue;
    ctx.fillText(text, left + (i + 0.5) * cell.width, page.top + headHeight / 2 - 2);
  }
  ctx.textAlign = 'right';
  for (let row = 0; row < down; row++) {
    const y = top + row * (cell.height + GAP);
    if (labels) ctx.fillText(labels[row] ?? '', left - 10, y + cell.height / 2);
    for (let i = 0; i < across; i++) {
      drawCell(ctx, levels, row * across + i, cell, left + i * cell.width, y);
    }
    frame(ctx, left, y, across * cell.width, cell.height);
  }
  return page.png();
}
