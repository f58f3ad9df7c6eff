import gifenc from 'gifenc';
import { type ImageSize, imageLength } from 'webgpu-vae';
import { FONT_FAMILY, INK, openPage } from './page.ts';
import { cellNote, drawCell, fitCell, frame, levelsOf } from './raster.ts';

const GAP = 6;
const CELL_SIDE = 84;
const ROW_WIDTH = 720;
const LABEL = 18;
/** Below the images: where between its ends the animation is. */
const SLIDER = 44;
const KNOB = 6;
/** Milliseconds; a GIF counts in hundredths of a second. */
const FRAME_MS = 80;
const END_MS = 400;

/** What {@link animation} draws. */
export interface AnimationOptions extends ImageSize {
  /** (n * steps, rows * columns * channels) f32 in [0, 1]: all steps of the first of n images, then of the second. */
  images: Float32Array;
  steps: number;
  title: string;
  subtitle: string;
  /** What stands above each of the n images. */
  labels?: readonly string[];
  /** What stands at the slider's two ends. */
  ends: readonly [string, string];
}

/**
 * Images side by side that go through their steps and back, for ever.
 * @returns the bytes of an animated GIF.
 * @throws RangeError when there is no image, or the length is not that of whole animations.
 */
export function animation(options: AnimationOptions): Uint8Array {
  const { images, steps, rows, columns, channels = 1 } = options;
  const image = { rows, columns, channels };
  const count = images.length / imageLength(image);
  const levels = levelsOf(images, { what: 'animation', count, ...image });
  const gif = gifenc.GIFEncoder();
  const order = [...Array(steps).keys(), ...Array.from({ length: Math.max(0, steps - 2) }, (_, i) => steps - 2 - i)];
  for (const step of order) {
    const { width, height, rgba } = drawStep(options, levels, count / steps, step);
    const delay = step === 0 || step === steps - 1 ? END_MS : FRAME_MS;
    const { palette, index } = channels === 1 ? greys(rgba) : colours(rgba);
    gif.writeFrame(index, width, height, { palette, delay });
  }
  gif.finish();
  return gif.bytes();
}

/** A picture in at most 256 colours: the palette, and each pixel's place in it. */
interface Indexed {
  palette: [number, number, number][];
  index: Uint8Array;
}

/** Where everything that is drawn is grey, no level is lost. */
function greys(rgba: Uint8ClampedArray): Indexed {
  return { palette: GREYS, index: Uint8Array.from({ length: rgba.length / 4 }, (_, i) => rgba[4 * i]!) };
}

/** Those 256 that come closest to the colours of a frame. */
function colours(rgba: Uint8ClampedArray): Indexed {
  const palette = gifenc.quantize(rgba, 256);
  return { palette, index: gifenc.applyPalette(rgba, palette) };
}

const GREYS = Array.from({ length: 256 }, (_, level): [number, number, number] => [level, level, level]);

function drawStep(
  { steps, rows, columns, channels = 1, title, subtitle, labels, ends }: AnimationOptions,
  levels: Uint8Array,
  count: number,
  step: number,
) {
  const across = Math.min(count, Math.max(1, Math.ceil(Math.sqrt((count * rows) / columns))));
  const down = Math.ceil(count / across);
  const cell = fitCell({ rows, columns, channels }, Math.min(2 * CELL_SIDE, ROW_WIDTH / across), {
    width: 480,
    height: 480,
  });
  const labelHeight = labels ? LABEL : 0;
  const pitchX = cell.width + GAP;
  const pitchY = cell.height + labelHeight + GAP;
  const page = openPage({
    title,
    subtitle,
    note: cellNote(cell),
    width: across * pitchX - GAP,
    height: down * pitchY - GAP + SLIDER,
  });
  const { ctx, left, top } = page;
  ctx.font = `13px "${FONT_FAMILY}"`;
  ctx.fillStyle = INK.text;
  ctx.textAlign = 'center';
  for (let i = 0; i < count; i++) {
    const x = left + (i % across) * pitchX;
    const y = top + Math.floor(i / across) * pitchY;
    if (labels) ctx.fillText(labels[i] ?? '', x + cell.width / 2, y + labelHeight / 2);
    frame(ctx, x, y + labelHeight, cell.width, cell.height);
    drawCell(ctx, levels, i * steps + step, cell, x, y + labelHeight);
  }
  drawSlider(
    ctx,
    { left: 24, right: page.fullWidth - 24, y: top + down * pitchY - GAP + SLIDER / 2 + 6 },
    ends,
    step / (steps - 1),
  );
  return page.rgba();
}

function drawSlider(
  ctx: ReturnType<typeof openPage>['ctx'],
  { left, right, y }: { left: number; right: number; y: number },
  [from, to]: readonly [string, string],
  part: number,
): void {
  ctx.textAlign = 'left';
  ctx.fillText(from, left, y);
  const start = left + ctx.measureText(from).width + 12;
  ctx.textAlign = 'right';
  ctx.fillText(to, right, y);
  const end = right - ctx.measureText(to).width - 12;
  ctx.strokeStyle = INK.axis;
  ctx.beginPath();
  ctx.moveTo(start, y);
  ctx.lineTo(end, y);
  ctx.stroke();
  ctx.beginPath();
  ctx.arc(start + part * (end - start), y, KNOB, 0, 2 * Math.PI);
  ctx.fill();
}
