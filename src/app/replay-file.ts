import { element, saveFile } from './dom.ts';
import { theme } from './theme.ts';

const SIDE = 480;
/** Below the picture, for what it is of. */
const LINE = 32;
const FRAME_MS = 400;
const LAST_MS = 2000;

/** Collects pictures into an animated GIF. */
export class ReplayFile {
  #frames: ImageData[] = [];

  /** @param picture square, as large as `side` says */
  add(picture: (side: number) => CanvasImageSource, name: string): void {
    const sheet = element('canvas', { width: SIDE, height: SIDE + LINE });
    const context = sheet.getContext('2d', { willReadFrequently: true })!;
    const { background, text } = theme();
    context.fillStyle = background;
    context.fillRect(0, 0, sheet.width, sheet.height);
    context.drawImage(picture(SIDE), 0, 0);
    context.fillStyle = text;
    context.font = '16px system-ui, sans-serif';
    context.textBaseline = 'middle';
    context.fillText(name, 10, SIDE + LINE / 2);
    this.#frames.push(context.getImageData(0, 0, sheet.width, sheet.height));
  }

  async save(): Promise<void> {
    // Few visitors save one.
    const { GIFEncoder, applyPalette, quantize } = await import('gifenc');
    const gif = GIFEncoder();
    for (const [i, { data, width, height }] of this.#frames.entries()) {
      const palette = quantize(data, 256);
      const delay = i + 1 === this.#frames.length ? LAST_MS : FRAME_MS;
      gif.writeFrame(applyPalette(data, palette), width, height, { palette, delay });
    }
    gif.finish();
    saveFile('replay.gif', gif.bytes() as Uint8Array<ArrayBuffer>, 'image/gif');
  }
}
