import { writeFile } from 'node:fs/promises';
import type { CheckReport } from '../../src/check/index.ts';
import { readCheckpoint } from '../../src/vae/checkpoint.ts';
import { expect, panel, press, saved, stepOnce } from './page.ts';
import { lossOf, openSite, stepOf, test } from './site.ts';

/** The whole suite takes minutes on a software adapter, and runs in the project `chromium` of tests/kernels. */
test('this GPU is checked until told to stop, the page stays usable, and the report can be saved', async ({
  page,
  siteUrl,
  errors,
}) => {
  await openSite(page, siteUrl, '#hidden=8');
  await stepOnce(page);
  const loss = await lossOf(page);
  const kernels = panel(page, 'Kernels');
  await press(page, 'Check this GPU');
  await expect(kernels).toContainText(/Check ([2-9]\d|\d{3,}) of \d{3,}/);
  // Meanwhile the page answers.
  await page.getByRole('application', { name: 'Latent plane' }).press('ArrowRight');
  await expect(panel(page, 'Decoded point')).toContainText('z = (0.20, 0.00)');
  await press(page, 'Stop the check');
  await expect(kernels).toContainText(
    /Stopped after \d+ of \d{3,} checks\. None failed on .+: what was compared agrees with float64/,
  );
  await expect(kernels.getByRole('row', { name: /passed/ }).first()).toBeVisible();

  const report = JSON.parse((await saved(page, 'Export the check as JSON')).toString()) as {
    adapter: { name: string };
    planned: number;
    checks: CheckReport[];
  };
  expect(report.adapter.name).not.toBe('');
  expect(report.checks.length).toBeGreaterThan(20);
  expect(report.checks.length).toBeLessThan(report.planned);
  for (const { name, ok, elements, worst, message } of report.checks) {
    expect(ok, message).toBe(true);
    expect(elements, name).toBeGreaterThan(0);
    expect(worst!.error, name).toBeLessThanOrEqual(worst!.tolerance);
  }

  // The model is where it was: the next step is the one that it would have been.
  expect([await stepOf(page), await lossOf(page)]).toEqual([1, loss]);
  await stepOnce(page);
  const next = await lossOf(page);
  await press(page, 'Reset');
  await expect(page.getByRole('status')).toContainText('ready');
  await stepOnce(page);
  await stepOnce(page);
  expect(await lossOf(page)).toBe(next);
  expect(errors).toEqual([]);
});

test('the fastest kernels are measured once, remembered, and kept by a checkpoint', async ({
  page,
  siteUrl,
  errors,
}, testInfo) => {
  const KEY = 'webgpu-vae.tuning';
  const remembered = () => page.evaluate((key) => localStorage.getItem(key), KEY);
  const open = async (hash: string): Promise<void> => {
    await page.goto('about:blank');
    await openSite(page, siteUrl, hash);
  };
  const kept = async () => {
    const bytes = await saved(page, 'Save checkpoint');
    return { bytes, variants: readCheckpoint(bytes).variants };
  };
  const problem = 'forward 128x784x8';

  await open('#hidden=8');
  expect(await remembered(), 'a software adapter keeps the default kernels').toBeNull();

  // The same adapter as a GPU would describe itself.
  await page.addInitScript(() => {
    // The blank page in between has no WebGPU.
    if (!('gpu' in navigator)) return;
    for (const name of ['vendor', 'architecture', 'device', 'description']) {
      Object.defineProperty(GPUAdapterInfo.prototype, name, { get: () => `some-${name}` });
    }
    Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', { get: () => false });
  });
  await open('#hidden=8');
  await expect(panel(page, 'Kernels')).toContainText('some device');
  const memory = (await remembered())!;
  const first = await kept();
  expect(Object.values(JSON.parse(memory).adapters)).toEqual([expect.objectContaining(first.variants)]);

  // What is remembered is followed, whatever it is, and not measured again.
  const other = first.variants[problem] === 'tile_64x32' ? 'tile_32x32' : 'tile_64x32';
  const changed = JSON.stringify(JSON.parse(memory), (key, value) => (key === problem ? other : value));
  await page.evaluate(([key, text]) => localStorage.setItem(key!, text!), [KEY, changed]);
  await open('#hidden=8&seed=1');
  expect((await kept()).variants).toEqual({ ...first.variants, [problem]: other });
  expect(await remembered()).toBe(changed);

  // A checkpoint goes on with its own.
  const file = testInfo.outputPath('first.safetensors');
  await writeFile(file, first.bytes);
  await page.getByLabel('Checkpoint file').setInputFiles(file);
  await expect(page.getByLabel('Seed')).toHaveValue('0');
  expect((await kept()).variants).toEqual(first.variants);
  expect(errors).toEqual([]);
});
