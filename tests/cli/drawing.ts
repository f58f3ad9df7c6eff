/** What the tests of pictures have in common: reading PNGs back, and watching what is drawn. */
import { type Canvas, createCanvas, loadImage } from '@napi-rs/canvas';
import { Chart, type Plugin } from 'chart.js';
import { expect } from 'playwright/test';
import { inverseNormalCdf } from '../../src/cli/pictures/index.ts';

/** Decodes PNG bytes. */
export async function decode(png: Buffer): Promise<Canvas> {
  expect(png.subarray(1, 4).toString('latin1')).toBe('PNG');
  const image = await loadImage(png);
  const canvas = createCanvas(image.width, image.height);
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas;
}

/** Draws a picture and notes every text that is written, and the fonts in which. */
export function writing(draw: () => Buffer): { texts: string[]; fonts: Set<string>; png: Buffer } {
  const texts: string[] = [];
  const fonts = new Set<string>();
  let owner = Object.getPrototypeOf(createCanvas(1, 1).getContext('2d'));
  while (!Object.hasOwn(owner, 'fillText')) owner = Object.getPrototypeOf(owner);
  const fillText = owner.fillText;
  owner.fillText = function (this: { font: string }, text: string, ...rest: number[]) {
    texts.push(text);
    fonts.add(this.font.replace(/^.*px /, ''));
    return fillText.call(this, text, ...rest);
  };
  try {
    return { png: draw(), texts, fonts };
  } finally {
    owner.fillText = fillText;
  }
}

/** The state of every chart at the time it was last drawn. */
export function charts<T>(draw: () => Buffer, look: (chart: Chart) => T): T[] {
  const seen = new Map<string, T>();
  const probe: Plugin = { id: 'probe', afterDraw: (chart) => void seen.set(chart.id, look(chart)) };
  Chart.register(probe);
  try {
    draw();
  } finally {
    Chart.unregister(probe);
  }
  return [...seen.values()];
}

/** Fixed means around a different centre for each class. */
export function scatterData(count: number, latent: number, classes: number) {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % classes);
  const mu = Float32Array.from({ length: count * latent }, (_, i) => {
    const image = Math.floor(i / latent);
    const spread = 0.5 * inverseNormalCdf((((image * (i % latent ? 0.618 : 0.414)) % 1) + 0.0005) / 1.001);
    return spread + 3 * Math.sin(labels[image] * (1 + (i % latent)));
  });
  return { mu, latent, labels };
}
