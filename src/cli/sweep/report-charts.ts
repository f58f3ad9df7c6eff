/** The charts of a report, as SVG. */
import { type Axis, bounds, isRange, toScale, valueText } from './space.ts';
import type { TrialRow } from './store.ts';
import type { StudyFile } from './study-folder.ts';

const WIDTH = 1000;
const HEIGHT = 360;
const MARGIN = { left: 70, right: 90, top: 34, bottom: 26 };
const SCATTER = { width: 340, height: 240, left: 56, right: 16, top: 12, bottom: 44 };

/** Where a value is on an axis, 0 to 1. */
interface Scale {
  at(value: unknown): number;
  ticks: { at: number; text: string }[];
}

/** Trials that have a place on the charts: with a result and a point. */
function shown({ trials }: StudyFile): TrialRow[] {
  return trials.filter(({ outcome, point }) => outcome?.value != null && point !== null);
}

function axisScale(axis: Axis): Scale {
  if (!isRange(axis)) {
    const texts = axis.values.map(valueText);
    const at = (i: number) => (texts.length === 1 ? 0.5 : i / (texts.length - 1));
    return { at: (value) => at(texts.indexOf(valueText(value))), ticks: texts.map((text, i) => ({ at: at(i), text })) };
  }
  const [low, high] = bounds(axis);
  const at = (value: unknown) => (toScale(axis, Number(value)) - low) / (high - low);
  const middle = axis.scale === 'log' ? Math.sqrt(axis.from * axis.to) : (axis.from + axis.to) / 2;
  const values = [axis.from, axis.integer ? Math.round(middle) : Number(middle.toPrecision(2)), axis.to];
  return { at, ticks: values.map((value) => ({ at: at(value), text: String(value) })) };
}

/** Results upwards from the worst to the best; a learning rate that was far too large must not press all others together. */
function resultScale(rows: readonly TrialRow[]): Scale & { better(value: number): number } {
  const values = rows.map(({ outcome }) => outcome!.value!).sort((a, b) => a - b);
  const best = values[0]!;
  const quarter = (q: number) => values[Math.floor(q * (values.length - 1))]!;
  const fence = quarter(0.75) + 3 * (quarter(0.75) - quarter(0.25));
  const worst = Math.max(...values.filter((value) => value <= fence));
  const span = worst - best || 1;
  const at = (value: unknown) => Math.max(0, 1 - (Number(value) - best) / span);
  const isCut = values.at(-1)! > worst;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => ({
    at: part,
    text: `${part === 0 && isCut ? '≥ ' : ''}${(best + (1 - part) * span).toFixed(span < 2 ? 2 : 1)}`,
  }));
  return { at, ticks, better: at };
}

/** From grey to a strong blue-green, both of which either paper bears. */
function colourOf(better: number): string {
  return `hsl(175 ${5 + 75 * better}% ${60 - 24 * better}%)`;
}

function titleOf({ trial, point, outcome }: TrialRow, { spec }: StudyFile): string {
  const settings = spec.space.map(({ key }, i) => `${key} ${valueText(point![i])}`).join(', ');
  return `trial ${trial}: ${outcome!.value!.toFixed(2)}; ${settings}${outcome!.state === 'pruned' ? '; stopped early' : ''}`;
}

/** A vertical line for every setting and one for the result; a polyline for every trial. */
export function parallelCoordinates(study: StudyFile): string {
  const rows = shown(study);
  const { space } = study.spec;
  const results = resultScale(rows);
  const scales: Scale[] = [...space.map(axisScale), results];
  const names = [...space.map(({ key }) => key), 'test −ELBO'];
  const x = (i: number) => MARGIN.left + (i * (WIDTH - MARGIN.left - MARGIN.right)) / (scales.length - 1);
  const y = (at: number) => MARGIN.top + (1 - at) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const axes = scales.map((scale, i) => {
    const isLast = i === scales.length - 1;
    const ticks = scale.ticks.map(({ at, text }) =>
      label(x(i) + (isLast ? 8 : -8), y(at) + 4, text, { anchor: isLast ? 'start' : 'end', quiet: true }),
    );
    return `<line class="axis" x1="${x(i)}" x2="${x(i)}" y1="${y(0)}" y2="${y(1)}"/>${label(x(i), 16, names[i]!)}${ticks.join('')}`;
  });
  // The best are drawn last, over the others.
  const lines = [...rows]
    .sort((a, b) => b.outcome!.value! - a.outcome!.value!)
    .map((row) => {
      const better = results.better(row.outcome!.value!);
      const points = [...row.point!, row.outcome!.value!].map(
        (value, i) => `${x(i)},${y(scales[i]!.at(value)).toFixed(1)}`,
      );
      const dashed = row.state === 'pruned' ? ' stroke-dasharray="4 4"' : '';
      return `<polyline fill="none" stroke="${colourOf(better)}" stroke-width="${better === 1 ? 3 : 1.5}"${dashed} points="${points.join(' ')}"><title>${escaped(titleOf(row, study))}</title></polyline>`;
    });
  return svg(WIDTH, HEIGHT, 'Every trial as a line through its settings to its result', lines.join('') + axes.join(''));
}

/** Results over the values of one setting. */
export function scatter(study: StudyFile, index: number): string {
  const rows = shown(study);
  const axis = study.spec.space[index]!;
  const horizontal = axisScale(axis);
  const results = resultScale(rows);
  const { width, height, left, right, top, bottom } = SCATTER;
  // Points of a list stand away from the edges.
  const inset = 14;
  const x = (at: number) => left + inset + at * (width - left - right - 2 * inset);
  const y = (at: number) => top + inset + (1 - at) * (height - top - bottom - 2 * inset);
  const frame = `<path class="axis" fill="none" d="M${left} ${top}V${height - bottom}H${width - right}"/>`;
  const ticks = [
    ...results.ticks.map(({ at, text }) => label(left - 6, y(at) + 4, text, { anchor: 'end', quiet: true })),
    ...horizontal.ticks.map(({ at, text }) => label(x(at), height - bottom + 16, text, { quiet: true })),
    label((left + width - right) / 2, height - 8, axis.key),
  ];
  const points = rows.map((row) => {
    const better = results.better(row.outcome!.value!);
    const colour = colourOf(better);
    const fill = row.state === 'pruned' ? 'none' : colour;
    const place = `cx="${x(horizontal.at(row.point![index])).toFixed(1)}" cy="${y(better).toFixed(1)}"`;
    return `<circle ${place} r="4" fill="${fill}" stroke="${colour}"><title>${escaped(titleOf(row, study))}</title></circle>`;
  });
  return svg(width, height, `Test −ELBO over ${axis.key}`, frame + ticks.join('') + points.join(''));
}

function svg(width: number, height: number, name: string, content: string): string {
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(name)}">${content}</svg>`;
}

function label(x: number, y: number, text: string, { anchor = 'middle', quiet = false } = {}): string {
  const style = quiet ? ' class="quiet"' : '';
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}"${style}>${escaped(text)}</text>`;
}

/** Text as HTML and SVG have it. */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
