import { classColors, classesOf } from 'webgpu-vae';
import { CpuDecoder } from './cpu-decoder.ts';
import { element, region } from './dom.ts';
import type { Example } from './example.ts';
import { Legend } from './legend.ts';
import { formatNumber } from './numbers.ts';
import { paintImage, setGrey } from './paint-image.ts';
import { classMedians, fittingFrame, gridLatents } from './plane-data.ts';
import { listenToPlane } from './plane-input.ts';
import { drawOverlay, type Frame, type Point, toPixels } from './plane-overlay.ts';
import { onThemeChange, theme } from './theme.ts';

/** Cells of the decoded plane, per side. */
const CELLS = 18;
/** Pixels of the canvas; it is drawn by the CPU. */
const SIDE = 720;
const AXES = [0, 1] as const;

/**
 * The latent plane of the example, decoded and drawn by the CPU: the first thing that is seen, and all there is to explore
 * without WebGPU.
 */
export class Preview {
  readonly root: HTMLElement;
  #decoder: CpuDecoder;
  #example: Example;
  #side: number;
  #canvas = element('canvas', { class: 'layer', width: SIDE, height: SIDE, 'aria-hidden': 'true' });
  #over = element('canvas', {
    class: 'layer',
    width: SIDE,
    height: SIDE,
    tabindex: 0,
    role: 'application',
    'aria-label':
      'Latent plane of the trained example. Arrow keys move the decoded point, plus and minus zoom, 0 resets the view.',
  });
  #image: HTMLCanvasElement;
  #text = element('span', { class: 'number' });
  #legend = new Legend(() => this.#draw());
  /** Everything that was seen at first. */
  #home: Frame;
  #frame: Frame;
  #z = new Float32Array(2);

  constructor(example: Example) {
    this.#example = example;
    this.#decoder = new CpuDecoder(example.parameters);
    this.#side = Math.sqrt(example.imageSize);
    this.#image = element('canvas', {
      class: 'images single',
      width: this.#side,
      height: this.#side,
      role: 'img',
      'aria-label': 'The image decoded from the chosen point',
    });
    this.#home = fittingFrame({ heads: headsOf(example.mu), latent: 2 }, AXES);
    this.#frame = this.#home;
    this.#legend.reset(classesOf(example.labels), undefined);
    this.root = region(
      'A model that has learned',
      element('div', { class: 'plane' }, this.#canvas, this.#over),
      this.#legend.root,
      element(
        'div',
        { class: 'decoded' },
        this.#image,
        element(
          'div',
          {},
          this.#text,
          element(
            'p',
            { class: 'hint' },
            'Every dot is a handwritten digit that the model has read and put in its place. Move over the plane, or press arrow keys, and the model draws what belongs to that place.',
          ),
        ),
      ),
    );
    listenToPlane(this.#over, {
      frame: () => this.#frame,
      setFrame: (frame) => this.#look(frame),
      cursor: () => this.#cursor,
      moveTo: (point) => this.#moveTo(point),
      pick: (point) => this.#moveTo(point),
      home: () => this.#look(this.#home),
    });
    onThemeChange(() => this.#draw());
    this.#look(this.#home);
  }

  get #cursor(): Point {
    return { x: this.#z[0]!, y: this.#z[1]! };
  }

  #look(frame: Frame): void {
    this.#frame = frame;
    this.#draw();
    this.#moveTo(this.#cursor);
  }

  #moveTo({ x, y }: Point): void {
    this.#z.set([x, y]);
    paintImage(this.#image, this.#decoder.run(this.#z), 1);
    this.#text.textContent = `z = (${formatNumber(x, 2)}, ${formatNumber(y, 2)})`;
    this.#drawOver();
  }

  /** Decoded images as a square of `cells` × `cells`, their ink as strong as `strength` says. */
  #imageOf(pixels: Float32Array, cells: number, strength: number): ImageData {
    const side = this.#side;
    const colors = theme();
    const data = new ImageData(cells * side, cells * side);
    for (let i = 0; i < pixels.length; i++) {
      const cell = Math.floor(i / (side * side));
      const within = i % (side * side);
      const x = (cell % cells) * side + (within % side);
      const y = Math.floor(cell / cells) * side + Math.floor(within / side);
      setGrey(data, y * data.width + x, strength * pixels[i]!, colors);
    }
    return data;
  }

  #draw(): void {
    const context = this.#canvas.getContext('2d')!;
    const decoded = this.#imageOf(this.#decoder.run(gridLatents(this.#frame, CELLS, this.#z, AXES)), CELLS, 0.42);
    const sheet = element('canvas', { width: decoded.width, height: decoded.height });
    sheet.getContext('2d')!.putImageData(decoded, 0, 0);
    context.drawImage(sheet, 0, 0, SIDE, SIDE);
    const { mu, labels } = this.#example;
    const colors = classColors(classesOf(labels).slots);
    context.globalAlpha = 0.8;
    for (const [i, label] of labels.entries()) {
      if (this.#legend.isHidden(label)) continue;
      const { x, y } = toPixels(this.#frame, SIDE, { x: mu[2 * i]!, y: mu[2 * i + 1]! });
      context.fillStyle = colors[label]!;
      context.beginPath();
      context.arc(x, y, 3, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
    this.#drawOver();
  }

  #drawOver(): void {
    const { mu, labels } = this.#example;
    const medians = classMedians({ heads: headsOf(mu), latent: 2 }, labels, classesOf(labels), AXES);
    drawOverlay(this.#over.getContext('2d')!, {
      frame: this.#frame,
      side: SIDE,
      ratio: SIDE / Math.max(1, this.#over.clientWidth || SIDE),
      axes: ['z₁', 'z₂'],
      medians: medians
        .filter(({ label }) => !this.#legend.isHidden(label))
        .map(({ label, ...point }) => ({ ...point, text: String(label) })),
      cursor: this.#cursor,
      ends: [],
      ellipse: undefined,
      theme: theme(),
    });
  }
}

/** Means (n, 2) as heads (n, 4) have them. */
function headsOf(mu: Float32Array): Float32Array {
  const heads = new Float32Array(2 * mu.length);
  for (let i = 0; i < mu.length; i += 2) heads.set(mu.subarray(i, i + 2), 2 * i);
  return heads;
}
