import './home.ts';
import { createRequire } from 'node:module';
import { type Canvas, createCanvas, GlobalFonts, type SKRSContext2D } from '@napi-rs/canvas';

/** The family under which the bundled DejaVu Sans is registered; a private name, so no installed font can answer for it. */
export const FONT_FAMILY = 'webgpu-vae DejaVu Sans';

/** Colours of everything that is not data. */
export const INK = { background: '#ffffff', text: '#1a1a1a', faint: '#595959', axis: '#8c8c8c', grid: '#e6e6e6' };

const MARGIN = 24;
const TITLE = { font: `bold 18px "${FONT_FAMILY}"`, line: 24, color: INK.text };
const SMALL = { font: `13px "${FONT_FAMILY}"`, line: 19, color: INK.faint };
/** Narrower pages would break a title into many short lines. */
const MIN_CONTENT_WIDTH = 480;

type TextStyle = typeof SMALL;

/** Registers the bundled font; a machine without a desktop has none of its own. */
function registerFonts(): void {
  if (GlobalFonts.has(FONT_FAMILY)) return;
  const require = createRequire(import.meta.url);
  for (const file of ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf']) {
    const path = require.resolve(`dejavu-fonts-ttf/ttf/${file}`);
    if (GlobalFonts.registerFromPath(path, FONT_FAMILY) === null) {
      throw new Error(`pictures: cannot read the font ${path}, expected a TrueType file: reinstall with npm ci`);
    }
  }
}

/**
 * A transparent canvas of `width` by `height` pixels on which {@link FONT_FAMILY} can be used.
 * @throws Error when the bundled font cannot be read.
 */
export function blankCanvas(width: number, height: number): Canvas {
  registerFonts();
  return createCanvas(width, height);
}

/** Breaks `text` between words so that no line is wider than `width` pixels, unless a single word is. */
function wrap(ctx: SKRSContext2D, text: string, font: string, width: number): string[] {
  ctx.font = font;
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && ctx.measureText(`${last} ${word}`).width <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines;
}

/** What a page says around its drawing, and how large the drawing is (pixels). */
export interface PageOptions {
  title: string;
  /** A smaller line under the title. */
  subtitle?: string;
  /** A smaller line under the drawing. */
  note?: string;
  width: number;
  height: number;
}

/** A white page with its texts set; the drawing goes at (`left`, `top`), `width` by `height` pixels. */
export interface Page {
  ctx: SKRSContext2D;
  left: number;
  top: number;
  width: number;
  height: number;
  /** Of the page itself. */
  fullWidth: number;
  /** The finished page as PNG bytes. */
  png(): Buffer;
  /** The finished page: (height, width, 4) u8. */
  rgba(): { width: number; height: number; rgba: Uint8ClampedArray };
}

/** Opens a page with a title above, an optional note below and equal margins around a drawing of the given size. */
export function openPage(options: PageOptions): Page {
  const { title, subtitle, note, width, height } = options;
  const contentWidth = Math.max(width, MIN_CONTENT_WIDTH);
  const measure = blankCanvas(1, 1).getContext('2d');
  const lay = (text: string | undefined, style: TextStyle) => ({
    style,
    lines: text ? wrap(measure, text, style.font, contentWidth) : [],
  });
  const head = [lay(title, TITLE), lay(subtitle, SMALL)];
  const foot = lay(note, SMALL);
  const heightOf = (block: { style: TextStyle; lines: string[] }) => block.style.line * block.lines.length;
  const top = MARGIN + heightOf(head[0]) + heightOf(head[1]) + 12;
  const bottom = top + height + (foot.lines.length > 0 ? 10 : 0);

  const canvas = blankCanvas(contentWidth + 2 * MARGIN, bottom + heightOf(foot) + MARGIN);
  const ctx = canvas.getContext('2d');
  ctx.fillStyle = INK.background;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.textBaseline = 'middle';
  const write = ({ style, lines }: { style: TextStyle; lines: string[] }, y: number) => {
    ctx.font = style.font;
    ctx.fillStyle = style.color;
    lines.forEach((line, i) => {
      ctx.fillText(line, MARGIN, y + (i + 0.5) * style.line);
    });
  };
  write(head[0], MARGIN);
  write(head[1], MARGIN + heightOf(head[0]));
  write(foot, bottom);
  return {
    ctx,
    left: MARGIN + Math.floor((contentWidth - width) / 2),
    top,
    width,
    height,
    fullWidth: canvas.width,
    png: () => canvas.toBuffer('image/png'),
    rgba() {
      const { width, height } = canvas;
      return { width, height, rgba: ctx.getImageData(0, 0, width, height).data };
    },
  };
}
