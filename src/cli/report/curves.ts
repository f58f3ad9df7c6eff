/** Curves of several runs in one chart, as SVG that needs no script. */
import { escapeHtml } from '../export/plane-page.ts';
import { niceStep } from '../pictures/chart.ts';

export interface Curve {
  name: string;
  /** Where the run stands among all: its colour and dashes. */
  place: number;
  points: { x: number; y: number }[];
}

/** Okabe and Ito (2008) without black and yellow, which a dark or a light page would hide. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const DASHES = ['', '8 4', '2 3', '10 3 2 3'];

const WIDTH = 640;
const HEIGHT = 320;
const LEFT = 60;
const RIGHT = 14;
const TOP = 10;
const BOTTOM = 42;
/** The losses before this part of the largest number of epochs would flatten the rest. */
const SKIPPED = 0.1;

/** `stroke` and dashes of a run. */
export function strokeOf(place: number): string {
  const dash = DASHES[Math.floor(place / COLOURS.length) % DASHES.length]!;
  return `stroke="${COLOURS[place % COLOURS.length]}"${dash ? ` stroke-dasharray="${dash}"` : ''}`;
}

/** @returns an svg element; the empty text if there is nothing to draw */
export function curves(title: string, all: readonly Curve[]): string {
  const drawn = all
    .map((curve) => ({ ...curve, points: curve.points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)) }))
    .filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return '';
  const xs = drawn.flatMap(({ points }) => points.map(({ x }) => x));
  const [first, last] = [Math.min(...xs), Math.max(...xs)];
  const counted = drawn.flatMap(({ points }) => {
    const kept = points.filter(({ x }) => x >= first + SKIPPED * (last - first));
    return (kept.length > 0 ? kept : points).map(({ y }) => y);
  });
  const [least, most] = [Math.min(...counted), Math.max(...counted)];
  const margin = Math.max(0.05 * (most - least), 1e-3 * Math.abs(most), 1e-6);
  const [bottom, top] = [least - margin, most + margin];
  const xOf = (x: number) => LEFT + ((x - first) / Math.max(1, last - first)) * (WIDTH - LEFT - RIGHT);
  const yOf = (y: number) => TOP + ((top - y) / (top - bottom)) * (HEIGHT - TOP - BOTTOM);
  const grid = ticks(bottom, top, 6).map(({ value, text }) => {
    const y = yOf(value).toFixed(1);
    return `<path class="grid" d="M${LEFT} ${y}H${WIDTH - RIGHT}"/><text x="${LEFT - 8}" y="${y}" text-anchor="end" dominant-baseline="middle">${text}</text>`;
  });
  const epochs = ticks(first, last, 10, 1).map(
    ({ value, text }) =>
      `<text x="${xOf(value).toFixed(1)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${text}</text>`,
  );
  const lines = drawn.map(({ name, place, points }) => {
    const d = points.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${xOf(x).toFixed(1)} ${yOf(y).toFixed(1)}`).join('');
    const end = points.at(-1)!;
    const tip = `<title>${escapeHtml(name)}: ${end.y.toFixed(2)} after epoch ${end.x}</title>`;
    const dot = `<circle cx="${xOf(end.x).toFixed(1)}" cy="${yOf(end.y).toFixed(1)}" r="3" fill="${COLOURS[place % COLOURS.length]}"/>`;
    return `<g>${tip}<path class="curve" ${strokeOf(place)} d="${d}"/>${dot}</g>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}"><clipPath id="area"><path d="M${LEFT} ${TOP}H${WIDTH}V${HEIGHT - BOTTOM}H${LEFT}Z"/></clipPath>${grid.join('')}${epochs.join('')}<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">epoch</text><g clip-path="url(#area)">${lines.join('')}</g></svg>`;
}

function ticks(from: number, to: number, most: number, least = 0): { value: number; text: string }[] {
  const step = Math.max(least, niceStep(Math.max(to - from, 1e-9), most));
  const decimals = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  const count = Math.floor(to / step + 1e-9) - Math.ceil(from / step - 1e-9) + 1;
  return Array.from({ length: count }, (_, i) => {
    const value = (Math.ceil(from / step - 1e-9) + i) * step;
    return { value, text: value.toFixed(decimals).replace('-', '−') };
  });
}
