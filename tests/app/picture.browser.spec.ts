import type { Locator, Page } from 'playwright/test';
import { choose, smallSet } from './files.ts';
import { expect, idle, panel, press, stepOnce } from './page.ts';
import { openSite, stepOf, test } from './site.ts';

/** Own data, so small that a picture is of a few dozen steps while training goes on. */
async function openSmall(
  page: Page,
  siteUrl: string,
  hash: string,
  counts: [train: number, test: number],
): Promise<void> {
  await openSite(page, siteUrl, hash);
  await choose(page, smallSet(...counts));
  await expect(page.getByRole('status')).toContainText('step 0/');
  await expect(panel(page, 'Latent space')).toContainText(`${counts[1].toLocaleString('en-US')} test images`);
  await idle(page);
}

/** What all views show, as the screen has it. */
function shown(page: Page): Promise<string[]> {
  const views: Locator[] = [
    panel(page, 'Latent space').locator('.plane'),
    panel(page, 'Reconstructions').locator('canvas'),
    panel(page, 'Samples').locator('canvas'),
    panel(page, 'Decoded point').locator('canvas').first(),
    panel(page, 'Decoded point').locator('canvas').last(),
    panel(page, 'Draw a digit').locator('canvas.images'),
  ];
  return Promise.all(views.map(async (view) => (await view.screenshot()).toString('base64')));
}

const NAMES = ['plane', 'reconstructions', 'samples', 'point', 'interpolation', 'drawing'];

async function expectSame(page: Page, pictures: readonly string[], what: string): Promise<void> {
  for (const [i, name] of NAMES.entries())
    await expect.poll(async () => (await shown(page))[i] === pictures[i], `${what}: ${name}`).toBe(true);
}

/** The same image every time. */
async function drawOne(page: Page): Promise<void> {
  const pad = panel(page, 'Draw a digit').locator('.pad');
  await pad.focus();
  for (const key of ['Space', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowRight', 'Space'])
    await page.keyboard.press(key);
  await expect(panel(page, 'Draw a digit')).toContainText('μ ± σ');
  await page.keyboard.press('Tab');
}

test('what is seen while it trains is one model: that of the step that is named, in all views', async ({
  page,
  siteUrl,
  errors,
}) => {
  // Epochs that last, and test images that are encoded in two parts, with steps in between.
  await openSmall(page, siteUrl, '#hidden=512-512&batch=256&epochs=10&learningRate=0.002', [20_000, 1000]);
  await drawOne(page);
  // The first picture after the untrained one stays: nothing is drawn in a hidden tab.
  await page.evaluate(() => {
    const label = document.querySelector('.scrubber .number')!;
    const observer = new MutationObserver(() => {
      if (!/step [1-9]/.test(label.textContent ?? '')) return;
      observer.disconnect();
      Object.defineProperty(document, 'hidden', { configurable: true, value: true });
    });
    observer.observe(label, { childList: true, characterData: true, subtree: true });
  });
  await press(page, 'Train');
  await page.waitForFunction(() => document.hidden);
  const label = (await panel(page, 'Latent space').locator('.scrubber .number').textContent())!;
  const step = Number(/^now, step (\d+)$/.exec(label)![1]);
  for (const name of ['Reconstructions', 'Samples', 'Decoded point', 'Draw a digit'])
    await expect(panel(page, name)).toContainText(`step ${step}`);
  const text = await panel(page, 'Draw a digit').locator('.drawing .number').textContent();
  const pictures = await shown(page);
  // Training is elsewhere by now.
  await expect.poll(() => stepOf(page)).toBeGreaterThan(step + 5);
  await press(page, 'Pause');
  await idle(page);

  // The same run, stopped at that step.
  await page.evaluate(() => Reflect.deleteProperty(document, 'hidden'));
  await press(page, 'Reset');
  await expect(page.getByRole('status')).toContainText('ready');
  for (let i = 0; i < step; i++) await stepOnce(page);
  await expect(panel(page, 'Latent space')).toContainText(`now, step ${step}`);
  await expect(panel(page, 'Draw a digit').locator('.drawing .number')).toHaveText(text!);
  await expectSame(page, pictures, `step ${step}`);
  expect(errors).toEqual([]);
});

test('looking back loses no epoch, every view follows, and Fit fits what is shown', async ({
  page,
  siteUrl,
  errors,
}) => {
  const EPOCHS = 40;
  await openSmall(page, siteUrl, `#hidden=16&batch=40&epochs=${EPOCHS}&learningRate=0.05`, [40, 6]);
  await drawOne(page);
  const untrained = await shown(page);
  const label = panel(page, 'Latent space').locator('.scrubber .number');
  const slider = page.getByLabel('Epoch shown');
  /** Where the plane's right rim lies after Fit. */
  const fitted = async (): Promise<string> => {
    await press(page, 'Fit');
    const box = (await page.getByRole('application', { name: 'Latent plane' }).boundingBox())!;
    await page.mouse.move(box.x + box.width - 3, box.y + box.height / 2);
    const text = await panel(page, 'Decoded point').locator('.decoded .number').textContent();
    await press(page, 'Home');
    return text!;
  };
  const fittedUntrained = await fitted();

  await press(page, 'Train');
  await expect(slider).toBeEnabled();
  await slider.focus();
  await page.keyboard.press('Home');
  await expect(label).toHaveText('untrained');
  await expect(page.getByRole('status')).toContainText('finished');
  await expect(label).toHaveText('untrained');
  // The untrained model, each epoch, and now.
  await expect(slider).toHaveAttribute('max', String(EPOCHS + 1));
  expect(await fitted()).toBe(fittedUntrained);
  await page.getByRole('application', { name: 'Latent plane' }).focus();
  for (const name of ['Samples', 'Reconstructions', 'Decoded point', 'Draw a digit'])
    await expect(panel(page, name)).toContainText('step 0');

  await slider.focus();
  await page.keyboard.press('ArrowRight');
  await expect(label).toHaveText('epoch 1, step 1');
  await expect(panel(page, 'Samples')).toContainText('step 1');
  await page.keyboard.press('End');
  await expect(label).toHaveText(`now, step ${EPOCHS}`);
  expect(await fitted()).not.toBe(fittedUntrained);

  await slider.focus();
  await page.keyboard.press('Home');
  await expect(label).toHaveText('untrained');
  // The ring is where Fit has left it; the pictures of before had it elsewhere.
  const now = await shown(page);
  for (const i of [1, 2, 4, 5]) expect(now[i] === untrained[i], NAMES[i]).toBe(true);
  expect(errors).toEqual([]);
});
