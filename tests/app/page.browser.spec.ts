import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { loadImage } from '@napi-rs/canvas';
import { levelsOf } from '../support/pixels.ts';
import { expect, idle, panel, pause, press, saved, stepOnce, stored, watchDevices } from './page.ts';
import { lossOf, openSite, stepOf, test } from './site.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

test('a visitor trains, explores, saves, reloads and goes on with the same numbers', async ({
  page,
  siteUrl,
  errors,
}, testInfo) => {
  const foreign: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(siteUrl) && !/^(blob|data):/.test(request.url())) foreign.push(request.url());
  });
  await openSite(page, siteUrl);
  await expect(page.getByRole('status')).toHaveText('epoch 0/2 · step 0/938 · ready');
  const reconstructions = panel(page, 'Reconstructions').locator('canvas');
  await expect.poll(() => levelsOf(reconstructions), 'grey levels of the untrained pictures').toBeGreaterThan(20);

  await press(page, 'Train');
  await expect.poll(() => lossOf(page)).toBeLessThan(260);
  await expect(page.getByRole('status')).toContainText(
    /epoch 1\/2 · step \d+\/938 · −ELBO [\d.]+ · [\d.]+ steps\/s · \d/,
  );
  await pause(page);
  await idle(page);
  await stepOnce(page);

  for (const name of ['Samples', 'Decoded point']) {
    const canvas = panel(page, name).locator('canvas.images').first();
    await expect.poll(() => levelsOf(canvas), name).toBeGreaterThan(20);
  }
  await expect.poll(() => levelsOf(panel(page, 'Latent space').locator('.plane'))).toBeGreaterThan(100);

  const point = panel(page, 'Decoded point');
  await expect(point).toContainText('z = (0.00, 0.00)');
  await page.getByRole('application', { name: 'Latent plane' }).focus();
  await page.keyboard.press('ArrowRight');
  await expect(point).toContainText('z = (0.20, 0.00)');
  await page.keyboard.press('Enter');
  for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await expect(point).toContainText('From A (0.20, 0.00) to B (0.20, 0.60)');

  const pad = panel(page, 'Draw a digit').locator('.pad');
  await pad.scrollIntoViewIfNeeded();
  const box = (await pad.boundingBox())!;
  await page.mouse.move(box.x + 0.5 * box.width, box.y + 0.2 * box.height);
  await page.mouse.down();
  await page.mouse.move(box.x + 0.5 * box.width, box.y + 0.8 * box.height, { steps: 5 });
  await page.mouse.up();
  await expect(panel(page, 'Draw a digit')).toContainText(/μ ± σ = \(.*\d ± \d/);
  await expect.poll(() => levelsOf(panel(page, 'Draw a digit').locator('canvas.images'))).toBeGreaterThan(20);

  const downloading = page.waitForEvent('download');
  await press(page, 'Save checkpoint');
  const file = testInfo.outputPath('checkpoint.safetensors');
  await (await downloading).saveAs(file);
  const saved = await stepOf(page);
  await stepOnce(page);
  const loss = await lossOf(page);

  await page.reload();
  await page.getByRole('button', { name: 'Resume last session' }).waitFor();
  await idle(page);
  expect(await stepOf(page)).toBe(0);
  await page.getByLabel('Checkpoint file').setInputFiles(file);
  await expect.poll(() => stepOf(page)).toBe(saved);
  await idle(page);
  await stepOnce(page);
  expect(await lossOf(page), 'loss of the step after the checkpoint').toBe(loss);

  // To be done and to be kept are two things.
  await expect.poll(async () => (await stored(page))[0]).toBe(`seed 0, step ${saved + 1}`);
  await page.reload();
  await idle(page);
  await press(page, 'Resume last session');
  await expect.poll(() => stepOf(page), 'the step that the browser kept').toBe(saved + 1);

  expect(errors).toEqual([]);
  expect(foreign, 'requests to elsewhere').toEqual([]);
});

test('a link reproduces a run', async ({ page, siteUrl }) => {
  const losses: number[] = [];
  for (const seed of [7, 7, 8]) {
    await openSite(page, siteUrl, `#hidden=32&seed=${seed}&learningRate=0.01`);
    // A link that differs in its hash only reloads the page.
    await expect.poll(() => stepOf(page)).toBe(0);
    await idle(page);
    await stepOnce(page);
    await stepOnce(page);
    losses.push(await lossOf(page));
  }
  expect(losses[0]).toBe(losses[1]);
  expect(losses[0]).not.toBe(losses[2]);
});

test('settings apply on reset, and bad ones are refused', async ({ page, siteUrl }) => {
  await openSite(page, siteUrl, '#hidden=32&latent=100000&constructor=1');
  await expect(page.getByRole('alert')).toContainText('Ignored: latent, constructor');
  await page.getByLabel('Latent dimensions').fill('3');
  await expect(panel(page, 'Controls')).toContainText('applies on reset');
  await page.getByLabel('Batch').fill('0');
  await expect(panel(page, 'Controls')).toContainText('expected 1 to 4096');
  await press(page, 'Reset');
  await expect(panel(page, 'Latent space')).toContainText('KL of each');
  await expect(page.getByLabel('Batch')).toHaveValue('128');
  await expect.poll(() => new URL(page.url()).hash).toContain('latent=3');
});

test('a model that is replaced while it is looked at is seen', async ({ page, siteUrl, errors }) => {
  await openSite(page, siteUrl);
  // Encoding and drawing all test images for the first time takes seconds here.
  await press(page, 'Reset');
  await idle(page);
  await expect.poll(() => levelsOf(panel(page, 'Reconstructions').locator('canvas'))).toBeGreaterThan(20);
  await expect(page.getByRole('alert')).toHaveCount(0);
  expect(errors).toEqual([]);
});

test('a lost device comes back and training goes on', async ({ page, siteUrl, errors }) => {
  const devices = await watchDevices(page);
  await openSite(page, siteUrl);
  await press(page, 'Train');
  await expect.poll(() => stepOf(page)).toBeGreaterThan(20);
  await devices.lose();
  await expect(page.getByRole('status')).toContainText('GPU device lost and rebuilt');
  await expect.poll(() => stepOf(page)).toBeGreaterThan(30);
  await pause(page);
  await idle(page);
  await expect
    .poll(() => levelsOf(panel(page, 'Reconstructions').locator('canvas')), 'the pictures are drawn again')
    .toBeGreaterThan(20);

  // While nothing is computed, too.
  const step = await stepOf(page);
  await devices.lose();
  await expect(page.getByRole('status')).toContainText(`went on from step ${step}`);
  await idle(page);
  await stepOnce(page);
  await expect(page.getByRole('alert')).toHaveCount(0);
  expect(errors).toEqual([]);
});

test('a hidden tab trains on and draws nothing', async ({ page, siteUrl }) => {
  await openSite(page, siteUrl);
  await press(page, 'Train');
  await expect.poll(() => stepOf(page)).toBeGreaterThan(5);
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
    const { getCurrentTexture } = GPUCanvasContext.prototype;
    Object.assign(window, { drawn: 0 });
    GPUCanvasContext.prototype.getCurrentTexture = function () {
      (window as unknown as { drawn: number }).drawn++;
      return getCurrentTexture.call(this);
    };
  });
  // What was under way may still be drawn.
  const hiddenAt = await stepOf(page);
  await expect.poll(() => stepOf(page)).toBeGreaterThan(hiddenAt + 5);
  const drawn = () => page.evaluate(() => (window as unknown as { drawn: number }).drawn);
  const before = await drawn();
  const step = await stepOf(page);
  await expect.poll(() => stepOf(page)).toBeGreaterThan(step + 20);
  expect((await drawn()) - before).toBeLessThanOrEqual(2);
});

for (const [what, script, text] of [
  ['without WebGPU', 'delete Navigator.prototype.gpu', 'This browser has no WebGPU'],
  ['without an adapter', 'GPU.prototype.requestAdapter = async () => null', 'WebGPU found no usable GPU'],
] as const) {
  test(`${what} a panel says what to do, and a trained model can be explored`, async ({ page, siteUrl }) => {
    await page.addInitScript(script);
    await page.goto(siteUrl);
    const alert = page.getByRole('alert');
    await expect(alert).toContainText(text);
    for (const browser of ['Chrome', 'Firefox', 'Safari']) await expect(alert).toContainText(browser);
    const example = panel(page, 'A model that has learned');
    await page.getByRole('application', { name: 'Latent plane of the trained example' }).press('ArrowRight');
    await expect(example).toContainText(/z = \(0\.[1-9]\d, 0\.00\)/);
    expect(await levelsOf(example.locator('canvas.single'))).toBeGreaterThan(20);
  });
}

test('every view can be saved, curves and classes chosen, and past epochs replayed', async ({
  page,
  siteUrl,
  errors,
}) => {
  await openSite(page, siteUrl, '#hidden=16&batch=2048&epochs=1');
  // The look at the untrained model is complete.
  await expect(panel(page, 'Latent space')).toContainText('10,000 test images');
  await press(page, 'Train');
  await expect(page.getByRole('status')).toContainText('step 30/30');
  await expect(page.getByRole('status')).toContainText('finished');
  const slider = page.getByLabel('Epoch shown');
  await expect(slider).toHaveAttribute('max', '2');
  await panel(page, 'Latent space').getByLabel('Trails of the classes').check();
  await panel(page, 'Latent space').getByLabel('Keep everything in sight').check();
  const film = await saved(page, 'Save the replay as GIF');
  expect(film.subarray(0, 6).toString()).toBe('GIF89a');
  // Two epochs, each a frame of its own with its control block.
  expect(film.toString('latin1').split('\x21\xf9\x04')).toHaveLength(3);
  await press(page, 'Play the replay');
  await expect(panel(page, 'Latent space').locator('.scrubber .number')).toHaveText('untrained');
  await expect(panel(page, 'Latent space').locator('.scrubber .number')).toHaveText('now, step 30');
  await page.getByRole('application', { name: 'Loss by epoch' }).press('Home');
  await expect(panel(page, 'Loss')).toContainText(/Epoch \d\.\d\d: −ELBO train [\d.]+/);
  await slider.focus();
  await page.keyboard.press('Home');
  await expect(panel(page, 'Latent space')).toContainText('untrained');
  await page.keyboard.press('End');
  await expect(panel(page, 'Latent space')).toContainText('Replaynow');

  const three = panel(page, 'Latent space').getByRole('button', { name: '3', exact: true });
  await three.click();
  await expect(three).toHaveAttribute('aria-pressed', 'false');
  await panel(page, 'Loss').getByRole('button', { name: 'BCE' }).click();
  await expect(panel(page, 'Loss')).toContainText('BCE test');
  await panel(page, 'Loss').getByRole('button', { name: 'Log scale' }).click();

  for (const name of ['loss curves', 'reconstructions', 'samples', 'latent space', 'interpolation']) {
    const downloading = page.waitForEvent('download');
    await page.getByRole('button', { name: `Save the ${name} as PNG` }).click();
    const image = await loadImage(readFileSync(await (await downloading).path()));
    expect(image.width, name).toBeGreaterThan(200);
  }
  const downloading = page.waitForEvent('download');
  await press(page, 'Download metrics');
  const csv = readFileSync(await (await downloading).path(), 'utf8');
  expect(csv).toMatch(/^epoch,step,train_loss,.*\n1,30,[\d.]+,.*\n$/);

  await press(page, 'Measure kernels');
  await expect(panel(page, 'Kernels').getByRole('row', { name: /^adam / })).toBeVisible();
  await press(page, 'Check this GPU');
  await expect(panel(page, 'Kernels')).toContainText(/Check \d+ of \d{3}/);
  expect(errors).toEqual([]);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing (${colorScheme})`, async ({ page, siteUrl }) => {
    await page.emulateMedia({ colorScheme });
    await openSite(page, siteUrl, '#hidden=16&latent=3');
    await expect(panel(page, 'Latent space')).toContainText('10,000 test images');
    await page.evaluate(AXE);
    const violations = await page.evaluate(async () => {
      const { axe } = window as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
    });
    expect(violations).toEqual([]);
  });
}

test('on a phone nothing is wider than the screen, and nothing moves while it loads', async ({ page, siteUrl }) => {
  await page.setViewportSize({ width: 375, height: 800 });
  await openSite(page, siteUrl, '#hidden=16');
  const shifts = await page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        let sum = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) sum += (entry as PerformanceEntry & { value: number }).value;
        }).observe({ type: 'layout-shift', buffered: true });
        setTimeout(() => resolve(sum), 3000);
      }),
  );
  expect(shifts).toBeLessThan(0.02);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(375);
});
