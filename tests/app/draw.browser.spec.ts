import { createCanvas, loadImage } from '@napi-rs/canvas';
import type { Locator } from 'playwright/test';
import { expect, panel } from './page.ts';
import { openSite, test } from './site.ts';

/** Pixels of a colour, such as `36,86,197`, that an element shows. */
async function pixelsOf(element: Locator, colour: string): Promise<number> {
  const image = await loadImage(await element.screenshot());
  const context = createCanvas(image.width, image.height).getContext('2d');
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) if (data.subarray(i, i + 3).join() === colour) count++;
  return count;
}

const ACCENT = '36,86,197';
const INK = '22,24,29';

test('a digit is drawn by keyboard and lands on the plane', async ({ page, siteUrl, errors }) => {
  await openSite(page, siteUrl, '#hidden=8');
  const plane = page.getByRole('application', { name: 'Latent plane' });
  await expect(panel(page, 'Latent space')).toContainText('10,000 test images');
  const withoutEllipse = await pixelsOf(plane, ACCENT);

  const draw = panel(page, 'Draw a digit');
  const pad = draw.getByRole('application', { name: /^Field to draw a digit in.*Arrow keys.*Space/ });
  await expect(draw).toContainText('arrow keys move the pen, Space puts it down and lifts it');
  expect(await pixelsOf(pad, ACCENT), 'no pen while the keyboard is elsewhere').toBe(0);
  await draw.getByRole('button', { name: 'Clear the drawing' }).focus();
  await page.keyboard.press('Tab');
  await expect(pad).toBeFocused();
  await expect.poll(() => pixelsOf(pad, ACCENT), 'the pen').toBeGreaterThan(20);
  await expect(pad, 'the focus').toHaveCSS('outline-style', 'solid');

  // Moving the lifted pen leaves nothing.
  await page.keyboard.press('ArrowDown');
  await expect(draw).toContainText('Pen up, column 10, row 5 of 19.');
  expect(await pixelsOf(pad, INK)).toBe(0);
  await expect(draw).not.toContainText('μ ± σ');

  await page.keyboard.press('Space');
  for (let i = 0; i < 10; i++) await page.keyboard.press('ArrowDown');
  await expect(draw).toContainText('Pen down, column 10, row 15 of 19.');
  await page.keyboard.press('Enter');
  await expect(draw).toContainText('Pen up');
  await page.keyboard.press('ArrowRight');
  await expect(draw).toContainText('Pen up, column 11, row 15 of 19.');
  await expect.poll(() => pixelsOf(pad, INK), 'a vertical line').toBeGreaterThan(500);
  await expect(draw).toContainText(/μ ± σ = \(.*\d ± \d/);
  await expect.poll(() => pixelsOf(plane, ACCENT), 'the ellipse').toBeGreaterThan(withoutEllipse + 20);

  // Elsewhere the same keys do what they do elsewhere, and the pen is gone.
  await page.keyboard.press('Tab');
  await expect.poll(() => pixelsOf(pad, ACCENT)).toBe(0);
  expect(errors).toEqual([]);
});
