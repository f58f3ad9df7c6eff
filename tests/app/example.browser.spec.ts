import { levelsOf } from '../support/pixels.ts';
import { expect, idle, panel, press, saved, stepOnce } from './page.ts';
import { openSite, stepOf, test } from './site.ts';

test('the page begins with a trained example; Train and Step begin from scratch, and an image goes its way', async ({
  page,
  siteUrl,
  errors,
}) => {
  await openSite(page, siteUrl, '');
  const status = page.getByRole('status');
  await expect(status).toHaveText('a trained example · press Train and watch a model learn this from scratch');
  await expect(page.getByLabel('Hidden layers')).toHaveValue('512-256');
  await expect(panel(page, 'Latent space').locator('.scrubber .number')).toHaveText('trained example');
  expect(new URL(page.url()).hash).toBe('');
  await expect.poll(() => levelsOf(panel(page, 'Reconstructions').locator('canvas'))).toBeGreaterThan(20);

  const way = panel(page, 'One image’s way');
  await press(page, 'Test image');
  await expect(way).toContainText(/μ = \(.*σ = \(.*ε = \(0\.00, 0\.00\).*Together [\d.]+ nats/s);
  const [, cost] = /Together ([\d.]+) nats/.exec((await way.textContent())!)!;
  // A model that has learned knows its digits: what is not learned costs 543.
  expect(Number(cost)).toBeLessThan(350);
  await press(page, 'Roll the dice for ε');
  await expect(way).not.toContainText('ε = (0.00, 0.00)');
  await way.getByRole('button', { name: 'σ' }).first().focus();
  await expect(page.getByRole('tooltip')).toContainText('how wide that cloud is');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('tooltip')).toBeHidden();

  await page.getByLabel('Hidden layers').fill('8');
  await press(page, 'Step');
  await expect(status).toContainText('step 1/9375');
  await idle(page);
  await expect(page.getByLabel('Hidden layers')).toHaveValue('8');
  await expect(panel(page, 'The network')).toContainText('layer of 8');
  await press(page, 'Show the example');
  await expect(status).toContainText('a trained example');
  // What was learned can be had back, and the way in slow motion begins anew, too.
  await expect(page.getByRole('button', { name: 'Undo: back to step 1' })).toBeVisible();
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await panel(page, 'Reconstructions')
    .locator('canvas')
    .click({ position: { x: 10, y: 10 } });
  await expect(way).toContainText('Together');
  await press(page, 'Step in slow motion');
  await expect(status).toContainText('step 1/9375');
  await expect(way).toContainText('Before the step it was');
  expect(errors).toEqual([]);
});

test('Gaussian pixels: trained, named and exported as what they are', async ({ page, siteUrl, errors }) => {
  await openSite(page, siteUrl, '#hidden=8&batch=2048&epochs=1&likelihood=gaussian');
  await expect(page.getByLabel('Likelihood')).toHaveValue('gaussian');
  await press(page, 'Train');
  await expect(page.getByRole('status')).toContainText('finished');
  await expect(panel(page, 'Loss').getByRole('button', { name: 'NLL', exact: true })).toBeVisible();
  await expect(panel(page, 'Loss')).toContainText('−ELBO = NLL + KL');
  expect((await saved(page, 'Download metrics')).toString()).toMatch(
    /^epoch,step,train_loss,train_nll,train_kl,.*\n1,30,/,
  );
  await press(page, 'Test image');
  await expect(panel(page, 'One image’s way')).toContainText(/NLL−?[\d.]+KL[\d.]+/);
  const checkpoint = await saved(page, 'Save checkpoint');
  await press(page, 'Reset');
  await idle(page);
  await page.getByLabel('Checkpoint file').setInputFiles({ name: 'c', mimeType: '', buffer: checkpoint });
  await expect.poll(() => stepOf(page)).toBe(30);
  await page.getByLabel('Epochs').fill('2');
  await page.getByLabel('Epochs').press('Enter');
  await expect(page.getByRole('status')).toContainText('step 30/59');
  await idle(page);
  await stepOnce(page);
  expect(errors).toEqual([]);
});
