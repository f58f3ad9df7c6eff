import type { ImageSize } from 'webgpu-vae';
import type { Tensor } from 'webgpu-vae/kernels';
import { element } from './dom.ts';
import type { Painter, Sheet } from './painter.ts';
import { printable } from './print.ts';
import { onThemeChange, theme } from './theme.ts';

/** Widest canvas, in its pixels; where the CPU draws, no wider than it is shown. */
const WIDEST = 1400;
const WIDEST_SOFTWARE = 560;
/** Of a canvas's pixels, for each pixel of an image. */
const LARGEST_SCALE = 6;
/** Between images, in pixels of an image. */
const GAP = 0.7;

/** Images on a canvas of their own: one tensor after the other from top to bottom, or side by side. */
export class ImageCanvas {
  readonly canvas: HTMLCanvasElement;
  #columns: number;
  #beside: boolean;
  #painter: Painter | undefined;
  #context: GPUCanvasContext | undefined;
  #sheets: Sheet[] = [];
  #gap = 0;

  /**
   * @param label what a screen reader says of it
   * @param columns of every tensor's sheet
   * @param rows of all sheets together
   * @param beside how many sheets stand side by side; by default they stand below each other
   */
  constructor(label: string, columns: number, rows: number, beside = 1) {
    this.canvas = element('canvas', { role: 'img', 'aria-label': label, class: 'images' });
    this.#columns = columns;
    this.#beside = beside > 1;
    this.#size(columns * beside, rows, { columns: 28, rows: 28 }, WIDEST);
    onThemeChange(() => this.draw());
    printable(this.canvas, () => this.draw());
  }

  /** The canvas has its size before there is a model: nothing moves when there is one. */
  #size(columns: number, rows: number, image: ImageSize, widest: number): void {
    const scale = Math.max(1, Math.min(LARGEST_SCALE, Math.floor(widest / (columns * image.columns))));
    this.#gap = GAP * scale;
    this.canvas.width = columns * image.columns * scale;
    this.canvas.height = rows * image.rows * scale;
    // Through the object model, which a Content-Security-Policy allows.
    this.canvas.style.aspectRatio = `${this.canvas.width} / ${this.canvas.height}`;
  }

  /** @param tensors each (count, D) f32 in [0, 1], a multiple of the columns */
  bind(painter: Painter, tensors: readonly Tensor[], image: ImageSize): void {
    const columns = this.#columns;
    this.#painter = painter;
    const rowsOf = (tensor: Tensor) => Math.ceil(tensor.shape[0]! / columns);
    const rows = tensors.map(rowsOf);
    const total = this.#beside ? Math.max(...rows) : rows.reduce((sum, each) => sum + each, 0);
    const widest = painter.device.info.software ? WIDEST_SOFTWARE * devicePixelRatio : WIDEST;
    this.#size(columns * (this.#beside ? tensors.length : 1), total, image, widest);
    this.#sheets = tensors.map((tensor) =>
      painter.sheet(tensor, image, { columns, rows: rowsOf(tensor), count: tensor.shape[0]! }),
    );
    this.#context = painter.attach(this.canvas);
  }

  unbind(): void {
    this.#painter = undefined;
    this.#context = undefined;
  }

  /** Shows nothing. */
  clear(): void {
    if (!this.#painter || !this.#context || this.#painter.device.lost) return;
    this.#painter.draw(this.#context, []);
  }

  /** Draws the tensors as they are then; does not wait. */
  draw(): void {
    if (this.#context) this.#drawOn(this.canvas, this.#context, this.#gap);
  }

  /** Height over width. */
  get ratio(): number {
    return this.canvas.height / this.canvas.width;
  }

  /** The same on a canvas of another size; what it shows can be copied in the same task. */
  render(width: number, height: number): HTMLCanvasElement {
    const canvas = element('canvas', { width, height });
    if (this.#painter) {
      this.#drawOn(canvas, this.#painter.attach(canvas), (this.#gap * width) / this.canvas.width);
    }
    return canvas;
  }

  #drawOn(canvas: HTMLCanvasElement, context: GPUCanvasContext, gap: number): void {
    if (!this.#painter || this.#painter.device.lost) return;
    const total = this.#sheets.reduce((sum, sheet) => sum + sheet.rows, 0);
    const { paper, ink } = theme();
    let x = 0;
    let y = 0;
    for (const sheet of this.#sheets) {
      const width = canvas.width / (this.#beside ? this.#sheets.length : 1);
      const height = this.#beside ? canvas.height : (canvas.height * sheet.rows) / total;
      this.#painter.placeSheet(sheet, canvas, { x, y, width, height, gap, paper, ink });
      if (this.#beside) x += width;
      else y += height;
    }
    this.#painter.draw(
      context,
      this.#sheets.map((drawing) => ({ drawing })),
    );
  }
}
