import type { Painter } from '../gpu/painter.ts';
import { download } from '../gpu/tensor.ts';
import type { Model } from '../vae/inference.ts';
import { LiveReconstructor } from '../vae/live.ts';
import { button, element, region } from './dom.ts';
import { ImageCanvas } from './image-canvas.ts';
import { formatNumber } from './plane-overlay.ts';
import type { Session } from './session.ts';
import { onThemeChange, theme } from './theme.ts';
import type { View } from './views.ts';

const SIDE = 280;
const PEN = 22;

/** How far an arrow key moves the pen. */
const STRIDE = SIDE / 20;
const ARROWS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-STRIDE, 0],
  ArrowRight: [STRIDE, 0],
  ArrowUp: [0, -STRIDE],
  ArrowDown: [0, STRIDE],
};

type Place = { x: number; y: number };
type Stroke = Place[];

/** A field to draw a digit in: what the model sees of it, what it makes of it, and where it lands in latent space. */
export class DrawDigit implements View {
  readonly root: HTMLElement;
  /** q(z|x) of the drawing. */
  onEncoded: (mu: Float32Array, logvar: Float32Array) => void = () => {};
  #pad = element('canvas', {
    width: SIDE,
    height: SIDE,
    class: 'pad',
    tabindex: 0,
    role: 'application',
    'aria-label':
      'Field to draw a digit in, with mouse, pen or finger. Arrow keys move the pen, Space or Enter puts it down and lifts it.',
  });
  #result = new ImageCanvas('What the model sees of the drawing, and what it makes of it', 1, 1, 2);
  #text = element('span', { class: 'number' });
  #penText = element(
    'p',
    { class: 'hint', 'aria-live': 'polite' },
    'By keyboard: arrow keys move the pen, Space puts it down and lifts it.',
  );
  #strokes: Stroke[] = [];
  /** The keyboard's pen; it is seen while the keyboard is in use. */
  #pen = { x: SIDE / 2, y: STRIDE * 4, down: false, seen: false };
  #model: Model | undefined;
  #live: LiveReconstructor | undefined;
  #session: Session | undefined;
  #image: Uint8Array | undefined;
  #encoding = false;
  #again = false;

  constructor() {
    this.#pad.addEventListener('pointerdown', (event) => {
      this.#pad.setPointerCapture(event.pointerId);
      this.#pen = { ...this.#pen, down: false, seen: false };
      this.#strokes.push([this.#at(event)]);
      this.#paint();
    });
    this.#pad.addEventListener('pointermove', (event) => {
      if (!this.#pad.hasPointerCapture(event.pointerId)) return;
      this.#strokes.at(-1)?.push(this.#at(event));
      this.#paint();
      void this.#encode(this.#rasterize());
    });
    this.#pad.addEventListener('pointerup', () => void this.#encode(this.#rasterize()));
    this.#pad.addEventListener('keydown', (event) => this.#pressed(event));
    this.#pad.addEventListener('focus', () => this.#showPen(this.#pad.matches(':focus-visible')));
    this.#pad.addEventListener('blur', () => this.#showPen(false));
    onThemeChange(() => this.#paint());
    const clear = button('Clear', () => this.#clear(), { 'aria-label': 'Clear the drawing' });
    const sample = button('Test image', () => this.#takeTestImage());
    this.root = region(
      'Draw a digit',
      element('div', { class: 'tools' }, sample, clear),
      element(
        'div',
        { class: 'drawing' },
        this.#pad,
        element('div', {}, this.#result.canvas, this.#text, this.#penText),
      ),
      element(
        'p',
        { class: 'hint' },
        'Left of the pair what the model sees, centred as MNIST is; right its reconstruction. The ellipses on the plane are q(z|x) at one and two standard deviations.',
      ),
    );
    this.#paint();
  }

  bind(model: Model, painter: Painter, session: Session): void {
    this.#model = model;
    this.#session = session;
    this.#live = new LiveReconstructor(model, 1);
    this.#result.bind(painter, [this.#live.x, this.#live.pixels], session.data.test);
    if (this.#image?.length !== model.imageSize) this.#image = undefined;
  }

  unbind(): void {
    this.#result.unbind();
    this.#live?.dispose();
    this.#live = undefined;
    this.#model = undefined;
  }

  pieces(): (() => void)[] {
    // Without an image there is nothing to show.
    if (!this.#image) return [];
    return [
      () => {
        this.#live?.run(this.#image);
        this.#result.draw();
      },
    ];
  }

  async seen(full: boolean): Promise<void> {
    if (full && this.#image) await this.#encode(this.#image);
  }

  #pressed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const toggles = event.key === ' ' || event.key === 'Enter';
    if (!arrow && !toggles) return;
    event.preventDefault();
    const pen = this.#pen;
    if (arrow) {
      const inside = (value: number) => Math.min(SIDE - STRIDE, Math.max(STRIDE, value));
      pen.x = inside(pen.x + arrow[0]);
      pen.y = inside(pen.y + arrow[1]);
    } else {
      pen.down = !pen.down;
      if (pen.down) this.#strokes.push([]);
    }
    if (pen.down) {
      this.#strokes.at(-1)?.push({ x: pen.x, y: pen.y });
      void this.#encode(this.#rasterize());
    }
    const [column, row] = [pen.x, pen.y].map((each) => Math.round(each / STRIDE));
    this.#penText.textContent = `Pen ${pen.down ? 'down' : 'up'}, column ${column}, row ${row} of ${SIDE / STRIDE - 1}.`;
    this.#showPen(true);
  }

  /** @param seen whether the keyboard is in use; without it the pen is lifted */
  #showPen(seen: boolean): void {
    this.#pen = { ...this.#pen, seen, down: seen && this.#pen.down };
    this.#paint();
  }

  #clear(): void {
    this.#strokes = [];
    this.#pen.down = false;
    this.#paint();
  }

  #at(event: PointerEvent): Place {
    const box = this.#pad.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * SIDE, y: ((event.clientY - box.top) / box.height) * SIDE };
  }

  #paint(): void {
    const context = this.#pad.getContext('2d')!;
    const { background, text, faint, accent } = theme();
    context.fillStyle = background;
    context.fillRect(0, 0, SIDE, SIDE);
    strokeAll(context, this.#strokes, text, PEN);
    const { x, y, down, seen } = this.#pen;
    if (this.#strokes.length === 0 && !seen) {
      context.fillStyle = faint;
      context.font = '28px system-ui, sans-serif';
      context.textAlign = 'center';
      context.fillText('draw here', SIDE / 2, SIDE / 2);
    }
    if (!seen) return;
    context.beginPath();
    context.arc(x, y, PEN / 2 + 3, 0, 2 * Math.PI);
    context.lineWidth = 3;
    context.strokeStyle = accent;
    context.stroke();
    context.fillStyle = accent;
    if (down) context.fill();
  }

  /** As MNIST was made: scaled to fit 20 of 28 pixels, then shifted so that the centre of mass is in the middle. */
  #rasterize(): Uint8Array | undefined {
    const { rows, columns } = this.#session?.data.test ?? { rows: 0, columns: 0 };
    const points = this.#strokes.flat();
    if (points.length === 0 || rows === 0) return undefined;
    const [left, right] = extent(points.map(({ x }) => x));
    const [top, bottom] = extent(points.map(({ y }) => y));
    const scale = ((20 / 28) * Math.min(rows, columns)) / Math.max(right - left + PEN, bottom - top + PEN);
    const place = (dx: number, dy: number): Uint8Array => {
      const sheet = element('canvas', { width: columns, height: rows });
      const context = sheet.getContext('2d', { willReadFrequently: true })!;
      context.fillStyle = '#000';
      context.fillRect(0, 0, columns, rows);
      const moved = this.#strokes.map((stroke) =>
        stroke.map(({ x, y }) => ({
          x: (x - (left + right) / 2) * scale + columns / 2 + dx,
          y: (y - (top + bottom) / 2) * scale + rows / 2 + dy,
        })),
      );
      strokeAll(context, moved, '#fff', Math.max(PEN * scale, (2.2 * columns) / 28));
      const { data } = context.getImageData(0, 0, columns, rows);
      return Uint8Array.from({ length: rows * columns }, (_, i) => data[4 * i]!);
    };
    const first = place(0, 0);
    const mass = first.reduce((sum, level) => sum + level, 0);
    if (mass === 0) return undefined;
    const centre = (along: (i: number) => number) => first.reduce((sum, level, i) => sum + level * along(i), 0) / mass;
    const x = centre((i) => (i % columns) + 0.5);
    const y = centre((i) => Math.floor(i / columns) + 0.5);
    return place(columns / 2 - x, rows / 2 - y);
  }

  #takeTestImage(): void {
    const { test } = this.#session!.data;
    const index = Math.floor(Math.random() * test.count);
    const size = test.rows * test.columns;
    this.#clear();
    void this.#encode(test.images.slice(index * size, (index + 1) * size));
  }

  /** Encodes and decodes the image; of many at once, the last. */
  async #encode(image: Uint8Array | undefined): Promise<void> {
    if (!image || !this.#model) return;
    this.#image = image;
    this.#again = true;
    if (this.#encoding) return;
    this.#encoding = true;
    try {
      while (this.#again && this.#live && this.#model && !this.#model.device.lost) {
        this.#again = false;
        const { device, latent } = this.#model;
        this.#live.run(this.#image);
        this.#result.draw();
        const heads = await download(device, this.#live.heads);
        const [mu, logvar] = [heads.slice(0, latent), heads.slice(latent)];
        const shown = Array.from(
          mu.subarray(0, 4),
          (value, d) => `${formatNumber(value, 2)} ± ${formatNumber(Math.exp(0.5 * logvar[d]!), 2)}`,
        );
        this.#text.textContent = `μ ± σ = (${shown.join(', ')}${latent > 4 ? ', …' : ''})`;
        this.onEncoded(mu, logvar);
      }
    } catch (error) {
      this.#session?.lookFailed(error);
    } finally {
      this.#encoding = false;
    }
  }
}

function strokeAll(context: CanvasRenderingContext2D, strokes: readonly Stroke[], color: string, width: number): void {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (const stroke of strokes) {
    context.beginPath();
    for (const { x, y } of stroke) context.lineTo(x, y);
    // A dot has no length, but is seen.
    if (stroke.length === 1) context.lineTo(stroke[0]!.x + 0.01, stroke[0]!.y);
    context.stroke();
  }
}

function extent(values: number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}
