import { type Theme, theme } from './theme.ts';

/**
 * An image drawn by the CPU: a grey one in the theme's colours, one in colour as it is.
 * @param levels (rows × columns, 1 or 3) of `canvas`, from 0 to `most`
 */
export function paintImage(canvas: HTMLCanvasElement, levels: ArrayLike<number>, most: number): void {
  const image = new ImageData(canvas.width, canvas.height);
  const colors = theme();
  const pixels = image.width * image.height;
  const channels = levels.length / pixels;
  for (let i = 0; i < pixels; i++) {
    if (channels === 1) setGrey(image, i, levels[i]! / most, colors);
    else for (let c = 0; c < 4; c++) image.data[4 * i + c] = c < 3 ? (255 * levels[3 * i + c]!) / most : 255;
  }
  canvas.getContext('2d')!.putImageData(image, 0, 0);
}

/** @param at the pixel, row by row; @param level from 0, paper, to 1, ink */
export function setGrey(image: ImageData, at: number, level: number, { paper, ink }: Theme): void {
  for (let c = 0; c < 3; c++) image.data[4 * at + c] = 255 * (paper[c]! + level * (ink[c]! - paper[c]!));
  image.data[4 * at + 3] = 255;
}
