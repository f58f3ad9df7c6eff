import type { Page } from 'playwright/test';
import { choose, smallSet } from './files.ts';
import { expect, idle, panel, press, saved, stepOnce, stored } from './page.ts';
import { lossOf, openSite, stepOf, test } from './site.ts';

const HASH = '#hidden=8&batch=2048&epochs=5';
const resume = (page: Page) => page.getByRole('button', { name: 'Resume last session' });
const controls = (page: Page) => panel(page, 'Controls');

async function steps(page: Page, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await stepOnce(page);
}

test('whatever replaces a run can be undone: reset, a checkpoint, other data, another link, and undo itself', async ({
  page,
  siteUrl,
  errors,
}) => {
  await openSite(page, siteUrl, HASH);
  await steps(page, 2);
  const loss = await lossOf(page);
  const checkpoint = await saved(page, 'Save checkpoint');
  await expect(page.getByRole('button', { name: /^Undo/ })).toBeHidden();
  const isBack = async (step: number): Promise<void> => {
    await press(page, `Undo: back to step ${step}`);
    await expect(page.getByRole('status')).toContainText(`step ${step}/147`);
    await idle(page);
  };

  await press(page, 'Reset');
  await expect(page.getByRole('status')).toContainText('step 0/');
  // What can be undone is not offered twice.
  await expect(page.getByRole('button', { name: 'Undo: back to step 2' })).toBeVisible();
  await idle(page);
  await expect(resume(page)).toBeHidden();
  await isBack(2);
  // What it had shown is there again, and it goes on with the same numbers.
  expect(await lossOf(page)).toBe(loss);
  await stepOnce(page);
  const third = await lossOf(page);

  await choose(page, smallSet());
  await expect(controls(page)).toContainText('40 training and 6 test images');
  await isBack(3);
  await expect(controls(page)).toContainText('60,000 training');

  await page.getByLabel('Checkpoint file').setInputFiles({ name: 'c.safetensors', mimeType: '', buffer: checkpoint });
  await expect(page.getByRole('status')).toContainText('step 2/147');
  await idle(page);
  await stepOnce(page);
  expect(await lossOf(page)).toBe(third);
  await isBack(3);
  // And undo is undone.
  await isBack(3);

  await page.evaluate(() => {
    location.hash = '#hidden=8&batch=2048&epochs=5&seed=3';
  });
  await expect(page.getByLabel('Seed')).toHaveValue('3');
  await expect(page.getByRole('status')).toContainText('step 0/');
  await isBack(3);
  await expect(page.getByLabel('Seed')).toHaveValue('0');
  expect(new URL(page.url()).hash).toContain('seed=0');
  // Two resets in a row lose nothing.
  await press(page, 'Reset');
  await expect(page.getByRole('status')).toContainText('step 0/');
  await idle(page);
  await press(page, 'Reset');
  await idle(page);
  await isBack(3);
  expect(errors).toEqual([]);
});

test('each run has a slot of its own, each tab its own run, and what is offered can be resumed', async ({
  page,
  siteUrl,
  errors,
}) => {
  await openSite(page, siteUrl, `${HASH}&seed=1`);
  await expect(resume(page)).toBeHidden();
  await steps(page, 2);
  await expect.poll(() => stored(page)).toEqual(['seed 1, step 2']);
  const loss = await lossOf(page);

  // Another tab, while the first is open: neither offers the other's run, nor writes over it.
  const other = await page.context().newPage();
  await openSite(other, siteUrl, `${HASH}&seed=2`);
  await idle(other);
  await expect(controls(other)).toContainText('60,000 training');
  await expect(resume(other)).toBeHidden();
  await steps(other, 1);
  await expect.poll(() => stored(page)).toEqual(['seed 2, step 1', 'seed 1, step 2']);
  await stepOnce(page);
  await expect.poll(() => stored(page)).toEqual(['seed 1, step 3', 'seed 2, step 1']);
  await page.reload();
  await expect(resume(page)).toBeVisible();
  await expect(controls(page)).toContainText(/The last session: step 3 of 147, layers 8-2, .*seed 1;/);
  await other.close();

  await idle(page);
  await press(page, 'Resume last session');
  await expect.poll(() => stepOf(page)).toBe(3);
  await idle(page);
  await stepOnce(page);
  expect(await lossOf(page)).not.toBe(loss);
  // It went on in its own slot.
  await expect.poll(() => stored(page)).toEqual(['seed 1, step 4', 'seed 2, step 1']);

  // A training is kept from its beginning on, not only after half a minute.
  await page.getByLabel('Seed').fill('5');
  await page.getByLabel('Batch').fill('16');
  await press(page, 'Reset');
  await expect(page.getByRole('status')).toContainText('step 0/');
  await idle(page);
  // The clock stands: no snapshot comes because it is time for one.
  await page.evaluate(() => {
    const now = performance.now();
    performance.now = () => now;
  });
  await press(page, 'Train');
  await expect.poll(async () => (await stored(page))[0]).toContain('seed 5');
  expect(Number(/step (\d+)/.exec((await stored(page))[0]!)![1]), 'in its first epoch').toBeLessThan(3750);
  // A snapshot may come too soon after the one before to be written: then it is not left out, but written later.
  const early = (await stored(page))[0];
  await page.evaluate(() => {
    // Somebody looks at another tab: that asks for one.
    Object.defineProperty(document, 'hidden', { value: true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await expect.poll(async () => (await stored(page))[0]).not.toBe(early);
  await page.reload();
  await expect(controls(page)).toContainText(/The last session: step \d+ of 18750, .*seed 5;/);

  // Own data is another matter: a run is offered where its images are.
  await idle(page);
  await choose(page, smallSet());
  await expect(controls(page)).toContainText('40 training');
  await idle(page);
  await expect(resume(page)).toBeHidden();
  await page.getByLabel('Batch').fill('16');
  await page.getByLabel('Seed').fill('6');
  await press(page, 'Reset');
  await expect(page.getByRole('status')).toContainText('step 0/13');
  await idle(page);
  await steps(page, 1);
  await expect.poll(async () => (await stored(page))[0]).toBe('seed 6, step 1');
  await page.reload();
  await expect(controls(page)).toContainText(/The last session: .*seed 5;/);
  await idle(page);
  await choose(page, smallSet());
  await expect(controls(page)).toContainText(/The last session: step 1 of 13, .*batch 16, .*seed 6;/);
  await idle(page);
  await press(page, 'Resume last session');
  await expect(page.getByRole('status')).toContainText('step 1/13');

  // The list has every run, with its own data; what is deleted can be brought back.
  await page.reload();
  await idle(page);
  const runs = panel(page, 'Runs');
  await expect(runs.getByRole('row', { name: /run 4 .*dropped files, .*seed 6/ })).toBeVisible();
  await expect(runs.getByRole('row')).toHaveCount(5);
  await press(page, 'Delete run 4');
  await expect(runs).not.toContainText('seed 6');
  await press(page, 'Bring it back');
  await press(page, 'Rename run 4');
  await page.getByLabel('Name of run 4').fill('Mine');
  await page.keyboard.press('Enter');
  await press(page, 'Restore Mine');
  await expect(page.getByRole('status')).toContainText('step 1/13');
  await expect(controls(page)).toContainText('40 training');
  await expect(runs.getByRole('row', { name: /Mine/ })).toContainText('now');
  await expect(panel(page, 'Loss')).toContainText('run 3: −ELBO');
  await press(page, 'Restore run 3');
  await expect(controls(page)).toContainText('60,000 training');
  expect((await saved(page, 'Export Mine')).length).toBeGreaterThan(1000);
  expect(errors).toEqual([]);
});
