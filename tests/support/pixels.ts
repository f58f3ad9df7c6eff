import { createCanvas, loadImage } from '@napi-rs/canvas';
import type { Locator } from 'playwright/test';

/** (height, width, 4) u8: what an element of the page looks like. */
async function screenshot(element: Locator): Promise<Uint8ClampedArray> {
  const image = await loadImage(await element.screenshot());
  const context = createCanvas(image.width, image.height).getContext('2d');
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, image.width, image.height).data;
}

/** How far apart red, green and blue are at most in a picture of the page: little where all is grey. */
export async function colourOf(canvas: Locator): Promise<number> {
  const data = await screenshot(canvas);
  let most = 0;
  for (let i = 0; i < data.length; i += 4) {
    const [r, g, b] = [data[i]!, data[i + 1]!, data[i + 2]!];
    most = Math.max(most, Math.max(r, g, b) - Math.min(r, g, b));
  }
  return most;
}

/** Grey levels that a picture of the page shows: few for an empty canvas. */
export async function levelsOf(canvas: Locator): Promise<number> {
  const data = await screenshot(canvas);
  const levels = new Set<number>();
  for (let i = 0; i < data.length; i += 4) levels.add(data[i]!);
  return levels.size;
}
