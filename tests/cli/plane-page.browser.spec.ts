import { writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { expect, type Page } from 'playwright/test';
import { DTYPES, f16Bits } from '../../src/train/dtypes.ts';
import { type DenseLayer, layersOfVae } from '../../src/vae/layers.ts';
import { readVae } from '../../src/vae/model-file.ts';
import { test as base } from '../support/fixtures.ts';
import { vaeFile } from '../support/vae-file.ts';
import { run } from './in-process.ts';

const SIZE = { rows: 5, columns: 7 };

/** A page from a file, and whatever it asks of any network. */
const test = base.extend<{ open: (latent: number) => Promise<DenseLayer[]>; asked: string[] }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of a fixture's fixtures from the pattern.
  asked: async ({}, use) => use([]),
  open: async ({ page, asked }, use, info) => {
    await use(async (latent) => {
      const model = info.outputPath('model.safetensors');
      const bytes = vaeFile({ hidden: [6], latent }, SIZE, { data: '</script><b>mine' });
      await writeFile(model, bytes);
      const out = info.outputPath('plane.html');
      expect(await run(['export', '--model', model, '--out', out, '--html'])).toMatchObject({ code: 0, stderr: '' });
      page.on('request', (request) => asked.push(request.url()));
      page.on('pageerror', (error) => asked.push(error.message));
      await page.goto(pathToFileURL(out).href);
      return layersOfVae(readVae(bytes)).decoder.filter((layer) => layer.kind === 'dense');
    });
  },
});

/** p(x|z) in float64 with weights rounded as the page has them, as levels. */
function decode(layers: readonly DenseLayer[], z: readonly number[]): number[] {
  const rounded = (values: Float32Array) => DTYPES.F16.toF32(new Uint8Array(f16Bits(values)!.buffer));
  const pixels = layers.reduce<number[]>((inp, { inputs, weight, bias, activation }) => {
    const w = rounded(weight);
    return Array.from(rounded(bias), (b, o) => {
      const sum = inp.reduce((total, value, i) => total + value * w[o * inputs + i]!, b);
      return activation === 'relu' ? Math.max(0, sum) : 1 / (1 + Math.exp(-sum));
    });
  }, Array.from(z));
  return pixels.map((pixel) => 255 * pixel);
}

async function shows(page: Page, layers: readonly DenseLayer[], z: readonly number[]): Promise<void> {
  const levels = await page.locator('#image').evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    return Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]!);
  });
  const expected = decode(layers, z);
  expect(Math.max(...levels.map((level, i) => Math.abs(level - expected[i]!)))).toBeLessThan(0.51);
}

test('a plane: mouse and keys move z, the image is what the decoder makes of it, nothing is loaded', async ({
  page,
  open,
  asked,
}) => {
  const layers = await open(2);
  await shows(page, layers, [0, 0]);
  const plane = page.getByRole('application', { name: 'Latent plane' });
  const { width, height } = (await plane.boundingBox())!;
  await plane.hover({ position: { x: width * 0.75, y: height * 0.25 } });
  const [x, y] = (await page.locator('#place').textContent())!
    .match(/−?[\d.]+/g)!
    .map((text) => Number(text.replace('−', '-')));
  expect(Math.abs(x! - 1.5)).toBeLessThan(0.03);
  expect(Math.abs(y! - 1.5)).toBeLessThan(0.03);
  await plane.focus();
  await page.keyboard.press('Home');
  for (const key of ['ArrowLeft', 'Shift+ArrowUp', 'ArrowUp']) await page.keyboard.press(key);
  await expect(page.locator('#place')).toHaveText('z₁ = −0.10, z₂ = 0.60');
  await shows(page, layers, [-0.1, 0.6]);
  for (let i = 0; i < 10; i++) await page.keyboard.press('Shift+ArrowRight');
  await expect(page.locator('#place')).toHaveText('z₁ = 3.00, z₂ = 0.60');
  // A name from a file is text.
  await expect(page.getByRole('heading')).toHaveText('Latent plane of </script><b>mine');
  expect(asked).toEqual([page.url()]);
});

test('more dimensions: which are the plane is chosen, the others have sliders', async ({ page, open, asked }) => {
  const layers = await open(4);
  await page.getByLabel('Across').selectOption('z₄');
  await page.getByRole('slider', { name: 'z₁' }).fill('1.5');
  await page.getByRole('application').focus();
  await page.keyboard.press('Shift+ArrowRight');
  await expect(page.locator('#place')).toHaveText('z₄ = 0.50, z₂ = 0.00');
  await shows(page, layers, [1.5, 0, 0, 0.5]);
  await page.getByLabel('Up').selectOption('z₄');
  await expect(page.getByLabel('Across')).toHaveValue('1');
  expect(asked).toEqual([page.url()]);
});
