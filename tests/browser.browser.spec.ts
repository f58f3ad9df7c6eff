import { createCanvas, loadImage } from '@napi-rs/canvas';
import { expect, test } from './support/fixtures.ts';

const ORANGE = [255, 128, 0, 255];

test('the browser has a WebGPU adapter with subgroups', async ({ page, pageUrl }) => {
  await page.goto(pageUrl);
  const features = await page.evaluate(async () => {
    const adapter = await navigator.gpu.requestAdapter();
    return adapter && [...adapter.features];
  });
  expect(features, 'navigator.gpu.requestAdapter()').not.toBeNull();
  expect(features).toContain('subgroups');
});

test('a canvas painted by WebGPU is in the screenshot', async ({ page, pageUrl }) => {
  await page.goto(pageUrl);
  await page.evaluate(async (colour) => {
    const adapter = await navigator.gpu.requestAdapter();
    if (!adapter) throw new Error('navigator.gpu.requestAdapter() found no adapter');
    const device = await adapter.requestDevice();
    const canvas = document.createElement('canvas');
    canvas.width = 64;
    canvas.height = 64;
    document.body.append(canvas);
    const context = canvas.getContext('webgpu');
    if (!context) throw new Error('the canvas has no WebGPU context');
    context.configure({ device, format: navigator.gpu.getPreferredCanvasFormat() });
    const encoder = device.createCommandEncoder();
    const view = context.getCurrentTexture().createView();
    const clearValue = colour.map((value) => value / 255);
    encoder.beginRenderPass({ colorAttachments: [{ view, loadOp: 'clear', storeOp: 'store', clearValue }] }).end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
  }, ORANGE);

  const { width, height, pixels } = await decode(await page.locator('canvas').screenshot());
  expect([width, height]).toEqual([64, 64]);
  expect(new Set(pixels), 'colours of the canvas').toEqual(new Set([ORANGE.join()]));
});

test('text is in the screenshot', async ({ page }) => {
  await page.setContent('<p>The browser has a font.</p>');
  const { pixels } = await decode(await page.locator('p').screenshot());
  expect(new Set(pixels).size, 'colours of the text and its background').toBeGreaterThan(1);
});

/** The pixels of a PNG, each as `red,green,blue,alpha`. */
async function decode(png: Buffer): Promise<{ width: number; height: number; pixels: string[] }> {
  const image = await loadImage(png);
  const { width, height } = image;
  const context = createCanvas(width, height).getContext('2d');
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = Array.from({ length: width * height }, (_, i) => data.subarray(4 * i, 4 * i + 4).join());
  return { width, height, pixels };
}
