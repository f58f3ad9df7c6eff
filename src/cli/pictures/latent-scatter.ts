import type { Chart, ChartConfiguration, LegendItem, Plugin, PointStyle } from 'chart.js';
import { PALETTE } from '../../data/palette.ts';
import { axis, FONT, niceStep, renderChart } from './chart.ts';
import { FONT_FAMILY, INK, openPage } from './page.ts';

/** Class 10 has the colour of class 0 and the next marker, and so on. */
const MARKERS: PointStyle[] = ['circle', 'triangle', 'rect', 'rectRot', 'star', 'crossRot', 'cross'];
/** More entries would make the legend larger than the plot; the numbers at the medians remain. */
const MAX_LEGEND = 64;
/** Half transparent: where classes mix, so do their colours. */
const ALPHA = '80';

/** What {@link latentScatter} draws. */
export interface LatentScatterOptions {
  /** (n, latent) f32, row-major: the mean of q(z|x) of each image. */
  mu: Float32Array;
  latent: number;
  /** (n) u8: the class of each image. */
  labels: Uint8Array;
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

const colorOf = (label: number) => PALETTE[label % PALETTE.length];
const markerOf = (label: number) => MARKERS[Math.floor(label / PALETTE.length) % MARKERS.length];
/** Stars and crosses are nothing but border; the others need none. */
const borderOf = (label: number) => (['star', 'crossRot', 'cross'].includes(String(markerOf(label))) ? 1 : 0);

/** Checks the shapes; returns the images whose means are finite. */
function finiteRows({ mu, latent, labels }: LatentScatterOptions): Row[] {
  if (!(Number.isInteger(latent) && latent > 0)) {
    throw new RangeError(`latentScatter: got latent = ${latent}, expected a positive integer: pass the model's latent`);
  }
  if (mu.length !== labels.length * latent) {
    throw new RangeError(
      `latentScatter: got ${mu.length} means, expected ${labels.length * latent} (${labels.length} labels x ${latent}): encode the labelled images`,
    );
  }
  const shown = Math.min(latent, 2);
  const rows = Array.from(labels, (label, index) => ({ index, label }));
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
function medianLabels(medians: Map<number, Spot>): Plugin<'line' | 'scatter'> {
  return {
    id: 'medianLabels',
    afterDatasetsDraw({ ctx, scales }) {
      const spots = [...medians.values()].map(({ x, y }) => ({
        x: scales.x.getPixelForValue(x),
        y: scales.y.getPixelForValue(y),
      }));
      const places = spread(spots, 26);
      ctx.save();
      ctx.font = `bold 17px "${FONT_FAMILY}"`;
      ctx.textAlign = 'center';
      ctx.textBaseline = 'middle';
      ctx.lineJoin = 'round';
      ctx.strokeStyle = INK.text;
      ctx.lineWidth = 1;
      for (const [i, { x, y }] of places.entries()) {
        if (Math.hypot(x - spots[i].x, y - spots[i].y) < 8) continue;
        ctx.beginPath();
        ctx.moveTo(x, y);
        ctx.lineTo(spots[i].x, spots[i].y);
        ctx.stroke();
      }
      ctx.strokeStyle = INK.background;
      ctx.fillStyle = INK.text;
      ctx.lineWidth = 5;
      for (const [i, label] of [...medians.keys()].entries()) {
        ctx.strokeText(String(label), places[i].x, places[i].y);
        ctx.fillText(String(label), places[i].x, places[i].y);
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
  const classes = [...new Set(rows.map((row) => row.label))].sort((a, b) => a - b);
  const spots = spotsOf(options, rows, classes);
  const x = extent(spots.map((s) => s.x));
  const y = extent(spots.map((s) => s.y));
  const width = 900;
  const height = strips ? Math.min(900, Math.max(300, 90 + 52 * classes.length)) : 840;
  const chart = renderChart(chartConfig(options, rows, classes, spots), width, height, (drawn) => {
    const { width: areaWidth, height: areaHeight } = drawn.chartArea;
    const unitsPerPixel = strips ? x.span / areaWidth : Math.max(x.span / areaWidth, y.span / areaHeight);
    const step = niceStep(unitsPerPixel * areaWidth, 12);
    setRange(drawn, 'x', x.middle, unitsPerPixel * areaWidth, step);
    if (!strips) setRange(drawn, 'y', y.middle, unitsPerPixel * areaHeight, step);
    drawn.update();
  });

  const dropped = options.labels.length - rows.length;
  const page = openPage({
    title: title(options),
    subtitle:
      `${rows.length.toLocaleString('en-US')} image${rows.length === 1 ? '' : 's'}, ` +
      (strips
        ? 'spread within each strip only to be seen'
        : 'both axes to the same scale; numbers at the class medians') +
      (dropped > 0 ? `; ${dropped.toLocaleString('en-US')} without a finite mean left out` : ''),
    width,
    height,
  });
  page.ctx.drawImage(chart, page.left, page.top);
  return page.png();
}

/** Where each image goes, in data units: its first two means, or its only mean and the strip of its class. */
function spotsOf({ mu, latent }: LatentScatterOptions, rows: Row[], classes: number[]): Spot[] {
  if (latent > 1) return rows.map(({ index }) => ({ x: mu[index * latent], y: mu[index * latent + 1] }));
  const strip = new Map(classes.map((label, i) => [label, i]));
  // The multiples of the golden ratio, modulo 1, fill a strip evenly, whatever the number of points.
  const jitter = (index: number) => 0.7 * (((index * 0.6180339887498949) % 1) - 0.5);
  return rows.map(({ index, label }) => ({ x: mu[index], y: strip.get(label)! + jitter(index) }));
}

function mediansOf(rows: Row[], classes: number[], spots: Spot[]): Map<number, Spot> {
  const medians = new Map<number, Spot>();
  for (const label of classes) {
    const own = spots.filter((_, i) => rows[i].label === label);
    medians.set(label, { x: median(own.map((s) => s.x)), y: median(own.map((s) => s.y)) });
  }
  return medians;
}

function chartConfig(
  { latent, classTitle = 'class' }: LatentScatterOptions,
  rows: Row[],
  classes: number[],
  spots: Spot[],
): ChartConfiguration<'line' | 'scatter'> {
  const strips = latent === 1;
  const legendItems: LegendItem[] = classes.map((label) => ({
    text: String(label),
    fillStyle: colorOf(label),
    strokeStyle: colorOf(label),
    fontColor: INK.text,
    lineWidth: 2,
    pointStyle: markerOf(label),
  }));
  const colors = rows.map(({ label }) => colorOf(label) + ALPHA);
  return {
    type: 'scatter',
    data: {
      // One data set in the images' order: with one for each class, the last class would cover the others.
      datasets: [
        {
          data: spots,
          pointRadius: 2.2,
          pointBackgroundColor: colors,
          pointBorderColor: colors,
          pointBorderWidth: rows.map(({ label }) => borderOf(label)),
          pointStyle: rows.map(({ label }) => markerOf(label)),
        },
      ],
    },
    options: {
      parsing: false,
      scales: {
        x: axis('z₁ (mean of q(z|x))'),
        y: strips ? stripAxis(classes, classTitle) : planeAxis(),
      },
      plugins: {
        legend: {
          display: classes.length > 0 && classes.length <= MAX_LEGEND,
          position: 'right',
          align: 'start',
          title: { display: true, text: classTitle, color: INK.text, font: FONT },
          labels: { usePointStyle: true, boxHeight: 8, font: FONT, generateLabels: () => legendItems },
        },
      },
    },
    plugins: strips ? [] : [medianLabels(mediansOf(rows, classes, spots))],
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
function stripAxis(classes: number[], classTitle: string): ReturnType<typeof axis> {
  const base = axis(`${classTitle} (with a fixed jitter)`);
  return {
    ...base,
    min: -0.6,
    max: classes.length - 0.4,
    reverse: true,
    afterBuildTicks: (scale) => {
      scale.ticks = classes.map((label, value) => ({ value, label: String(label) }));
    },
    ticks: { ...base.ticks, callback: (value: string | number) => String(classes[Number(value)]) },
  } as ReturnType<typeof axis>;
}
