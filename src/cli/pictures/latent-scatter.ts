import type { Chart, ChartConfiguration, LegendItem, Plugin } from 'chart.js';
import {
  barColor,
  type Classes,
  classColors,
  classesOf,
  type Labels,
  longClassName,
  MOST_COLORS,
  shortClassName,
} from 'webgpu-vae';
import { axis, FONT, niceStep, renderChart } from './chart.ts';
import { FONT_FAMILY, INK, openPage } from './page.ts';

/** More numbers at medians would hide the points, however small they are. */
const MOST_NUMBERS = 128;
/** Points without a class. */
const UNLABELLED = '#3f90da';
/** Half transparent: where classes mix, so do their colours. */
const ALPHA = '80';

const BAR_WIDTH = 16;
const BAR_STOPS = 32;
const BAR_TICKS = 12;
/** Pixels that the colour bar and its numbers take from the plot. */
const BAR_ROOM = 92;

/** What {@link latentScatter} draws. */
export interface LatentScatterOptions {
  /** (n, latent) f32, row-major: the mean of q(z|x) of each image. */
  mu: Float32Array;
  latent: number;
  /** (n): the class of each image; without them all points look alike. */
  labels?: Labels | undefined;
  /** What class c is called; its number where that is not known. */
  classNames?: readonly string[] | undefined;
  title?: string;
  /** What a class is called in the legend; default "class". */
  classTitle?: string;
}

/** An image to be drawn. */
interface Row {
  index: number;
  label: number;
}

interface Spot {
  x: number;
  y: number;
}

/** Checks the shapes; returns the images whose means are finite. */
function finiteRows({ mu, latent, labels }: LatentScatterOptions): Row[] {
  if (!(Number.isInteger(latent) && latent > 0)) {
    throw new RangeError(`latentScatter: got latent = ${latent}, expected a positive integer: pass the model's latent`);
  }
  if (labels && mu.length !== labels.length * latent) {
    throw new RangeError(
      `latentScatter: got ${mu.length} means, expected ${labels.length * latent} (${labels.length} labels x ${latent}): encode the labelled images`,
    );
  }
  if (mu.length % latent !== 0) {
    throw new RangeError(
      `latentScatter: got ${mu.length} means, expected a multiple of ${latent}: pass the means of whole images`,
    );
  }
  const shown = Math.min(latent, 2);
  const rows = Array.from({ length: mu.length / latent }, (_, index) => ({ index, label: labels?.[index] ?? 0 }));
  return rows.filter(({ index }) => mu.subarray(index * latent, index * latent + shown).every(Number.isFinite));
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** Moves labels apart until none is nearer than `distance` pixels to another; equal spots part along a fixed direction. */
function spread(spots: Spot[], distance: number): Spot[] {
  const moved = spots.map((spot) => ({ ...spot }));
  for (let round = 0; round < 200; round++) {
    let still = true;
    for (let i = 0; i < moved.length; i++) {
      for (let j = 0; j < i; j++) {
        const dx = moved[i].x - moved[j].x;
        const dy = moved[i].y - moved[j].y;
        const gap = Math.hypot(dx, dy);
        if (gap >= distance - 0.01) continue;
        const angle = gap > 0 ? Math.atan2(dy, dx) : i + j;
        const push = (distance - gap) / 2;
        moved[i].x += push * Math.cos(angle);
        moved[i].y += push * Math.sin(angle);
        moved[j].x -= push * Math.cos(angle);
        moved[j].y -= push * Math.sin(angle);
        still = false;
      }
    }
    if (still) break;
  }
  return moved;
}

/** Writes each class at its median, for readers who cannot go by colour; a line leads back where labels had to part. */
function medianLabels(medians: Map<string, Spot>): Plugin<'line' | 'scatter'> {
  // Many labels are small ones: together they may not cover the points.
  const size = Math.max(9, Math.min(17, 17 * Math.sqrt(16 / medians.size)));
  return {
    id: 'medianLabels',
    afterDatasetsDraw({ ctx, scales }) {
      const spots = [...medians.values()].map(({ x, y }) => ({
        x: scales.x.getPixelForValue(x),
        y: scales.y.getPixelForValue(y),
      }));
      // Where classes lie on one spot their labels would cover it, and say nothing.
      const span = (values: number[]) => Math.max(...values) - Math.min(...values);
      const room = span(spots.map((spot) => spot.x)) * span(spots.map((spot) => spot.y));
      if (spots.length > 16 && spots.length * size ** 2 > 0.5 * room) return;
      const places = spread(spots, 1.5 * size);
      ctx.save();
      ctx.font = `bold ${size}px "${FONT_FAMILY}"`;
      ctx.textAlign = 'center';
      ctx.textBaseline = 'middle';
      ctx.lineJoin = 'round';
      ctx.strokeStyle = INK.text;
      ctx.lineWidth = size / 17;
      for (const [i, { x, y }] of places.entries()) {
        if (Math.hypot(x - spots[i].x, y - spots[i].y) < size / 2) continue;
        ctx.beginPath();
        ctx.moveTo(x, y);
        ctx.lineTo(spots[i].x, spots[i].y);
        ctx.stroke();
      }
      ctx.strokeStyle = INK.background;
      ctx.fillStyle = INK.text;
      ctx.lineWidth = size / 3.4;
      for (const [i, text] of [...medians.keys()].entries()) {
        ctx.strokeText(text, places[i].x, places[i].y);
        ctx.fillText(text, places[i].x, places[i].y);
      }
      ctx.restore();
    },
  };
}

/** A bar beside the plot with the colours of more classes than a legend could list. */
function colorBar(texts: readonly string[], classTitle: string): Plugin<'line' | 'scatter'> {
  return {
    id: 'colorBar',
    afterDraw({ ctx, chartArea: { top, bottom, right } }) {
      const left = right + 16;
      const start = top + FONT.size + 8;
      const gradient = ctx.createLinearGradient(0, start, 0, bottom);
      for (let i = 0; i < BAR_STOPS; i++) gradient.addColorStop(i / (BAR_STOPS - 1), barColor(i / (BAR_STOPS - 1)));
      ctx.save();
      ctx.fillStyle = gradient;
      ctx.fillRect(left, start, BAR_WIDTH, bottom - start);
      ctx.fillStyle = INK.text;
      ctx.font = `${FONT.size}px "${FONT_FAMILY}"`;
      ctx.textAlign = 'left';
      ctx.textBaseline = 'middle';
      ctx.fillText(classTitle, left, top + FONT.size / 2);
      const ticks = Math.min(BAR_TICKS, texts.length);
      for (let i = 0; i < ticks; i++) {
        const place = Math.round((i / (ticks - 1)) * (texts.length - 1));
        const y = start + (place / (texts.length - 1)) * (bottom - start);
        ctx.fillText(
          texts[place]!,
          left + BAR_WIDTH + 6,
          Math.min(bottom - FONT.size / 2, Math.max(start + FONT.size / 2, y)),
        );
      }
      ctx.restore();
    },
  };
}

/** Minus signs as wide as digits, no more decimals than the step needs. */
function tickCallback(step: number): (value: string | number) => string {
  const decimals = Math.min(20, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
  return (value) => {
    const text = Number(value).toFixed(decimals);
    return (Number(text) === 0 ? (0).toFixed(decimals) : text).replace('-', '−');
  };
}

function extent(values: number[]): { middle: number; span: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const v of values) {
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  return low <= high ? { middle: (low + high) / 2, span: (high - low) * 1.04 || 1 } : { middle: 0, span: 1 };
}

function setRange(chart: Chart<'line' | 'scatter'>, name: 'x' | 'y', middle: number, span: number, step: number): void {
  const scale = chart.options.scales![name]!;
  Object.assign(scale, { min: middle - span / 2, max: middle + span / 2 });
  Object.assign(scale.ticks!, { stepSize: step, callback: tickCallback(step) });
}

/**
 * The test images' means in latent space, coloured by class; of more than two dimensions the first two (said in the
 * title), of one dimension a strip for each class.
 * @returns PNG bytes.
 * @throws RangeError when the numbers of means and labels do not fit together.
 */
export function latentScatter(options: LatentScatterOptions): Buffer {
  const rows = finiteRows(options);
  const strips = options.latent === 1;
  const classes = classesOf(options.labels ?? new Uint8Array(1));
  const spots = spotsOf(options, rows, classes.present);
  const x = extent(spots.map((s) => s.x));
  const y = extent(spots.map((s) => s.y));
  const width = 900;
  const height = strips ? stripsHeight(classes.present.length) : 840;
  const chart = renderChart(chartConfig(options, rows, classes, spots), width, height, (drawn) => {
    const { width: areaWidth, height: areaHeight } = drawn.chartArea;
    const unitsPerPixel = strips ? x.span / areaWidth : Math.max(x.span / areaWidth, y.span / areaHeight);
    const step = niceStep(unitsPerPixel * areaWidth, 12);
    setRange(drawn, 'x', x.middle, unitsPerPixel * areaWidth, step);
    if (!strips) setRange(drawn, 'y', y.middle, unitsPerPixel * areaHeight, step);
    drawn.update();
  });

  const dropped = options.mu.length / options.latent - rows.length;
  const numbers = hasMedians(options, classes) ? '; classes at their medians' : '';
  const page = openPage({
    title: title(options),
    subtitle:
      `${rows.length.toLocaleString('en-US')} image${rows.length === 1 ? '' : 's'}, ` +
      (strips ? 'spread within each strip only to be seen' : `both axes to the same scale${numbers}`) +
      (dropped > 0 ? `; ${dropped.toLocaleString('en-US')} without a finite mean left out` : ''),
    width,
    height,
  });
  page.ctx.drawImage(chart, page.left, page.top);
  return page.png();
}

/** Where each image goes, in data units: its first two means, or its only mean and the strip of its class. */
function spotsOf({ mu, latent }: LatentScatterOptions, rows: Row[], classes: readonly number[]): Spot[] {
  if (latent > 1) return rows.map(({ index }) => ({ x: mu[index * latent], y: mu[index * latent + 1] }));
  const strip = new Map(classes.map((label, i) => [label, i]));
  // The multiples of the golden ratio, modulo 1, fill a strip evenly, whatever the number of points.
  const jitter = (index: number) => 0.7 * (((index * 0.6180339887498949) % 1) - 0.5);
  return rows.map(({ index, label }) => ({ x: mu[index], y: strip.get(label)! + jitter(index) }));
}

/** Room for a name beside each strip, and for the points in them where they are few. */
function stripsHeight(count: number): number {
  return Math.max(300, Math.min(90 + 52 * count, Math.max(900, 90 + 17 * Math.min(count, MOST_NUMBERS))));
}

function hasMedians({ labels, latent }: LatentScatterOptions, { present }: Classes): boolean {
  return labels !== undefined && latent > 1 && present.length <= MOST_NUMBERS;
}

function mediansOf({ classNames }: LatentScatterOptions, rows: Row[], spots: Spot[]): Map<string, Spot> {
  const byClass = new Map<number, Spot[]>();
  for (const [i, { label }] of rows.entries()) {
    const own = byClass.get(label) ?? [];
    byClass.set(label, own);
    own.push(spots[i]);
  }
  return new Map(
    [...byClass].map(([label, own]) => [
      shortClassName(label, classNames),
      { x: median(own.map((s) => s.x)), y: median(own.map((s) => s.y)) },
    ]),
  );
}

function chartConfig(
  options: LatentScatterOptions,
  rows: Row[],
  classes: Classes,
  spots: Spot[],
): ChartConfiguration<'line' | 'scatter'> {
  const { latent, labels, classNames, classTitle = 'class' } = options;
  const strips = latent === 1;
  const { present, slots, slotOf } = classes;
  const palette = classColors(slots);
  const colorOf = (label: number) => (labels ? palette[slotOf(label)]! : UNLABELLED);
  const isBar = slots > MOST_COLORS;
  const legendItems: LegendItem[] = present.map((label) => ({
    text: longClassName(label, classNames),
    fillStyle: colorOf(label),
    strokeStyle: colorOf(label),
    fontColor: INK.text,
    lineWidth: 2,
    pointStyle: 'circle',
  }));
  const colors = rows.map(({ label }) => colorOf(label) + ALPHA);
  const texts = present.map((label) => shortClassName(label, classNames));
  return {
    type: 'scatter',
    data: {
      // One data set in the images' order: with one for each class, the last class would cover the others.
      datasets: [{ data: spots, pointRadius: 2.2, pointBackgroundColor: colors, pointBorderWidth: 0 }],
    },
    options: {
      parsing: false,
      layout: { padding: { right: isBar && labels ? BAR_ROOM : 0 } },
      scales: {
        x: axis('z₁ (mean of q(z|x))'),
        y: strips ? stripAxis(labels ? texts : [''], labels ? classTitle : 'all images') : planeAxis(),
      },
      plugins: {
        legend: {
          display: labels !== undefined && present.length > 0 && !isBar,
          position: 'right',
          align: 'start',
          title: { display: true, text: classTitle, color: INK.text, font: FONT },
          labels: { usePointStyle: true, boxHeight: 8, font: FONT, generateLabels: () => legendItems },
        },
      },
    },
    plugins: [
      ...(hasMedians(options, classes) ? [medianLabels(mediansOf(options, rows, spots))] : []),
      ...(isBar && labels ? [colorBar(texts, classTitle)] : []),
    ],
  };
}

function title({ title: given, latent }: LatentScatterOptions): string {
  const text = given ?? 'Test images in latent space';
  return latent > 2 ? `${text} (first two of ${latent} dimensions)` : text;
}

/** The vertical axis of the plane; of a fixed width, so that new tick labels leave the chart area as it was. */
function planeAxis(): ReturnType<typeof axis> {
  return {
    ...axis('z₂ (mean of q(z|x))'),
    afterFit: (scale) => {
      scale.width = 72;
    },
  };
}

/** The axis of the one-dimensional picture: a strip for each class, the first on top. */
function stripAxis(texts: readonly string[], classTitle: string): ReturnType<typeof axis> {
  const base = axis(`${classTitle} (with a fixed jitter)`);
  return {
    ...base,
    min: -0.6,
    max: texts.length - 0.4,
    reverse: true,
    afterBuildTicks: (scale) => {
      scale.ticks = texts.map((label, value) => ({ value, label }));
    },
    ticks: {
      ...base.ticks,
      autoSkip: texts.length > MOST_NUMBERS,
      callback: (value: string | number) => texts[Number(value)],
    },
  } as ReturnType<typeof axis>;
}
