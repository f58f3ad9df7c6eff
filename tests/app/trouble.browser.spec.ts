import type { Page } from 'playwright/test';
import { expect, idle, panel, press, stepOnce, watchDevices } from './page.ts';
import { openSite, stepOf, test } from './site.ts';

/** No buffer may be larger than this, whatever the adapter can do. */
async function limitBuffers(page: Page, bytes: number): Promise<void> {
  await page.addInitScript((maxBufferSize) => {
    const { get } = Object.getOwnPropertyDescriptor(GPUDevice.prototype, 'limits')!;
    Object.defineProperty(GPUDevice.prototype, 'limits', {
      get() {
        return new Proxy(get!.call(this), {
          get: (limits, name) => (name === 'maxBufferSize' ? maxBufferSize : Reflect.get(limits, name, limits)),
        });
      },
    });
  }, bytes);
}

test("a link's model that does not fit the GPU is told, and the default one stands in for it", async ({
  page,
  siteUrl,
  errors,
}) => {
  await limitBuffers(page, 64 * 2 ** 20);
  await openSite(page, siteUrl, '#hidden=2048-2048-2048-2048&latent=3');
  const alert = page.getByRole('alert');
  await expect(alert).toContainText("The link's model does not fit this GPU");
  await expect(alert).toContainText(
    /parameters \(\d+\) needs \d+\.\d MiB, the adapter allows 64.0 MiB per buffer: use a smaller/,
  );
  await expect(page.getByLabel('Hidden layers')).toHaveValue('512-256');
  expect(new URL(page.url()).hash).toContain('hidden=512-256');

  // Later, too, such a model is refused and the one that is there stays.
  await page.getByLabel('Hidden layers').fill('8');
  await press(page, 'Reset');
  await idle(page);
  await expect(alert).toHaveCount(0);
  await page.getByLabel('Hidden layers').fill('2048-2048-2048-2048');
  await press(page, 'Reset');
  await expect(alert).toContainText('The reset failed');
  await expect(alert).toContainText('the adapter allows 64.0 MiB per buffer');
  await stepOnce(page);
  expect(await stepOf(page)).toBe(1);
  expect(errors).toEqual([]);
});

test('limits too small for the data set are told', async ({ page, siteUrl }) => {
  await limitBuffers(page, 2 ** 24);
  await page.goto(siteUrl);
  await expect(page.getByRole('alert')).toContainText(
    /The page could not start.*images \(\d+\) needs 44\.9 MiB, the adapter allows 16\.0 MiB per buffer: use a smaller/,
  );
  await expect(page.getByRole('status')).toHaveText('not started');
});

for (const [what, answer, message] of [
  [
    'missing',
    { status: 404 },
    /expected t10k-images-idx3-ubyte, plain or \.gz, at \.\/mnist, found none: put MNIST's four/,
  ],
  ['refused', { status: 503 }, /Fetch .*t10k-images-idx3-ubyte\.gz: expected the whole file, got "status 503": check/],
  ['a page', { status: 200, contentType: 'text/html', body: '<!doctype html>' }, /found none: put MNIST's four/],
  ['garbage', { status: 200, body: 'not gzip' }, /t10k-images-idx3-ubyte\.gz begins with 6e 6f 74 20/],
  [
    'cut off',
    { status: 200, body: Buffer.from('1f8b0800000000000003ed', 'hex') },
    /Unpack .*t10k-images-idx3-ubyte\.gz: expected a complete gzip file, got one that is broken off: get the file again/,
  ],
  ['unreachable', undefined, /expected the whole file, got "Failed to fetch": check the connection/],
] as const) {
  test(`a data file that is ${what} is told`, async ({ page, siteUrl }) => {
    await page.route(/t10k-images/, (route) => (answer ? route.fulfill(answer) : route.abort()));
    await page.goto(siteUrl);
    const alert = page.getByRole('alert');
    await expect(alert).toContainText('MNIST could not be loaded');
    await expect(alert).toContainText(message);
    await expect(page.getByRole('status')).toHaveText('not started');
    await expect(panel(page, 'Controls')).toHaveCount(0);
  });
}

test('without label files the page starts all the same, uncoloured', async ({ page, siteUrl }) => {
  await page.route(/-labels-/, (route) => route.fulfill({ status: 404 }));
  await openSite(page, siteUrl, '#hidden=8&batch=16&epochs=1');
  await expect(panel(page, 'Latent space')).toContainText('10,000 test images at their mean μ. Move');
  await expect(page.getByRole('group', { name: 'Classes shown' })).toBeHidden();
});

test('hints: a collapse, and a value that is not finite, told in plain words', async ({ page, siteUrl, errors }) => {
  const loss = panel(page, 'Loss');
  await openSite(page, siteUrl, '#hidden=8&beta=1000&learningRate=0.01');
  await press(page, 'Train');
  await expect(loss).toContainText('The posterior has collapsed: KL is near 0 and BCE near 205.8');

  await openSite(page, siteUrl, '#hidden=8&learningRate=10');
  await expect(loss).toContainText('A learning rate of 10 is unusually large');
  await press(page, 'Train');
  await expect(page.getByRole('alert')).toContainText('Training stopped');
  await expect(loss).toContainText('A number became infinite or no number at all, so training stopped.');
  await expect(page.getByRole('status')).toContainText('paused');
  await page.getByLabel('Learning rate').fill('0.001');
  await press(page, 'Reset');
  await expect(loss).not.toContainText('A number became infinite');
  await stepOnce(page);
  expect(errors).toEqual([]);
});

test('a device that is lost in a check, in a measurement or in a reset is told, and the page goes on', async ({
  page,
  siteUrl,
  errors,
}) => {
  const devices = await watchDevices(page);
  /** Loses the device that a method is called on next. */
  const loseAt = (name: string) =>
    page.evaluate((method) => {
      const methods = GPUDevice.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
      const original = methods[method]!;
      methods[method] = function (this: GPUDevice, ...args: unknown[]) {
        methods[method] = original;
        const result = original.apply(this, args);
        this.destroy();
        return result;
      };
    }, name);
  const status = page.getByRole('status');
  const kernels = panel(page, 'Kernels');
  await openSite(page, siteUrl, '#hidden=8');
  await stepOnce(page);

  // The check's own device: the model's is another one, and stays.
  await press(page, 'Check this GPU');
  await expect(kernels).toContainText(/Check \d{2,} of/);
  await devices.lose();
  await expect(kernels).toContainText(/The GPU device was lost after \d\d of \d{3,} checks\. None failed on /);
  await expect(kernels.getByRole('button', { name: 'Export the check as JSON' })).toBeVisible();
  await expect(status).not.toContainText('rebuilt');
  await stepOnce(page);

  // The model's device: the check goes on with its own.
  await press(page, 'Check this GPU');
  await expect(kernels).toContainText(/Check \d{2,} of/);
  await devices.lose(0);
  await expect(status).toContainText('GPU device lost and rebuilt, went on from step 2');
  await press(page, 'Stop the check');
  await expect(kernels).toContainText('Stopped after');
  await stepOnce(page);

  await loseAt('createQuerySet');
  await press(page, 'Measure kernels');
  await expect(status).toContainText('went on from step 3');
  await expect(kernels.getByRole('row', { name: /^adam / })).toBeVisible();
  await idle(page);
  await stepOnce(page);

  // Found out during the reset, the old model goes on; after it, the new one.
  await loseAt('pushErrorScope');
  await press(page, 'Reset');
  await expect(status).toContainText(/went on from step (0|4)/);
  await idle(page);
  await stepOnce(page);
  expect(errors).toEqual([]);
});
