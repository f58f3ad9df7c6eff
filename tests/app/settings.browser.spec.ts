import { readCheckpoint, writeCheckpoint } from '../../src/vae/checkpoint.ts';
import { choose, drop, smallSet } from './files.ts';
import { expect, idle, panel, press, saved, stepOnce } from './page.ts';
import { openSite, stepOf, test } from './site.ts';

test('settings are taken as whole texts, at Reset, at Enter, and never in part', async ({ page, siteUrl, errors }) => {
  await openSite(page, siteUrl, '#hidden=16&batch=2048&epochs=2');
  const alert = page.getByRole('alert');
  const field = (name: string) => page.getByLabel(name, { exact: true });
  const type = async (name: string, text: string): Promise<void> => {
    await field(name).fill('');
    await field(name).pressSequentially(text);
  };
  await type('Hidden layers', '512;256');
  await type('Epochs', '3000');
  await type('Batch', '60000');
  await type('Learning rate', '1e-400');
  await type('β (weight of KL)', '0x2');
  await type('Seed', '7');
  for (const name of ['Hidden layers', 'Epochs', 'Batch', 'Learning rate', 'β (weight of KL)'])
    await expect(field(name), name).toHaveAttribute('aria-invalid', 'true');
  // What waits is not in use, so it is not in the link either.
  expect(new URL(page.url()).hash).toContain('seed=0');

  // Enter takes nothing as long as something is wrong, and loses nothing that was typed.
  await field('Seed').press('Enter');
  await expect(field('Epochs')).toHaveValue('3000');
  await press(page, 'Reset');
  await expect(alert).toContainText('A setting cannot be used');
  await expect(alert).toContainText('Hidden layers: expected up to six widths');
  await expect(alert).toContainText('got "512;256": it stays 16.');
  await expect(alert).toContainText('got "60000": it stays 2048.');
  await idle(page);
  expect(new URL(page.url()).hash).toBe('#epochs=2&learningRate=0.001&beta=1&batch=2048&latent=2&hidden=16&seed=7');
  await expect(field('Hidden layers')).toHaveValue('16');

  // Enter applies, a decimal comma is understood.
  await type('Learning rate', '0,005');
  await field('Learning rate').press('Enter');
  await expect(field('Learning rate')).toHaveValue('0.005');
  await expect(page.getByRole('status')).toContainText('ready');
  await expect(alert).toHaveCount(0);
  await idle(page);
  await stepOnce(page);
  // Epochs alone need no reset, and what else is typed goes on waiting.
  await type('Epochs', '3');
  await field('Epochs').press('Enter');
  await expect(page.getByRole('status')).toContainText('step 1/88');
  await idle(page);
  await type('Latent dimensions', '3');
  await type('Epochs', '1');
  await press(page, 'Train');
  await expect(page.getByRole('status')).toContainText('finished');
  await expect(page.getByRole('status')).toContainText('step 30/30');
  await expect(field('Latent dimensions')).toHaveValue('3');
  await expect(panel(page, 'Controls')).toContainText('applies on reset');
  expect(errors).toEqual([]);
});

test('what is trained is called what it is, and the link that is copied is that of the settings in use', async ({
  page,
  siteUrl,
  errors,
}) => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await openSite(page, siteUrl, '#hidden=8&batch=2048&beta=0');
  const loss = panel(page, 'Loss');
  await expect(loss.getByRole('button', { name: 'BCE + 0·KL', exact: true })).toBeVisible();
  await stepOnce(page);
  await expect(page.getByRole('status')).toContainText(/BCE \+ 0·KL [\d.]+/);
  await expect(loss).toContainText('BCE + 0·KL train');
  await expect(loss).toContainText('Trained is BCE + 0·KL, which is −ELBO only where β is 1.');
  await expect(page.getByRole('status')).not.toContainText('−ELBO');
  await page.getByLabel('β').fill('1');
  await press(page, 'Copy link');
  await expect(page.getByText('The link is copied.')).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('beta=0&batch=2048');
  // Where the page may not copy, the link is there to be copied.
  await page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  await press(page, 'Copy link');
  await expect(page.getByLabel('Link', { exact: true })).toHaveValue(/#epochs=20.*beta=0/);

  await press(page, 'Reset');
  await expect(loss.getByRole('button', { name: '−ELBO', exact: true })).toBeVisible();
  await stepOnce(page);
  await expect(page.getByRole('status')).toContainText(/−ELBO [\d.]+/);
  expect(errors).toEqual([]);
});

test('a model whose numbers leave all bounds is shown, without an error of the page', async ({
  page,
  siteUrl,
  errors,
}) => {
  await openSite(page, siteUrl, '#hidden=8&latent=3&batch=16&epochs=9');
  await choose(page, smallSet());
  await expect(page.getByRole('status')).toContainText('step 0/');
  await idle(page);
  await stepOnce(page);
  await press(page, 'Test image');
  const snapshot = readCheckpoint(await saved(page, 'Save checkpoint'));
  const extreme = { 'mu.bias': [1e30, -3e38, 0], 'logvar.bias': [0, 3e38, -300] } as Record<string, number[]>;
  const parameters = snapshot.parameters.map((tensor) => {
    const values = extreme[tensor.name];
    return values ? { ...tensor, data: Float32Array.from(values) } : tensor;
  });
  await drop(page, [{ name: 'extreme.safetensors', bytes: writeCheckpoint({ ...snapshot, parameters }) }]);
  const plane = panel(page, 'Latent space');
  await expect(plane).toContainText('∞ nats');
  await expect(panel(page, 'Draw a digit')).toContainText('1.00e30 ±');
  const meters = await plane
    .getByRole('meter')
    .evaluateAll((all) => all.map((each) => (each as HTMLMeterElement).value));
  expect(meters).toHaveLength(3);
  for (const value of meters) expect(Number.isFinite(value)).toBe(true);
  for (const name of ['Fit', 'Home', 'Zoom out']) await press(page, name);
  await panel(page, 'Loss').getByRole('button', { name: 'Log scale' }).click();
  await expect(page.getByRole('alert')).toHaveCount(0);

  // Training ends there, and that is what the only alert says.
  await idle(page);
  await press(page, 'Train');
  await expect(page.getByRole('alert')).toHaveCount(1);
  await expect(page.getByRole('alert')).toContainText('Training stopped');
  await expect(page.getByRole('status')).toContainText('paused');
  expect(await stepOf(page)).toBe(1);
  expect(errors).toEqual([]);
});

test('a learning rate that blows the model up says so, and nothing else goes wrong', async ({
  page,
  siteUrl,
  errors,
}) => {
  await openSite(page, siteUrl, '#hidden=32-32&latent=4&learningRate=10');
  await press(page, 'Train');
  const alert = page.getByRole('alert');
  await expect(alert).toContainText('Training stopped');
  await expect(page.getByRole('status')).toContainText('paused');
  await expect(panel(page, 'Latent space')).toContainText('10,000 test images');
  await expect(alert).toHaveCount(1);
  await expect(alert).not.toContainText('HTMLMeterElement');
  expect(errors).toEqual([]);
});
