import { writeSafetensors } from '../../src/train/safetensors.ts';
import { readCheckpoint, writeCheckpoint } from '../../src/vae/checkpoint.ts';
import { choose, drop, smallSet } from './files.ts';
import { expect, idle, panel, press, saved, stepOnce } from './page.ts';
import { lossOf, openSite, stepOf, test } from './site.ts';

test('without MNIST the page offers to try again, and takes own files by choice or drop', async ({ page, siteUrl }) => {
  const alert = page.getByRole('alert');
  const status = page.getByRole('status');
  await page.route(/t10k-images/, (route) => route.fulfill({ status: 404 }));
  await page.goto(`${siteUrl}#hidden=8&batch=16`);
  await expect(alert).toContainText('MNIST could not be loaded');
  await expect(status).toHaveText('not started');
  await press(page, 'Try again');
  await expect(alert).toContainText('MNIST could not be loaded');
  // Files that are none of a data set leave everything as it was.
  await drop(page, [{ name: 'cat.jpg', bytes: Buffer.from('\xff\xd8') }]);
  await expect(alert.last()).toContainText('Loading the data set failed');
  await drop(page, smallSet());
  await expect(status).toContainText('step 0/50');
  await expect(panel(page, 'Controls')).toContainText('40 training and 6 test images');
  await expect(alert).toHaveCount(0);
  await idle(page);
  await stepOnce(page);

  await page.reload();
  await expect(alert).toContainText('MNIST could not be loaded');
  await choose(page, smallSet());
  await expect(panel(page, 'Controls')).toContainText('40 training and 6 test images');
  await idle(page);

  await page.reload();
  await expect(alert).toContainText('MNIST could not be loaded');
  await page.unroute(/t10k-images/);
  await press(page, 'Try again');
  await expect(panel(page, 'Controls')).toContainText('60,000 training and 10,000 test images');
  await expect(alert).toHaveCount(0);
});

test("the command line's model.safetensors is loaded as a model to begin with, whatever its file is called", async ({
  page,
  siteUrl,
  errors,
}) => {
  await openSite(page, siteUrl, '#hidden=8&batch=16&epochs=9');
  await choose(page, smallSet());
  await expect(page.getByRole('status')).toContainText('step 0/23');
  await idle(page);
  await stepOnce(page);
  await stepOnce(page);
  const snapshot = readCheckpoint(await saved(page, 'Save checkpoint'));
  await stepOnce(page);
  const { rows, columns, trainCount: trainSize } = snapshot.data;
  const config = { ...snapshot.config, seed: 5, beta: 2, rows, columns, data: 'x', trainSize };
  const model = writeSafetensors(snapshot.parameters, { format: 'pt', config: JSON.stringify(config), step: '2' });

  await page.getByLabel('Seed').fill('9');
  await drop(page, [{ name: 'model (1)', bytes: model }]);
  await expect(page.getByText('model (1) is a model without the optimizer’s state')).toBeVisible();
  await expect(page.getByRole('status')).toContainText('step 0/23');
  await expect(page.getByLabel('Seed')).toHaveValue('5');
  await expect(page.getByLabel('β')).toHaveValue('2');
  await expect(page.getByRole('alert')).toHaveCount(0);
  await idle(page);
  const slider = page.getByLabel('Epoch shown');
  await slider.focus();
  await page.keyboard.press('Home');
  await expect(panel(page, 'Latent space').locator('.scrubber .number')).toHaveText('as loaded');
  await page.keyboard.press('End');
  const begun = readCheckpoint(await saved(page, 'Save checkpoint'));
  expect(begun.step).toBe(0);
  expect(begun.parameters).toEqual(snapshot.parameters);
  await stepOnce(page);
  expect(await lossOf(page)).toBeNaN();
  expect(await stepOf(page)).toBe(1);

  // Without settings in the file, and into a page with other ones.
  await press(page, 'Undo: back to step 3');
  await expect(page.getByRole('status')).toContainText('step 3/');
  await idle(page);
  const bare = writeSafetensors(snapshot.parameters, {});
  await page.getByLabel('Checkpoint file').setInputFiles({
    name: 'model.safetensors',
    mimeType: '',
    buffer: Buffer.from(bare),
  });
  await expect(page.getByRole('status')).toContainText('step 0/');
  await expect(page.getByLabel('Hidden layers')).toHaveValue('8');
  await idle(page);

  // A model of other images says so; a checkpoint is one, whatever it is called.
  const other = snapshot.parameters.map((tensor) =>
    tensor.name === 'encoder.0.weight' ? { ...tensor, shape: [8, 4], data: new Float32Array(32) } : tensor,
  );
  await drop(page, [{ name: 'other.safetensors', bytes: writeSafetensors(other, {}) }]);
  await expect(page.getByRole('alert')).toContainText('images of 4 pixels, expected 35');
  await drop(page, [{ name: 'kept (2).part', bytes: writeCheckpoint(snapshot) }]);
  await expect(page.getByRole('status')).toContainText('step 2/');
  expect(errors).toEqual([]);
});
