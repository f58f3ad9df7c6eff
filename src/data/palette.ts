/**
 * Ten colours told apart under the common colour vision deficiencies: M. A. Petroff, "Accessible Color Sequences for
 * Data Visualization", arXiv:2107.02270 (2021), the sequence of ten. Reordered so that digits which lie side by side in
 * latent space (4, 7 and 9; 3, 5 and 8; 0, 2 and 6) have the colours farthest apart, for every kind of colour vision.
 */
export const PALETTE = [
  '#717581',
  '#b9ac70',
  '#94a4a2',
  '#bd1f01',
  '#92dadd',
  '#ffa90e',
  '#e76300',
  '#a96b59',
  '#832db6',
  '#3f90da',
] as const;

/** Anton Mikhailov's Turbo (2019) without its dark ends, which a dark page would swallow. */
const BAR = ['#4662d7', '#36aaf9', '#1ae4b6', '#72fe5e', '#c7ef34', '#faba39', '#f66b19', '#cb2a04'] as const;

/** More classes than this are not told apart by colour: each gets its place on a colour bar. */
export const MOST_COLORS = 64;

/**
 * Colours for `count` classes, `#rrggbb`. The first ten are the palette's; up to MOST_COLORS each further one is the colour that
 * is farthest from all before it, in OKLab (B. Ottosson, https://bottosson.github.io/posts/oklab, 2020), among those that
 * are seen on white and on black. More classes get neighbouring colours of a bar instead.
 */
export function classColors(count: number): string[] {
  if (count > MOST_COLORS) return Array.from({ length: count }, (_, i) => barColor(i / (count - 1)));
  const chosen: string[] = [...PALETTE];
  if (count <= chosen.length) return chosen.slice(0, count);
  const candidates = seenOnBoth();
  const nearest = new Float64Array(candidates.length).fill(Number.POSITIVE_INFINITY);
  const note = (color: string): void => {
    const lab = oklab(color);
    for (const [i, candidate] of candidates.entries()) {
      const gap = Math.hypot(lab[0] - candidate.lab[0], lab[1] - candidate.lab[1], lab[2] - candidate.lab[2]);
      nearest[i] = Math.min(nearest[i]!, gap);
    }
  };
  for (const color of chosen) note(color);
  while (chosen.length < count) {
    let best = 0;
    for (const [i, gap] of nearest.entries()) if (gap > nearest[best]!) best = i;
    const { color } = candidates[best]!;
    chosen.push(color);
    note(color);
  }
  return chosen;
}

/** The bar's colour at `at` in [0, 1]. */
export function barColor(at: number): string {
  const place = Math.min(1, Math.max(0, at)) * (BAR.length - 1);
  const first = Math.min(BAR.length - 2, Math.floor(place));
  const [from, to] = [channels(BAR[first]!), channels(BAR[first + 1]!)];
  return hexOf(from.map((value, i) => Math.round(value + (place - first) * (to[i]! - value))));
}

type Triple = [number, number, number];

function channels(color: string): Triple {
  const bits = Number.parseInt(color.slice(1), 16);
  return [(bits >> 16) & 255, (bits >> 8) & 255, bits & 255];
}

function hexOf(values: readonly number[]): string {
  return `#${values.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}

function oklab(color: string): Triple {
  const [r, g, b] = channels(color).map((value) => {
    const v = value / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  }) as Triple;
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

/** Colours to choose from: every channel in steps of 17, neither too dark nor too light. */
function seenOnBoth(): { color: string; lab: Triple }[] {
  const all = Array.from({ length: 16 ** 3 }, (_, i) =>
    hexOf([i >> 8, (i >> 4) & 15, i & 15].map((step) => 17 * step)),
  );
  return all.map((color) => ({ color, lab: oklab(color) })).filter(({ lab }) => lab[0] > 0.4 && lab[0] < 0.88);
}
