import { gzipSync } from 'node:zlib';
import { choose, drop, smallSet } from './files.ts';
import { expect, idle, panel, press, saved, stepOnce } from './page.ts';
import { openSite, stepOf, test } from './site.ts';

test('garbage files show an error and leave the model as it was', async ({ page, siteUrl, errors }) => {
  await openSite(page, siteUrl);
  await stepOnce(page);
  const garbage = { mimeType: 'application/octet-stream', buffer: Buffer.from('<img src=x onerror=alert(1)>') };
  await page.getByLabel('Checkpoint file').setInputFiles({ name: 'bad.safetensors', ...garbage });
  await expect(page.getByRole('alert')).toContainText('Loading the checkpoint failed');
  await page.getByLabel(/Other data/).setInputFiles([{ name: '<b>x</b>.idx', ...garbage }]);
  await expect(page.getByRole('alert')).toContainText('expected one of train-images-idx3-ubyte');
  await expect(page.getByRole('alert')).toContainText('<b>x</b>.idx');
  const names = ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'];
  await page.getByLabel(/Other data/).setInputFiles(names.map((name) => ({ name: `${name}-ubyte`, ...garbage })));
  await expect(page.getByRole('alert')).toContainText('this is not an IDX file');
  await stepOnce(page);
  expect(await stepOf(page)).toBe(2);
  expect(errors).toEqual([]);
});

test('own data can be trained on', async ({ page, siteUrl }) => {
  await openSite(page, siteUrl);
  await choose(page, smallSet());
  await expect(panel(page, 'Controls')).toContainText('40 training and 6 test images, 7 × 5');
  await idle(page);
  await press(page, 'Train');
  await expect(page.getByRole('status')).toContainText('finished');
  await expect(panel(page, 'Latent space')).toContainText('6 test images');
});

test('single steps end like one training: same metrics, and the epoch is evaluated and kept', async ({
  page,
  siteUrl,
  errors,
}) => {
  await openSite(page, siteUrl, '#hidden=8&batch=16&epochs=1');
  await choose(page, smallSet());
  await expect(page.getByRole('status')).toHaveText('epoch 0/1 · step 0/3 · ready');
  // The look at the untrained model is complete.
  await expect(panel(page, 'Latent space')).toContainText('6 test images');
  const metrics = async (): Promise<string> => (await saved(page, 'Download metrics')).toString();
  await stepOnce(page);
  await stepOnce(page);
  expect(await metrics()).toMatch(/^epoch,[^\n]*\n$/);
  await press(page, 'Step');
  await expect(page.getByRole('status')).toContainText('epoch 1/1 · step 3/3');
  await expect(page.getByRole('status')).toContainText('finished');
  await expect(page.getByLabel('Epoch shown')).toHaveAttribute('max', '2');
  const bySteps = await metrics();
  await press(page, 'Reset');
  await expect(page.getByRole('status')).toContainText('ready');
  await press(page, 'Train');
  await expect(page.getByRole('status')).toContainText('finished');
  const withoutSeconds = (csv: string) => csv.replace(/,[^,\n]*$/gm, '');
  expect(withoutSeconds(bySteps)).toMatch(/\n1,3,[\d.]+,[\d.]+,[\d.]+,[\d.]+,[\d.]+,[\d.]+\n$/);
  expect(withoutSeconds(await metrics())).toBe(withoutSeconds(bySteps));
  expect(errors).toEqual([]);
});

test('files dropped anywhere on the page: data, a checkpoint, garbage', async ({ page, siteUrl, errors }) => {
  await openSite(page, siteUrl, '#hidden=8&batch=16&epochs=9');
  const controls = panel(page, 'Controls');
  const status = page.getByRole('status');
  await drop(page, smallSet());
  await expect(controls).toContainText('dropped files: 40 training and 6 test images, 7 × 5');
  await idle(page);
  await stepOnce(page);
  const checkpoint = await saved(page, 'Save checkpoint');
  await stepOnce(page);

  await drop(page, [{ name: 'kept.safetensors', bytes: checkpoint }]);
  await expect(status).toContainText('step 1/');
  await idle(page);

  const alert = page.getByRole('alert');
  await drop(page, [{ name: 'cat.jpg', bytes: Buffer.from('\xff\xd8') }]);
  await expect(alert).toContainText("among the files, found cat.jpg: give MNIST's four files together");
  const [first, ...others] = smallSet();
  const cut = { name: first!.name, bytes: first!.bytes.subarray(0, 100) };
  await drop(page, [cut, ...others]);
  await expect(alert).toContainText('1400 bytes of data, got 84');
  await drop(page, [{ name: 'cut.safetensors', bytes: checkpoint.subarray(0, -1) }]);
  await expect(alert).toContainText('Loading the checkpoint failed');
  await expect(controls).toContainText('40 training and 6 test images');
  await stepOnce(page);
  expect(await stepOf(page)).toBe(2);
  await expect(alert).toHaveCount(0);

  // Packed files are data as well, and a drop while it trains is followed at once.
  await press(page, 'Train');
  await drop(
    page,
    smallSet().map(({ name, bytes }) => ({ name: `${name}.gz`, bytes: gzipSync(bytes) })),
  );
  await expect(status).toContainText('step 0/');
  await idle(page);
  expect(errors).toEqual([]);
});
