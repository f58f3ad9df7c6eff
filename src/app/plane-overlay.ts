import { formatNumber } from './numbers.ts';
import type { Theme } from './theme.ts';

export interface Point {
  x: number;
  y: number;
}

/** The part of the plane that is seen: a square around a point, in units of z. */
export interface Frame {
  x: number;
  y: number;
  /** Half the side. */
  half: number;
}

/** q(z|x) of a drawn digit: mean and standard deviation on both axes. */
export interface Ellipse extends Point {
  sigmaX: number;
  sigmaY: number;
}

export interface Overlay {
  frame: Frame;
  /** Side of the square canvas, and of one CSS pixel, in its pixels. */
  side: number;
  ratio: number;
  axes: readonly [string, string];
  medians: readonly (Point & { text: string })[];
  /** Lines that end where something is now. */
  trails?: readonly { color: string; points: readonly Point[] }[] | undefined;
  cursor: Point | undefined;
  /** None, one or both ends of an interpolation. */
  ends: readonly Point[];
  ellipse: Ellipse | undefined;
  /** A z drawn from what the ellipse shows. */
  sample?: Point | undefined;
  theme: Theme;
}

/** The place of a point on the square canvas, in its pixels. */
export function toPixels({ x, y, half }: Frame, side: number, point: Point): Point {
  return { x: ((point.x - x + half) / (2 * half)) * side, y: ((y + half - point.y) / (2 * half)) * side };
}

export function fromPixels({ x, y, half }: Frame, side: number, pixel: Point): Point {
  return { x: x - half + (pixel.x / side) * 2 * half, y: y + half - (pixel.y / side) * 2 * half };
}

/** The smallest of 1, 2, 5 × 10^k that divides `span` into at most `most` steps. */
function niceStep(span: number, most: number): number {
  const power = 10 ** Math.floor(Math.log10(span / most));
  return ([1, 2, 5].find((factor) => span / (factor * power) <= most) ?? 10) * power;
}

/** Draws everything that lies over the points: ticks, class labels, the pointer's place, interpolation, ellipse. */
export function drawOverlay(context: CanvasRenderingContext2D, overlay: Overlay): void {
  const { side, ratio, frame, theme } = overlay;
  context.clearRect(0, 0, side, side);
  context.save();
  drawTicks(context, overlay);
  drawTrails(context, overlay);
  drawMedians(context, overlay);
  context.lineWidth = 2 * ratio;
  const at = (point: Point) => toPixels(frame, side, point);
  const { ends, cursor, ellipse, sample } = overlay;
  if (ends.length === 2) {
    const [a, b] = ends.map(at) as [Point, Point];
    outlined(context, overlay, () => {
      context.moveTo(a.x, a.y);
      context.lineTo(b.x, b.y);
    });
  }
  for (const [i, end] of ends.entries()) mark(context, overlay, at(end), 'AB'[i]!);
  if (ellipse) {
    const center = at(ellipse);
    const unit = side / (2 * frame.half);
    for (const sigmas of [1, 2]) {
      const radiusX = Math.max(2 * ratio, sigmas * ellipse.sigmaX * unit);
      const radiusY = Math.max(2 * ratio, sigmas * ellipse.sigmaY * unit);
      outlined(context, overlay, () => context.ellipse(center.x, center.y, radiusX, radiusY, 0, 0, 2 * Math.PI));
    }
    mark(context, overlay, center, 'drawn');
  }
  if (sample) mark(context, overlay, at(sample), 'z', true);
  if (cursor) {
    const { x, y } = at(cursor);
    outlined(context, overlay, () => context.arc(x, y, 7 * ratio, 0, 2 * Math.PI));
    context.fillStyle = theme.accent;
    context.fillRect(x - ratio, y - ratio, 2 * ratio, 2 * ratio);
  }
  context.restore();
}

/** Strokes a path in the accent colour on a rim of the background, so that it is seen on everything. */
function outlined(context: CanvasRenderingContext2D, { ratio, theme }: Overlay, path: () => void): void {
  for (const [color, width] of [
    [theme.background, 4],
    [theme.accent, 2],
  ] as const) {
    context.beginPath();
    path();
    context.strokeStyle = color;
    context.lineWidth = width * ratio;
    context.stroke();
  }
}

/** @param below whether the text stands below the mark */
function mark(context: CanvasRenderingContext2D, overlay: Overlay, { x, y }: Point, text: string, below = false): void {
  const { ratio, theme } = overlay;
  outlined(context, overlay, () => context.arc(x, y, 3 * ratio, 0, 2 * Math.PI));
  // Beside the mark, however long it is.
  label(
    context,
    overlay,
    text,
    { x: x + (8 + 4 * text.length) * ratio, y: y + (below ? 12 : -12) * ratio },
    theme.accent,
    13,
  );
}

function label(
  context: CanvasRenderingContext2D,
  { ratio, theme }: Overlay,
  text: string,
  { x, y }: Point,
  color: string,
  size: number,
): void {
  context.font = `bold ${size * ratio}px system-ui, sans-serif`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.lineJoin = 'round';
  context.lineWidth = Math.min(4, size / 4) * ratio;
  context.strokeStyle = theme.background;
  context.strokeText(text, x, y);
  context.fillStyle = color;
  context.fillText(text, x, y);
}

function drawTrails(context: CanvasRenderingContext2D, { trails = [], frame, side, ratio, theme }: Overlay): void {
  context.lineJoin = 'round';
  for (const { color, points } of trails) {
    const places = points.map((point) => toPixels(frame, side, point));
    for (const [stroke, width] of [
      [theme.background, 5],
      [color, 2.5],
    ] as const) {
      context.beginPath();
      for (const { x, y } of places) context.lineTo(x, y);
      context.strokeStyle = stroke;
      context.lineWidth = width * ratio;
      context.stroke();
    }
    for (const { x, y } of places) {
      context.beginPath();
      context.arc(x, y, 3 * ratio, 0, 2 * Math.PI);
      context.fillStyle = color;
      context.fill();
    }
  }
}

function drawMedians(context: CanvasRenderingContext2D, overlay: Overlay): void {
  const { frame, side, theme, ratio } = overlay;
  const spots = overlay.medians
    .map((median) => ({ ...toPixels(frame, side, median), text: median.text }))
    .filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  // While all classes lie on one spot, ten labels there say nothing.
  const span = (values: number[]): number => Math.max(...values) - Math.min(...values);
  const [width, height] = [span(spots.map(({ x }) => x)), span(spots.map(({ y }) => y))];
  if (!(Math.max(width, height) > 60 * ratio)) return;
  // Many labels are small ones, and too many for the space they lie in are none: they may not cover the points.
  const size = Math.max(9, Math.min(17, 17 * Math.sqrt(16 / spots.length)));
  const covered = spots.length * (1.2 * size * ratio) ** 2;
  if (spots.length > 16 && covered > 0.5 * width * height) return;
  const places = partLabels(spots, 1.2 * size * ratio);
  for (const [i, { text }] of spots.entries()) label(context, overlay, text, places[i]!, theme.text, size);
}

/** Moves labels apart until none is nearer than `distance` to another, or nearly so. */
function partLabels(spots: readonly Point[], distance: number): Point[] {
  const places = spots.map(({ x, y }) => ({ x, y }));
  for (let round = 0; round < 50; round++) {
    for (const [i, a] of places.entries()) {
      for (const b of places.slice(0, i)) {
        const gap = Math.hypot(a.x - b.x, a.y - b.y);
        if (gap >= distance) continue;
        // Equal spots part along a fixed direction.
        const angle = gap > 0 ? Math.atan2(a.y - b.y, a.x - b.x) : i;
        const push = (distance - gap) / 2;
        a.x += push * Math.cos(angle);
        a.y += push * Math.sin(angle);
        b.x -= push * Math.cos(angle);
        b.y -= push * Math.sin(angle);
      }
    }
  }
  return places;
}

function drawTicks(context: CanvasRenderingContext2D, overlay: Overlay): void {
  const { frame, side, ratio, theme, axes } = overlay;
  const step = niceStep(2 * frame.half, 8);
  const decimals = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  const small = 11;
  context.globalAlpha = 0.9;
  for (let value = Math.ceil((frame.x - frame.half) / step) * step; value < frame.x + frame.half; value += step) {
    const { x } = toPixels(frame, side, { x: value, y: 0 });
    if (x < 40 * ratio || x > side - 30 * ratio) continue;
    label(context, overlay, formatNumber(value, decimals), { x, y: side - 10 * ratio }, theme.faint, small);
  }
  for (let value = Math.ceil((frame.y - frame.half) / step) * step; value < frame.y + frame.half; value += step) {
    const { y } = toPixels(frame, side, { x: 0, y: value });
    if (y < 30 * ratio || y > side - 30 * ratio) continue;
    label(context, overlay, formatNumber(value, decimals), { x: 16 * ratio, y }, theme.faint, small);
  }
  label(context, overlay, axes[0], { x: side - 14 * ratio, y: side - 10 * ratio }, theme.text, 13);
  label(context, overlay, axes[1], { x: 16 * ratio, y: 12 * ratio }, theme.text, 13);
  context.globalAlpha = 1;
}
