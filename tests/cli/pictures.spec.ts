import { Chart } from 'chart.js';
import fc from 'fast-check';
import { expect, test } from 'playwright/test';
import {
  imageGrid,
  inverseNormalCdf,
  type LossRow,
  lossCurve,
  manifold,
  manifoldGrid,
  reconstructions,
} from '../../src/cli/pictures/index.ts';
import { charts, decode, writing } from './drawing.ts';

/** How many pixels of a picture are exactly this grey. */
async function countGrey(png: Buffer, level: number): Promise<number> {
  const canvas = await decode(png);
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i] === level && data[i + 1] === level && data[i + 2] === level) count++;
  }
  return count;
}

const wave = (length: number) => Float32Array.from({ length }, (_, i) => 0.5 + 0.5 * Math.sin(i / 3));
const losses = (bce: number, kld: number) => ({ loss: bce + kld, bce, kld });
const lossRows = (count: number): LossRow[] =>
  Array.from({ length: count }, (_, i) => ({
    epoch: i + 1,
    train: losses(134 + 40 / (i + 1), 6.7 - 2 / (i + 1)),
    test: losses(135 + 20 / (i + 1), 6.6 - 1.5 / (i + 1)),
  }));

test.describe('inverseNormalCdf', () => {
  test('known quantiles', () => {
    // Reference: mpmath, 50 digits, root of the distribution function.
    const known = [
      [0.5, 0],
      [0.6, 0.2533471031357998],
      [0.9, 1.2815515655446006],
      [0.975, 1.959963984540054],
      [0.999, 3.090232306167813],
      [1e-10, -6.361340902404056],
      [1e-20, -9.26234008979841],
      [1e-300, -37.0470962993612],
    ];
    for (const [p, z] of known) expect(Math.abs(inverseNormalCdf(p) - z)).toBeLessThanOrEqual(1e-14 * Math.abs(z));
    expect(inverseNormalCdf(0)).toBe(Number.NEGATIVE_INFINITY);
    expect(inverseNormalCdf(1)).toBe(Number.POSITIVE_INFINITY);
  });

  test('is the inverse of the integral of the density', () => {
    const density = (z: number) => Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
    for (let i = 1; i < 200; i++) {
      const p = i / 200;
      const z = inverseNormalCdf(p);
      const h = z / 400; // Simpson's rule from 0 to z, error about h⁴ z / 180
      let sum = density(0) + density(z);
      for (let k = 1; k < 400; k++) sum += density(k * h) * (k % 2 === 1 ? 4 : 2);
      expect(Math.abs(0.5 + (sum * h) / 3 - p)).toBeLessThan(1e-10);
    }
  });

  test('is odd around one half and rises', () => {
    fc.assert(
      fc.property(fc.double({ min: 2 ** -40, max: 0.5, noNaN: true }), (half) => {
        const p = Math.round(half * 2 ** 52) / 2 ** 52; // so that 1 - p is exact
        expect(inverseNormalCdf(1 - p) + inverseNormalCdf(p)).toBeCloseTo(0, 12);
        expect(inverseNormalCdf(p * 1.001)).toBeGreaterThan(inverseNormalCdf(p));
      }),
      { seed: 1 },
    );
  });

  test('refuses what is no probability', () => {
    for (const p of [-1e-9, 1.000001, Number.NaN]) expect(() => inverseNormalCdf(p)).toThrow(/expected a probability/);
  });
});

test.describe('manifold', () => {
  test('the grid runs from the top left, z₁ to the right, z₂ upwards', () => {
    const { z, ticks } = manifoldGrid(3);
    const t = inverseNormalCdf(5 / 6);
    expect(ticks).toHaveLength(3);
    for (const [i, value] of [-t, 0, t].entries()) expect(ticks[i]).toBeCloseTo(value, 14);
    const [low, middle, high] = Float32Array.from(ticks);
    expect(Array.from({ length: 9 }, (_, i) => [z[2 * i], z[2 * i + 1]])).toEqual([
      [low, high],
      [middle, high],
      [high, high],
      [low, middle],
      [middle, middle],
      [high, middle],
      [low, low],
      [middle, low],
      [high, low],
    ]);
    expect(Array.from(manifoldGrid(1).z)).toEqual([0, 0]);
    for (const n of [0, -1, 2.5, Number.NaN]) expect(() => manifoldGrid(n)).toThrow(/positive integer/);
  });

  test('says what it shows, with the values on the axes', () => {
    const images = wave(4 * 28 * 28);
    const { texts } = writing(() => manifold({ images, n: 2, rows: 28, columns: 28, title: 'Decoded plane' }));
    expect(texts).toContain('Decoded plane');
    expect(texts).toContain('z₁ = Φ⁻¹(quantile)');
    expect(texts).toContain('z₂ = Φ⁻¹(quantile)');
    expect(texts.filter((text) => text === '−0.67')).toHaveLength(2);
    expect(texts.filter((text) => text === '0.67')).toHaveLength(2);
  });

  test('puts the first image at the top left', async () => {
    const images = Float32Array.from([0.2, 0.4, 0.6, 0.8]);
    const canvas = await decode(manifold({ images, n: 2, rows: 1, columns: 1, title: 'T' }));
    const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const first = (level: number) => {
      // Text has such greys too, but not eight in a row.
      for (let i = 0; i < data.length; i += 4) {
        if ([...Array(8).keys()].every((k) => data[i + 4 * k] === level)) {
          return [(i / 4) % width, Math.floor(i / 4 / width)];
        }
      }
      throw new Error(`no pixel of grey ${level}`);
    };
    const [a, b, c, d] = [51, 102, 153, 204].map(first);
    expect(a[0]).toBe(c[0]);
    expect(b[0]).toBe(d[0]);
    expect(a[0]).toBeLessThan(b[0]);
    expect(a[1]).toBe(b[1]);
    expect(a[1]).toBeLessThan(c[1]);
  });
});

test.describe('grids of images', () => {
  test('pixels are magnified without smoothing', async () => {
    // 2 x 3 pixels at 28 screen pixels each; 60 levels apart, so nothing else in the picture has just these greys.
    const originals = Uint8Array.from([10, 70, 130, 190, 11, 71]);
    const levels = [33, 93, 153, 213, 34, 94];
    const png = reconstructions({
      originals,
      reconstructions: Float32Array.from(levels, (v) => v / 255),
      rows: 2,
      columns: 3,
      title: 'T',
    });
    for (const level of [...originals, ...levels]) {
      const count = await countGrey(png, level);
      expect(count).toBeGreaterThanOrEqual(28 * 28);
      expect(count).toBeLessThan(28 * 28 + 100); // the texts' smoothed edges
    }
  });

  test('values outside [0, 1] are clamped, NaN is black', async () => {
    const bad = Float32Array.from([Number.NaN, -3, 7, 128 / 255]);
    const png = imageGrid({ images: bad, count: 4, rows: 1, columns: 1, title: 'T' });
    expect(await countGrey(png, 0)).toBeGreaterThanOrEqual(2 * 84 * 84);
    expect(await countGrey(png, 0)).toBeLessThan(2.1 * 84 * 84);
    expect(await countGrey(png, 128)).toBeGreaterThanOrEqual(84 * 84);
  });

  test('any image size and any count', async () => {
    const sizes = [
      [1, 1],
      [5, 7],
      [28, 28],
      [64, 64],
      [1, 784],
      [784, 1],
      [700, 500],
    ];
    for (const [rows, columns] of sizes) {
      for (const count of [1, 7]) {
        const images = wave(count * rows * columns);
        const grid = await decode(imageGrid({ images, count, rows, columns, title: 'T' }));
        const pairs = await decode(
          reconstructions({ originals: images, reconstructions: images, rows, columns, title: 'T' }),
        );
        for (const { width, height } of [grid, pairs]) {
          expect(width).toBeGreaterThan(400);
          expect(width).toBeLessThan(2600);
          expect(height).toBeLessThan(5000);
        }
      }
      const sheet = await decode(manifold({ images: wave(9 * rows * columns), n: 3, rows, columns, title: 'T' }));
      expect(sheet.width).toBeLessThan(2600);
    }
  });

  test('colours are drawn as they are, magnified and reduced', async () => {
    const colours = Uint8Array.of(200, 0, 50, 10, 250, 30);
    const counts = async (png: Buffer) => {
      const { width, height, ...canvas } = await decode(png).then((c) => ({
        width: c.width,
        height: c.height,
        data: c.getContext('2d').getImageData(0, 0, c.width, c.height).data,
      }));
      const seen = new Map<string, number>();
      for (let i = 0; i < width * height; i++) {
        const color = canvas.data.subarray(4 * i, 4 * i + 3).join();
        seen.set(color, (seen.get(color) ?? 0) + 1);
      }
      return seen;
    };
    // One image of two pixels, each 42 x 42 screen pixels: above itself.
    const size = { rows: 1, columns: 2, channels: 3 };
    const pair = await counts(reconstructions({ originals: colours, reconstructions: colours, ...size, title: 'T' }));
    expect(pair.get('200,0,50')).toBe(2 * 42 * 42);
    expect(pair.get('10,250,30')).toBe(2 * 42 * 42);
    const levels = Float32Array.from(colours, (level) => level / 255);
    const sheet = await counts(manifold({ images: levels, n: 1, ...size, title: 'T' }));
    expect(sheet.get('10,250,30')).toBe(84 * 84);
    // 2,500 pixels across are reduced twice: each becomes the mean of two.
    const wide = new Float32Array(3 * 2500).map((_, i) => levels[i % 6]!);
    const { png, texts } = await (async () =>
      writing(() => imageGrid({ images: wide, count: 1, rows: 1, columns: 2500, channels: 3, title: 'T' })))();
    expect(texts).toContain('1 × 2500 pixels, red, green and blue from 0 to 1, reduced 2 times');
    expect((await counts(png)).get('105,125,40')).toBe(1250);
    const wrong = { originals: colours, reconstructions: colours.subarray(1), ...size, title: 'T' };
    expect(() => reconstructions(wrong)).toThrow(/got 5 numbers, expected 6 \(1 x 1 x 2 x 3\)/);
  });

  test('a grid too large for a page is reduced by averaging', async () => {
    // A chessboard of 0 and 200: reduced twice, every pixel is their mean.
    const side = 2500;
    const images = Float32Array.from({ length: side * side }, (_, i) => ((i + Math.floor(i / side)) % 2) * (200 / 255));
    const { png, texts } = writing(() => imageGrid({ images, count: 1, rows: side, columns: side, title: 'T' }));
    expect(texts).toContain('2500 × 2500 pixels, intensity 0 (black) to 1 (white), reduced 2 times');
    expect(await countGrey(png, 100)).toBeGreaterThanOrEqual((side / 2) ** 2);
  });

  test('titles, labels and the unit are written', () => {
    const images = wave(16 * 28 * 28);
    const pairs = writing(() =>
      reconstructions({ originals: images, reconstructions: images, rows: 28, columns: 28, title: 'Epoch 3' }),
    );
    const unit = '28 × 28 pixels, intensity 0 (black) to 1 (white), magnified 3 times';
    expect(pairs.texts.sort()).toEqual(
      ['Epoch 3', unit, 'original', 'original', 'reconstruction', 'reconstruction'].sort(),
    );
    const grid = { images, count: 16, rows: 28, columns: 28, title: 'Samples', subtitle: 'seed 0' };
    expect(writing(() => imageGrid(grid)).texts.sort()).toEqual([unit, 'Samples', 'seed 0'].sort());
  });

  test('a long title is broken into lines', () => {
    const title = Array.from({ length: 40 }, (_, i) => `word${i}`).join(' ');
    const { texts } = writing(() => imageGrid({ images: wave(4), count: 4, rows: 1, columns: 1, title }));
    expect(texts.length).toBeGreaterThan(5);
    expect(texts.join(' ')).toContain(title);
  });

  test('shapes that do not fit are refused', () => {
    const images = wave(10);
    const grid = (count: number, rows: number, columns: number) => () =>
      imageGrid({ images, count, rows, columns, title: 'T' });
    expect(grid(2, 2, 3)).toThrow('imageGrid: got 10 pixels, expected 12 (2 x 2 x 3): check the shape');
    expect(grid(0, 2, 5)).toThrow(/imageGrid: got 0 images/);
    expect(grid(1, 0, 5)).toThrow(/positive integers/);
    expect(() =>
      reconstructions({ originals: images, reconstructions: wave(5), rows: 1, columns: 5, title: 'T' }),
    ).toThrow(/reconstructions: got 5 pixels, expected 10/);
    expect(() =>
      reconstructions({ originals: images, reconstructions: images, rows: 3, columns: 5, title: 'T' }),
    ).toThrow(/positive integer/);
    expect(() => manifold({ images, n: 3, rows: 1, columns: 1, title: 'T' })).toThrow(/manifold: got 10 pixels/);
  });
});

test.describe('lossCurve', () => {
  test('three panels with axes of their own', () => {
    const { texts, fonts } = writing(() => lossCurve(lossRows(20)));
    expect(texts.filter((text) => text === 'epoch')).toHaveLength(3);
    expect(texts.filter((text) => text === 'nats per image')).toHaveLength(3);
    expect(texts.filter((text) => text === 'train')).toHaveLength(3);
    expect(texts.filter((text) => text === 'test')).toHaveLength(3);
    expect(texts).toContain('epoch 20: train 142.60, test 142.53');
    // A machine without installed fonts would draw nothing in any other.
    expect([...fonts]).toEqual(['"webgpu-vae DejaVu Sans"']);
  });

  test('every value lies inside its axes, from one epoch to many', () => {
    for (const count of [1, 2, 20, 51, 500]) {
      const panels = charts(
        () => lossCurve(lossRows(count)),
        ({ data, scales: { x, y } }) => ({
          points: data.datasets.flatMap((set) => set.data as { x: number; y: number }[]),
          x: { min: x.min, max: x.max, ticks: x.ticks.map((tick) => tick.value) },
          y: { min: y.min, max: y.max },
        }),
      );
      expect(panels).toHaveLength(3);
      for (const { points, x, y } of panels) {
        const inside = points.filter((p) => p.x > x.min && p.x < x.max && p.y >= y.min && p.y <= y.max);
        expect(inside).toHaveLength(2 * count);
        expect(y.min).toBeGreaterThanOrEqual(0);
        expect(x.ticks.length).toBeGreaterThan(0);
        expect(x.ticks.length).toBeLessThanOrEqual(21);
        expect(x.ticks.every((tick) => Number.isInteger(tick) && tick >= 1 && tick <= count)).toBe(true);
      }
    }
  });

  test('no epoch, and losses that are not finite', async () => {
    expect(writing(() => lossCurve([])).texts).toContain('no epoch was finished');
    const lost: LossRow = { epoch: 1, train: losses(Number.NaN, 1), test: losses(Number.POSITIVE_INFINITY, 1) };
    await decode(lossCurve([lost, ...lossRows(3).slice(1)]));
    await decode(lossCurve([lost]));
  });

  test('the same numbers give the same bytes, and no chart stays behind', () => {
    expect(lossCurve(lossRows(5)).equals(lossCurve(lossRows(5)))).toBe(true);
    expect(Object.keys(Chart.instances)).toHaveLength(0);
  });
});
