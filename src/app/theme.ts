import { barColor, classColors, MOST_COLORS } from 'webgpu-vae';
import type { Color } from './painter.ts';

/** `#rrggbb` -> red, green, blue in [0, 1]. */
function parse(color: string): Color {
  const bits = Number.parseInt(color.slice(1), 16);
  return [((bits >> 16) & 255) / 255, ((bits >> 8) & 255) / 255, (bits & 255) / 255];
}

/** What is drawn rather than styled takes its colours from here. */
export interface Theme {
  /** A digit's background and its strokes. */
  paper: Color;
  ink: Color;
  background: string;
  text: string;
  faint: string;
  grid: string;
  accent: string;
}

/** Colours of the points of `slots` classes: one each or, of more classes than there are colours, a bar of them. */
export function pointColors(slots: number): readonly Color[] {
  const colors =
    slots > MOST_COLORS
      ? Array.from({ length: MOST_COLORS }, (_, i) => barColor(i / (MOST_COLORS - 1)))
      : classColors(slots);
  return colors.map(parse);
}

const LIGHT = {
  paper: '#ffffff',
  ink: '#16181d',
  background: '#ffffff',
  text: '#16181d',
  faint: '#5b6270',
  grid: '#e4e7ec',
  accent: '#2456c5',
};
const DARK = {
  paper: '#14171c',
  ink: '#f2f4f7',
  background: '#14171c',
  text: '#e8eaee',
  faint: '#9aa3b2',
  grid: '#2b313b',
  accent: '#8db4ff',
};

const dark = matchMedia('(prefers-color-scheme: dark)');

/** Paper is light, whatever the visitor prefers on the screen. */
let printing = false;
const listeners: (() => void)[] = [];
const changed = (): void => {
  for (const call of listeners) call();
};
dark.addEventListener('change', changed);
for (const [type, begins] of [
  ['beforeprint', true],
  ['afterprint', false],
] as const) {
  addEventListener(type, () => {
    printing = begins;
    if (dark.matches) changed();
  });
}

/** The colours for the visitor's preference, now. */
export function theme(): Theme {
  const colors = dark.matches && !printing ? DARK : LIGHT;
  return { ...colors, paper: parse(colors.paper), ink: parse(colors.ink) };
}

/** Calls when the colours change. */
export function onThemeChange(call: () => void): void {
  listeners.push(call);
}
