import type { ChartDataset, LegendItem } from 'chart.js';
import { elboOf, type Losses } from 'webgpu-vae';
import { axis, FONT, niceStep, renderChart } from './chart.ts';
import { FONT_FAMILY, INK, openPage } from './page.ts';

/** One finished epoch, as in `metrics.csv`; losses in nats per image. */
export interface LossRow {
  epoch: number;
  train: Losses;
  test: Losses;
}

interface Panel {
  key: string;
  title: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

const WIDTH = 960;
const GAP = 24;
const PANEL_HEADER = 46;

// BCE is some twenty times KL: on a common axis KL would be a flat line.
const HALF = (WIDTH - GAP) / 2;
function panelsOf([first]: readonly LossRow[]): Panel[] {
  const { term } = elboOf(first?.test ?? {});
  const name = term.toUpperCase();
  return [
    { key: 'loss', title: `Total loss (${name} + β · KL)`, x: 0, y: 0, width: WIDTH, height: 380 },
    { key: term, title: `Reconstruction (${name})`, x: 0, y: 380 + GAP, width: HALF, height: 320 },
    { key: 'kld', title: 'KL divergence (KL)', x: HALF + GAP, y: 380 + GAP, width: HALF, height: 320 },
  ];
}

/** Blue and vermilion of the palette of Okabe and Ito (2008), told apart also by marker and dash. */
const SERIES = [
  { set: 'train', color: '#0072b2', pointStyle: 'circle', dash: [] },
  { set: 'test', color: '#d55e00', pointStyle: 'rectRot', dash: [7, 3] },
] as const;

/** Epochs to label: multiples of a round step, at most about `most`. */
function epochTicks(first: number, last: number, most: number): number[] {
  const step = Math.max(1, niceStep(Math.max(1, last - first), most));
  const ticks = [];
  for (let epoch = Math.ceil(first / step) * step; epoch <= last; epoch += step) ticks.push(epoch);
  return ticks;
}

function datasets(rows: LossRow[], key: string): ChartDataset<'line', { x: number; y: number }[]>[] {
  return SERIES.map(({ set, color, pointStyle, dash }) => ({
    label: set,
    data: rows.map((row) => ({ x: row.epoch, y: row[set][key]! })),
    borderColor: color,
    backgroundColor: color,
    borderWidth: 2,
    borderDash: [...dash],
    pointStyle,
    // Markers of more epochs would touch and hide the dashes.
    pointRadius: rows.length <= 50 ? 3.5 : 0,
  }));
}

/** The lines as drawn, dashes included; the markers while there is but one epoch and so no line. */
function legendItems(rows: LossRow[]): LegendItem[] {
  return SERIES.map(({ set, color, pointStyle, dash }) => ({
    text: set,
    fontColor: INK.text,
    fillStyle: color,
    strokeStyle: color,
    lineWidth: 2,
    lineDash: [...dash],
    pointStyle: rows.length > 1 ? 'line' : pointStyle,
  }));
}

/** A little room above and below the values; no loss is negative, so neither is the axis. */
function range(rows: LossRow[], key: string): { suggestedMin: number; suggestedMax: number } {
  const values = rows.flatMap((row) => [row.train[key]!, row.test[key]!]).filter(Number.isFinite);
  if (values.length === 0) return { suggestedMin: 0, suggestedMax: 1 };
  // Not Math.min(...values): a long run has more epochs than a call may have arguments.
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const room = 0.05 * (high - low);
  return { suggestedMin: Math.max(0, low - room), suggestedMax: high + room };
}

/** "epoch 20: train 139.90, test 141.15" */
function lastValues(rows: LossRow[], key: string): string {
  const row = rows.at(-1);
  if (!row) return 'no epoch was finished';
  return `epoch ${row.epoch}: train ${row.train[key]!.toFixed(2)}, test ${row.test[key]!.toFixed(2)}`;
}

/**
 * Total loss, BCE and KL over the epochs, each with an axis of its own, train and test.
 * @param rows one per finished epoch, ascending; with none the axes stay empty and say so.
 * @returns PNG bytes.
 */
export function lossCurve(rows: LossRow[], options: { title?: string; subtitle?: string } = {}): Buffer {
  const page = openPage({
    title: options.title ?? 'Loss on the training and the test images',
    subtitle: options.subtitle ?? 'train: mean over the steps of the epoch; test: all test images after the epoch',
    width: WIDTH,
    height: 380 + GAP + 320,
  });
  const first = rows[0]?.epoch ?? 1;
  const last = rows.at(-1)?.epoch ?? 1;
  const margin = Math.max(0.5, (last - first) * 0.02);
  const { ctx } = page;
  for (const { key, title, x, y, width, height } of panelsOf(rows)) {
    const ticks = epochTicks(first, last, width === WIDTH ? 20 : 10);
    const chart = renderChart(
      {
        type: 'line',
        data: { datasets: datasets(rows, key) },
        options: {
          scales: {
            x: {
              ...axis('epoch'),
              min: first - margin,
              max: last + margin,
              afterBuildTicks: (scale) => {
                scale.ticks = ticks.map((value) => ({ value }));
              },
            },
            y: { ...axis('nats per image'), ...range(rows, key) },
          },
          plugins: {
            legend: {
              align: 'end',
              labels: {
                usePointStyle: true,
                font: FONT,
                generateLabels: () => legendItems(rows),
                ...(rows.length > 1 ? { pointStyleWidth: 40 } : { boxHeight: 7 }),
              },
            },
          },
        },
      },
      width,
      height - PANEL_HEADER,
    );
    const left = page.left + x;
    const top = page.top + y;
    ctx.textAlign = 'left';
    ctx.fillStyle = INK.text;
    ctx.font = `bold 14px "${FONT_FAMILY}"`;
    ctx.fillText(title, left, top + 12);
    ctx.fillStyle = INK.faint;
    ctx.font = `13px "${FONT_FAMILY}"`;
    ctx.fillText(lastValues(rows, key), left, top + 33);
    ctx.drawImage(chart, left, top + PANEL_HEADER);
  }
  return page.png();
}
