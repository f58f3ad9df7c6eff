import type { Canvas } from '@napi-rs/canvas';
import {
  Chart,
  type ChartConfiguration,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  type ScaleOptionsByType,
  ScatterController,
} from 'chart.js';
import { blankCanvas, FONT_FAMILY, INK } from './page.ts';

Chart.register(Legend, LinearScale, LineController, LineElement, PointElement, ScatterController);

/** The font of everything in a chart. Chart.js falls back to Helvetica wherever it is not given, so give it everywhere. */
export const FONT = { family: FONT_FAMILY, size: 13 };

/**
 * Draws one chart at once on a transparent canvas of its own.
 * @param adjust called after the first layout, when the chart area is known; it may change the options and update.
 */
export function renderChart(
  config: ChartConfiguration<'line' | 'scatter'>,
  width: number,
  height: number,
  adjust?: (chart: Chart<'line' | 'scatter'>) => void,
): Canvas {
  const canvas = blankCanvas(width, height);
  const chart = new Chart<'line' | 'scatter'>(canvas as unknown as HTMLCanvasElement, {
    ...config,
    options: {
      ...config.options,
      animation: false,
      responsive: false,
      devicePixelRatio: 1,
      events: [],
      locale: 'en-US', // not the host's: pictures look alike everywhere
      color: INK.text,
      font: FONT,
    },
  });
  adjust?.(chart);
  // Chart.js wipes its canvas when a chart is destroyed, and keeps in memory the charts that are not.
  const copy = blankCanvas(width, height);
  copy.getContext('2d').drawImage(canvas, 0, 0);
  chart.destroy();
  return copy;
}

/** A linear axis with its title; callers add range and ticks. */
export function axis(title: string): Partial<ScaleOptionsByType<'linear'>> {
  return {
    type: 'linear',
    title: { display: true, text: title, color: INK.text, font: FONT },
    ticks: { color: INK.text, font: FONT, maxRotation: 0, includeBounds: false },
    grid: { color: INK.grid, tickColor: INK.axis },
    border: { color: INK.axis },
  } as Partial<ScaleOptionsByType<'linear'>>;
}

/** The smallest of 1, 2, 5 × 10^k that divides `span` into at most `most` steps; `span` > 0. */
export function niceStep(span: number, most: number): number {
  const power = 10 ** Math.floor(Math.log10(span / most));
  const factor = [1, 2, 5, 10].find((f) => span / (f * power) <= most) ?? 10;
  return factor * power;
}
