import { drop, smallSet } from './files.ts';
import { expect, idle, panel, press } from './page.ts';
import { openSite, test } from './site.ts';

test('a tour of seven stations by keyboard, left at any time; a link shows some panels only, in large type', async ({
  page,
  siteUrl,
  errors,
}) => {
  await openSite(page, siteUrl, '#hidden=8&view=plane,train,nonsense');
  await expect(panel(page, 'Latent space')).toBeVisible();
  for (const name of ['Loss', 'Draw a digit', 'Experiments', 'Words']) await expect(panel(page, name)).toBeHidden();
  await expect(page.getByLabel('Epochs')).toBeHidden();
  await expect(page.getByRole('button', { name: 'Train', exact: true })).toBeVisible();
  await expect(page.getByRole('alert')).toHaveCount(0);
  // The link stays what it is about, also when the model changes.
  await idle(page);
  await drop(page, smallSet());
  await expect(page.getByRole('status')).toContainText('step 0/7');
  await expect.poll(() => new URL(page.url()).hash).toMatch(/hidden=8&.*&view=train,plane$/);

  await page.evaluate(() => {
    location.hash = '#hidden=8';
  });
  await expect(panel(page, 'Loss')).toBeVisible();
  await idle(page);
  // Files that do not say what they are, and classes that have names.
  const files = smallSet().map(({ name, bytes }) => ({ name, mimeType: '', buffer: Buffer.from(bytes) }));
  await page.getByLabel('Fashion-MNIST’s files').setInputFiles(files);
  await expect(page.getByRole('button', { name: '2 Pullover' })).toBeVisible();
  await expect(panel(page, 'Controls')).toContainText('Fashion-MNIST: 40 training');
  await idle(page);
  const tour = page.getByRole('dialog', { name: 'Tour' });
  await press(page, 'Take the tour');
  await expect(tour).toContainText('1 of 7');
  for (let i = 2; i <= 7; i++) {
    await page.keyboard.press('Enter');
    await expect(tour).toContainText(`${i} of 7`);
    await expect(page.locator('.toured')).toHaveCount(1);
  }
  await page.keyboard.press('Enter');
  await expect(tour).toBeHidden();
  await expect(page.getByRole('button', { name: 'Take the tour' })).toBeFocused();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await expect(tour).toBeHidden();
  await expect(page.locator('.toured')).toHaveCount(0);
  expect(errors).toEqual([]);
});
