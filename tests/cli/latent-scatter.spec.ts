import { createCanvas } from '@napi-rs/canvas';
import type { ChartDataset } from 'chart.js';
import { expect, test } from 'playwright/test';
import { latentScatter } from '../../src/cli/pictures/index.ts';
import { charts, decode, scatterData, writing } from './drawing.ts';

test.describe('latentScatter', () => {
  test('ten classes in the plane, both axes to the same scale', () => {
    const data = scatterData(500, 2, 10);
    const { texts, fonts } = writing(() => latentScatter({ ...data, classTitle: 'digit' }));
    expect(texts).toContain('z₁ (mean of q(z|x))');
    expect(texts).toContain('z₂ (mean of q(z|x))');
    expect(texts).toContain('Test images in latent space');
    expect(texts).toContain('digit');
    // Once in the legend and once at the median.
    for (let label = 5; label < 10; label++) {
      expect(texts.filter((text) => text === String(label)).length).toBeGreaterThanOrEqual(2);
    }
    expect([...fonts]).toEqual(['"webgpu-vae DejaVu Sans"']);

    const [chart] = charts(
      () => latentScatter(data),
      ({ chartArea, data: { datasets }, scales: { x, y }, legend }) => ({
        unitsPerPixel: [(x.max - x.min) / chartArea.width, (y.max - y.min) / chartArea.height],
        points: datasets[0].data as { x: number; y: number }[],
        inside: (p: { x: number; y: number }) => p.x > x.min && p.x < x.max && p.y > y.min && p.y < y.max,
        legend: legend?.legendItems?.map((item) => item.text),
      }),
    );
    expect(chart.unitsPerPixel[0] / chart.unitsPerPixel[1]).toBeCloseTo(1, 6);
    expect(chart.points).toHaveLength(500);
    expect(chart.points.every(chart.inside)).toBe(true);
    expect(chart.legend).toEqual([...'0123456789']);
  });

  test('of more dimensions the first two, said in the title', () => {
    const data = scatterData(50, 5, 10);
    const { texts } = writing(() => latentScatter({ ...data, title: 'Means' }));
    expect(texts).toContain('Means (first two of 5 dimensions)');
    const [points] = charts(
      () => latentScatter(data),
      (chart) => chart.data.datasets[0].data,
    );
    expect(points[7]).toEqual({ x: data.mu[35], y: data.mu[36] });
  });

  test('of one dimension a strip for each class, said on the axis', () => {
    const data = scatterData(100, 1, 10);
    expect(writing(() => latentScatter(data)).texts).toContain('class (with a fixed jitter)');
    const [points] = charts(
      () => latentScatter(data),
      (chart) => chart.data.datasets[0].data as { x: number; y: number }[],
    );
    for (const [i, { x, y }] of points.entries()) {
      expect(x).toBe(data.mu[i]);
      expect(Math.abs(y - data.labels[i])).toBeLessThan(0.5);
    }
  });

  /** The sizes of what is written in bold at class medians, by text. */
  function boldSizes(draw: () => Buffer): Map<string, number> {
    const sizes = new Map<string, number>();
    let owner = Object.getPrototypeOf(createCanvas(1, 1).getContext('2d'));
    while (!Object.hasOwn(owner, 'strokeText')) owner = Object.getPrototypeOf(owner);
    const { strokeText } = owner;
    owner.strokeText = function (this: { font: string }, text: string, ...rest: number[]) {
      sizes.set(text, Number.parseFloat(this.font.replace(/^.*bold /, '')));
      return strokeText.call(this, text, ...rest);
    };
    try {
      draw();
    } finally {
      owner.strokeText = strokeText;
    }
    return sizes;
  }

  test('up to 64 classes have colours of their own, and a legend', () => {
    for (const latent of [1, 2]) {
      const [looks] = charts(
        () => latentScatter(scatterData(256, latent, 62)),
        (chart) => chart.legend?.legendItems?.map((item) => String(item.fillStyle)),
      );
      expect(new Set(looks).size).toBe(62);
    }
  });

  test('more classes have a colour bar in place of a legend', () => {
    for (const latent of [1, 2]) {
      const data = scatterData(1200, latent, 300);
      const labels = Uint16Array.from({ length: 1200 }, (_, i) => i % 300);
      const [hasLegend] = charts(
        () => latentScatter({ ...data, labels }),
        (chart) => chart.options.plugins?.legend?.display,
      );
      expect(hasLegend).toBe(false);
      const { texts } = writing(() => latentScatter({ ...data, labels }));
      for (const end of ['0', '299']) expect(texts).toContain(end);
    }
  });

  test('the more classes, the smaller their numbers; hundreds have none', () => {
    const sizeOf = (classes: number) => boldSizes(() => latentScatter(scatterData(600, 2, classes))).get('1');
    expect([sizeOf(10), sizeOf(16)]).toEqual([17, 17]);
    expect(sizeOf(47)).toBeLessThan(11);
    expect(sizeOf(100)).toBe(9);
    expect(sizeOf(200)).toBeUndefined();
    // Fifty classes that lie on one spot would hide it.
    const { labels, mu } = scatterData(600, 2, 50);
    const oneSpot = mu.map((_, i) => Math.sin(i * i) + (i < 100 ? 100 : 0));
    expect(boldSizes(() => latentScatter({ mu: oneSpot, latent: 2, labels })).size).toBe(0);
  });

  test('names of classes stand at the medians if they are short, in the legend always', () => {
    const data = scatterData(100, 2, 3);
    const draw = () => latentScatter({ ...data, classNames: ['A', 'b', 'Ankle boot'] });
    expect([...boldSizes(draw).keys()].sort()).toEqual(['2', 'A', 'b']);
    const [legend] = charts(draw, (chart) => chart.legend?.legendItems?.map(({ text }) => text));
    expect(legend).toEqual(['A', 'b', '2 Ankle boot']);
  });

  test('without labels all points look alike, without legend and numbers', () => {
    for (const latent of [1, 2, 3]) {
      const { mu } = scatterData(100, latent, 3);
      const draw = () => latentScatter({ mu, latent });
      expect(boldSizes(draw).size).toBe(0);
      const [look] = charts(draw, (chart) => ({
        legend: chart.options.plugins?.legend?.display,
        colors: new Set((chart.data.datasets[0] as ChartDataset<'scatter'>).pointBackgroundColor as string[]).size,
        points: chart.data.datasets[0]?.data.length,
      }));
      expect(look).toEqual({ legend: false, colors: 1, points: 100 });
    }
  });

  test('degenerate means', async () => {
    const labels = new Uint8Array(20);
    await decode(latentScatter({ mu: new Float32Array(40), latent: 2, labels })); // a collapsed posterior
    await decode(latentScatter({ mu: new Float32Array(2), latent: 2, labels: labels.subarray(0, 1) }));
    await decode(latentScatter({ mu: new Float32Array(0), latent: 2, labels: new Uint8Array(0) }));
    const mu = new Float32Array(40);
    mu[0] = Number.NaN;
    mu[3] = Number.POSITIVE_INFINITY;
    const { texts } = writing(() => latentScatter({ mu, latent: 2, labels }));
    expect(texts.some((text) => text.includes('2 without a finite mean left out'))).toBe(true);
  });

  test('shapes that do not fit are refused', () => {
    const labels = new Uint8Array(4);
    expect(() => latentScatter({ mu: new Float32Array(7), latent: 2, labels })).toThrow(
      /latentScatter: got 7 means, expected 8 \(4 labels x 2\)/,
    );
    expect(() => latentScatter({ mu: new Float32Array(8), latent: 0, labels })).toThrow(/positive integer/);
    expect(() => latentScatter({ mu: new Float32Array(7), latent: 2 })).toThrow(
      /got 7 means, expected a multiple of 2/,
    );
  });
});
