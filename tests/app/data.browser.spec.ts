import { gzipSync } from 'node:zlib';
import { colourOf } from '../support/pixels.ts';
import { choose, drop, idx, smallSet, type TestFile } from './files.ts';
import { expect, idle, panel, press, saved, stepOnce } from './page.ts';
import { openSite, stepOf, test } from './site.ts';

test('garbage files show an error and leave the model as it was', async ({ page, siteUrl, errors }) => {
  await openSite(page, siteUrl);
  await stepOnce(page);
  const garbage = { mimeType: 'application/octet-stream', buffer: Buffer.from('<img src=x onerror=alert(1)>') };
  await page.getByLabel('Checkpoint file').setInputFiles({ name: 'bad.safetensors', ...garbage });
  await expect(page.getByRole('alert')).toContainText('Loading the checkpoint failed');
  await page.getByLabel(/Other data/).setInputFiles([{ name: '<b>x</b>.idx', ...garbage }]);
  await expect(page.getByRole('alert')).toContainText('expected train-images-idx3-ubyte');
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

test('images in colour are shown in colour', async ({ page, siteUrl, errors }) => {
  await openSite(page, siteUrl, '#hidden=8&batch=8&epochs=1');
  const pictures = ['Test images above their reconstructions', 'Images decoded from fixed random points'];
  const grey = await Promise.all(pictures.map((name) => colourOf(page.getByRole('img', { name }))));
  for (const colour of grey) expect(colour).toBeLessThan(40);
  await choose(page, smallSet(40, 6, 3));
  await expect(panel(page, 'Controls')).toContainText('40 training and 6 test images, 7 × 5 in colour');
  await idle(page);
  await press(page, 'Train');
  await expect(page.getByRole('status')).toContainText('finished');
  for (const name of pictures) {
    await expect
      .poll(() => colourOf(page.getByRole('img', { name })))
      .toBeGreaterThan(name.startsWith('Test') ? 150 : 5);
  }
  // A test image in the drawing's place, and a drawing: all of its channels are what was drawn.
  await press(page, 'Test image');
  await expect(panel(page, 'Draw a digit')).toContainText('μ ± σ');
  expect(errors).toEqual([]);
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
  await expect(alert).toContainText("among the files, found cat.jpg: give a data set's four files together");
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

/** The small set with 16-bit labels of so many classes, or without labels. */
function withClasses(classes: number): TestFile[] {
  const images = smallSet().filter(({ name }) => name.includes('images'));
  if (classes === 0) return images;
  const labels = (name: string, count: number): TestFile => {
    const bytes = Buffer.alloc(8 + 2 * count);
    bytes.set([0, 0, 0x0b, 1]);
    bytes.writeUInt32BE(count, 4);
    for (let i = 0; i < count; i++) bytes.writeUInt16BE(i % classes, 8 + 2 * i);
    return { name: `${name}-labels-idx1-ubyte`, bytes };
  };
  const test = { name: 't10k-images-idx3-ubyte', bytes: idx([classes, 5, 7], (i) => (i * 57) % 256) };
  return [images[0]!, labels('train', 40), test, labels('t10k', classes)];
}

test('own data go by content: packing and names that people have, many classes, no labels', async ({
  page,
  siteUrl,
  errors,
}) => {
  await openSite(page, siteUrl, '#hidden=8&batch=16&epochs=9');
  const controls = panel(page, 'Controls');
  const plane = panel(page, 'Latent space');
  const legend = page.getByRole('group', { name: 'Classes shown' });
  const [images, ...others] = smallSet();
  const members = Buffer.concat([gzipSync(images!.bytes.subarray(0, 500)), gzipSync(images!.bytes.subarray(500))]);
  await drop(page, [
    { name: 'emnist-letters-train-images-idx3-ubyte (1).gz', bytes: members },
    ...others.map(({ name, bytes }) => ({
      name: `EMNIST-letters-${name.replace('t10k', 'TEST')}`,
      bytes: Buffer.concat([gzipSync(bytes), Buffer.alloc(512)]),
    })),
  ]);
  await expect(controls).toContainText('emnist-letters: 40 training and 6 test images, 7 × 5');
  await expect(legend.getByRole('button')).toHaveText(['0', 'A', 'B']);

  await idle(page);
  await drop(page, withClasses(47));
  await expect(plane).toContainText('47 test images at their mean μ, classes at their medians');
  await expect(legend.getByRole('button')).toHaveCount(47);
  const height = await legend.evaluate(({ clientHeight, scrollHeight }) => ({ clientHeight, scrollHeight }));
  expect(height.clientHeight).toBeLessThan(140);
  expect(height.scrollHeight).toBeGreaterThan(height.clientHeight);
  const last = legend.getByRole('button', { name: '46', exact: true });
  await last.click();
  await expect(last).toHaveAttribute('aria-pressed', 'false');

  await idle(page);
  await drop(page, withClasses(300));
  await expect(legend.getByText('299 (300 classes)')).toBeVisible();
  await expect(legend.getByRole('button')).toHaveCount(0);

  await idle(page);
  await drop(page, withClasses(0));
  await expect(controls).toContainText('40 training and 6 test images');
  await expect(plane).toContainText('6 test images at their mean μ. Move');
  await expect(legend).toBeHidden();
  await stepOnce(page);

  const page404 = { name: 'train-images-idx3-ubyte.gz', bytes: Buffer.from('<!DOCTYPE html><title>404</title>') };
  await drop(page, [page404, ...others]);
  await expect(page.getByRole('alert')).toContainText('train-images-idx3-ubyte.gz is a web page (HTML)');
  expect(errors).toEqual([]);
});
