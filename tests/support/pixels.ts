import { createCanvas, loadImage } from '@napi-rs/canvas';
import type { Locator } from 'playwright/test';

/** Grey levels that a picture of the page shows: few for an empty canvas. */
export async function levelsOf(canvas: Locator): Promise<number> {
  const image = await loadImage(await canvas.screenshot());
  const context = createCanvas(image.width, image.height).getContext('2d');
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const levels = new Set<number>();
  for (let i = 0; i < data.length; i += 4) levels.add(data[i]!);
  return levels.size;
}
