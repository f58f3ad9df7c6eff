import { readFile } from 'node:fs/promises';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { levelsOf } from '../support/pixels.ts';
import { choose, smallSet } from './files.ts';
import { expect, idle, panel, stepOnce } from './page.ts';
import { openSite, test } from './site.ts';

const PICTURES = ['loss curves', 'reconstructions', 'samples', 'latent space', 'interpolation'];

test('pictures are 1600 pixels wide, with a title, what is shown, and a legend', async ({ page, siteUrl, errors }) => {
  await page.setViewportSize({ width: 375, height: 800 });
  // What is written on a canvas.
  await page.addInitScript(() => {
    const { fillText } = CanvasRenderingContext2D.prototype;
    const written: string[] = [];
    CanvasRenderingContext2D.prototype.fillText = function (...args) {
      if (this.canvas.width === 1600) written.push(args[0]);
      return fillText.apply(this, args);
    };
    Object.assign(window, { written });
  });
  await openSite(page, siteUrl, '#hidden=8&batch=16&epochs=3');
  await choose(page, smallSet());
  await expect(page.getByRole('status')).toContainText('step 0/8');
  await idle(page);
  for (let i = 0; i < 3; i++) await stepOnce(page);
  const texts = new Map<string, string>();
  for (const name of PICTURES) {
    await page.evaluate(() => (window as unknown as { written: string[] }).written.splice(0));
    const downloading = page.waitForEvent('download');
    await page.getByRole('button', { name: `Save the ${name} as PNG` }).click();
    const image = await loadImage(await readFile(await (await downloading).path()));
    expect(image.width, name).toBe(1600);
    // The picture itself, not a blank sheet: many colours in its lower half.
    const context = createCanvas(image.width, image.height).getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(100, Math.round(image.height / 2), 1400, Math.round(image.height / 4));
    const colours = new Set<number>();
    for (let i = 0; i < data.length; i += 4) colours.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
    expect(colours.size, name).toBeGreaterThan(name === 'loss curves' ? 5 : 20);
    const written = await page.evaluate(() => (window as unknown as { written: string[] }).written.join(' '));
    expect(written, name).toContain('layers 35-8-2, batch 16, learning rate 0.001, β 1, seed 0');
    expect(written, name).toMatch(/[Aa]fter 3 steps/);
    texts.set(name, written);
  }
  expect(texts.get('loss curves')).toMatch(/^Loss by epoch .*−ELBO train −ELBO test KL train KL test$/);
  expect(texts.get('latent space')).toMatch(/^Latent space .*6 test images at the means μ .* 0 1 2$/);
  expect(texts.get('reconstructions')).toMatch(/^Reconstructions .*Top: test images\. Below: decoded/);
  expect(errors).toEqual([]);
});

test('on paper is what is on the screen, in light colours', async ({ page, siteUrl, errors }) => {
  await openSite(page, siteUrl, '#hidden=8');
  await expect(panel(page, 'Latent space')).toContainText('10,000 test images');
  // The browser's own printing tells the page; what it then has is what is put on paper.
  await page.evaluate(() =>
    addEventListener('beforeprint', () => {
      const canvases = [...document.querySelectorAll<HTMLCanvasElement>('canvas.printed')];
      Object.assign(window, { printed: canvases.map((canvas) => canvas.toDataURL()) });
    }),
  );
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    const pdf = await page.pdf();
    expect(pdf.byteLength).toBeGreaterThan(20_000);
    const printed = await page.evaluate(() => (window as unknown as { printed: string[] }).printed);
    // Plane, drawing's pair, point, interpolation, reconstructions, samples. Nothing is drawn in the pad yet.
    expect(printed).toHaveLength(6);
    for (const [i, url] of [...printed.entries()].filter(([at]) => at !== 1)) {
      const image = await loadImage(Buffer.from(url.split(',')[1]!, 'base64'));
      const context = createCanvas(image.width, image.height).getContext('2d');
      context.drawImage(image, 0, 0);
      const { data } = context.getImageData(0, 0, image.width, image.height);
      const greens = data.filter((_, at) => at % 4 === 1);
      expect(new Set(greens).size, `${colorScheme}: canvas ${i} has many greys`).toBeGreaterThan(20);
      const mean = greens.reduce((sum, level) => sum + level, 0) / greens.length;
      expect(mean, `${colorScheme}: canvas ${i} is on light paper`).toBeGreaterThan(100);
    }
    await expect(page.locator('.printed')).toHaveCount(0);
    await expect.poll(() => levelsOf(panel(page, 'Reconstructions').locator('canvas'))).toBeGreaterThan(20);
  }
  expect(errors).toEqual([]);
});

test('nothing overflows at any width, the pad is seen with the plane, and the wheel scrolls the page', async ({
  page,
  siteUrl,
  errors,
}) => {
  await page.setViewportSize({ width: 375, height: 800 });
  await openSite(page, siteUrl, '#hidden=8&latent=12');
  await expect(panel(page, 'Latent space')).toContainText('10,000 test images');
  const plane = page.getByRole('application', { name: 'Latent plane' });
  const pad = panel(page, 'Draw a digit').locator('.pad');
  for (const [width, height] of [
    [375, 812],
    [768, 1024],
    [1000, 800],
    [1280, 800],
    [1920, 1080],
  ] as const) {
    await page.setViewportSize({ width, height });
    await pad.evaluate((element) => element.scrollIntoView({ block: 'end', behavior: 'instant' }));
    const [field, square] = [(await pad.boundingBox())!, (await plane.boundingBox())!];
    expect(field.y + field.height, `${width} px: the pad is in the window`).toBeLessThanOrEqual(height + 1);
    expect(square.y + square.height / 2, `${width} px: and so is half of the plane`).toBeGreaterThanOrEqual(0);
  }

  await panel(page, 'Latent space').locator('summary').click();
  for (const width of [320, 375, 480, 719, 720, 768, 900, 999, 1000, 1030, 1079, 1080, 1200, 1280, 1440, 1920, 2560]) {
    await page.setViewportSize({ width, height: 800 });
    await expect
      .poll(() => page.evaluate(() => document.documentElement.scrollWidth), `${width} px`)
      .toBeLessThanOrEqual(width);
  }

  // Having clicked the plane changes nothing about scrolling; Ctrl and the wheel zoom.
  await page.setViewportSize({ width: 768, height: 600 });
  await page.evaluate(() => scrollTo(0, 0));
  const square = (await plane.boundingBox())!;
  await page.mouse.click(square.x + square.width / 2, square.y + 100);
  await page.mouse.wheel(0, 200);
  await expect.poll(() => page.evaluate(() => scrollY)).toBeGreaterThan(100);
  expect(errors).toEqual([]);
});
