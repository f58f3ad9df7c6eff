import { createCanvas, loadImage } from '@napi-rs/canvas';
import type { Locator } from 'playwright/test';
import { choose, smallSet } from './files.ts';
import { expect, idle, panel, press, stepOnce } from './page.ts';
import { openSite, stepOf, test } from './site.ts';

/** Pixels darker than grey in a part of an element's width. */
async function darkPixels(element: Locator, [from, to]: readonly [number, number]): Promise<number> {
  const image = await loadImage(await element.screenshot());
  const context = createCanvas(image.width, image.height).getContext('2d');
  context.drawImage(image, 0, 0);
  const left = Math.round(from * image.width);
  // Without the border.
  const { data } = context.getImageData(left, 3, Math.round((to - from) * image.width), image.height - 6);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) if (data[i]! < 100) count++;
  return count;
}

test('the focus stays where it is, quick resets leave no trace, and an end is no alarm', async ({
  page,
  siteUrl,
  errors,
}) => {
  const warnings: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'warning') warnings.push(message.text());
  });
  await openSite(page, siteUrl, '#hidden=8&batch=16&epochs=1');
  await choose(page, smallSet());
  await expect(page.getByRole('status')).toContainText('step 0/3');
  await idle(page);
  const button = (name: string) => page.getByRole('button', { name, exact: true });

  await button('Step').focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => stepOf(page)).toBe(1);
  await idle(page);
  await expect(button('Step')).toBeFocused();
  await button('Reset').focus();
  await page.keyboard.press('Space');
  await expect.poll(() => stepOf(page)).toBe(0);
  await idle(page);
  await expect(button('Reset')).toBeFocused();
  // What goes away hands the focus on.
  await button('Undo: back to step 1').focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => stepOf(page)).toBe(1);
  await idle(page);
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('BUTTON');

  // As fast as it can be clicked, drawn at and moved over meanwhile.
  const plane = (await page.getByRole('application', { name: 'Latent plane' }).boundingBox())!;
  await press(page, 'Test image');
  for (let i = 0; i < 6; i++) {
    await button('Reset').dispatchEvent('click');
    await page.mouse.move(plane.x + 20 + 10 * i, plane.y + 20);
    await button('Fit').dispatchEvent('click');
  }
  await idle(page);
  await stepOnce(page);

  await press(page, 'Train');
  await expect(page.getByRole('status')).toContainText('finished');
  await press(page, 'Train');
  await expect(page.getByText('Training is finished: all epochs are done.')).toBeVisible();
  await expect(page.getByRole('alert')).toHaveCount(0);
  await page.getByRole('button', { name: 'Dismiss' }).focus();
  await page.keyboard.press('Enter');
  await expect(button('Train')).toBeFocused();
  expect(errors).toEqual([]);
  expect(warnings.filter((text) => /destroyed|invalid|error/i.test(text))).toEqual([]);
});

test('measuring and checking pause a training, and it goes on by itself', async ({ page, siteUrl, errors }) => {
  await openSite(page, siteUrl, '#hidden=8&batch=2048&epochs=1000');
  const kernels = panel(page, 'Kernels');
  await press(page, 'Train');
  await expect.poll(() => stepOf(page)).toBeGreaterThan(3);
  await kernels.getByRole('button', { name: 'Measure kernels' }).focus();
  await page.keyboard.press('Enter');
  await expect(kernels.getByRole('row', { name: /^adam / })).toBeVisible();
  await expect(kernels.getByRole('button', { name: 'Measure kernels' })).toBeFocused();
  const measured = await stepOf(page);
  await expect.poll(() => stepOf(page)).toBeGreaterThan(measured + 3);

  await press(page, 'Check this GPU');
  await expect(kernels).toContainText(/Check \d{2,} of \d{3,}/);
  await expect(page.getByRole('status')).toContainText('paused');
  await press(page, 'Stop the check');
  await expect(kernels).toContainText('Stopped after');
  const checked = await stepOf(page);
  await expect.poll(() => stepOf(page)).toBeGreaterThan(checked + 3);
  // A pause is the visitor's own, and stays one.
  await press(page, 'Pause');
  await idle(page);
  await press(page, 'Measure kernels');
  await expect(kernels.getByRole('row', { name: /^adam / })).toBeVisible();
  await idle(page);
  await expect(page.getByRole('status')).toContainText('paused');
  expect(errors).toEqual([]);
});

test('pad and plane: the main button only, one finger, nothing beyond the rim, and Clear clears everything', async ({
  page,
  siteUrl,
  errors,
}) => {
  await openSite(page, siteUrl, '#hidden=8');
  const draw = panel(page, 'Draw a digit');
  const pad = draw.locator('.pad');
  const plane = page.getByRole('application', { name: 'Latent plane' });
  await expect(panel(page, 'Latent space')).toContainText('10,000 test images');
  const [emptyPad, emptyPlane] = [await pad.screenshot(), await plane.locator('..').screenshot()];
  const result = draw.locator('canvas.images');
  const emptyResult = await result.screenshot();
  await pad.scrollIntoViewIfNeeded();
  const box = (await pad.boundingBox())!;
  const at = (x: number, y: number) => [box.x + x * box.width, box.y + y * box.height] as const;

  for (const buttonName of ['right', 'middle'] as const) {
    await page.mouse.move(...at(0.3, 0.3));
    await page.mouse.down({ button: buttonName });
    await page.mouse.move(...at(0.7, 0.7), { steps: 3 });
    await page.mouse.up({ button: buttonName });
  }
  expect((await pad.screenshot()).equals(emptyPad), 'other buttons draw nothing').toBe(true);

  // A stroke that leaves the pad and comes back is what lies on the pad: two lines, without the way between them.
  await page.mouse.move(...at(0.5, 0.5));
  await page.mouse.down();
  for (const [x, y] of [
    [0.5, 3],
    [0.9, 3],
    [0.9, 0.5],
  ] as const)
    await page.mouse.move(...at(x, y), { steps: 4 });
  await page.mouse.up();
  await expect(draw).toContainText('μ ± σ');
  await expect.poll(() => darkPixels(result, [0.05, 0.45]), 'what the model sees').toBeGreaterThan(100);
  expect(await darkPixels(result, [0.22, 0.28]), 'between the lines').toBe(0);

  // A second finger elsewhere draws nothing, and does not pull the line to it.
  await press(page, 'Clear the drawing');
  const touch = (type: string, [clientX, clientY]: readonly [number, number]) =>
    pad.dispatchEvent(type, { pointerId: 77, pointerType: 'touch', button: 0, clientX, clientY });
  await page.mouse.move(...at(0.4, 0.2));
  await page.mouse.down();
  for (const y of [0.3, 0.5, 0.7]) {
    await touch(y === 0.3 ? 'pointerdown' : 'pointermove', at(0.9, y));
    await page.mouse.move(...at(0.4, y));
  }
  await touch('pointerup', at(0.9, 0.8));
  await page.mouse.move(...at(0.4, 0.8));
  await page.mouse.up();
  await expect.poll(() => darkPixels(result, [0.22, 0.28]), 'one line in the middle').toBeGreaterThan(100);
  expect(await darkPixels(result, [0.02, 0.16]), 'and nothing beside it').toBe(0);

  await press(page, 'Clear the drawing');
  await expect(draw.locator('.drawing .number')).toHaveText('');
  await page.mouse.move(5, 5);
  await expect.poll(async () => (await pad.screenshot()).equals(emptyPad), 'the pad is empty').toBe(true);
  await expect.poll(async () => (await result.screenshot()).equals(emptyResult), 'nothing is made of it').toBe(true);
  await plane.evaluate((element) => element.scrollIntoView({ block: 'center', behavior: 'instant' }));
  await expect
    .poll(async () => (await plane.locator('..').screenshot()).equals(emptyPlane), 'no ellipse on the plane')
    .toBe(true);

  // Neither do other buttons pick or move on the plane.
  const square = (await plane.boundingBox())!;
  const point = panel(page, 'Decoded point');
  for (const buttonName of ['right', 'middle'] as const) {
    await page.mouse.move(square.x + 50, square.y + 50);
    const before = await point.locator('.decoded .number').textContent();
    await page.mouse.down({ button: buttonName });
    await page.mouse.move(square.x + 90, square.y + 90);
    expect(await point.locator('.decoded .number').textContent()).toBe(before);
    await page.mouse.up({ button: buttonName });
  }
  await expect(point).not.toContainText('From A');
  expect(errors).toEqual([]);
});
