import {
  type Classes,
  classColors,
  classesOf,
  type DataSet,
  type Labels,
  LiveDecoder,
  type Model,
  shortClassName,
  viewCapacity,
} from 'webgpu-vae';
import { BufferPool, type Tensor, upload } from 'webgpu-vae/kernels';
import { Dimensions } from './dimensions.ts';
import { button, element, region } from './dom.ts';
import type { Posterior } from './draw-digit.ts';
import { Legend } from './legend.ts';
import type { Color, Drawing, Painter, Sheet } from './painter.ts';
import { type LegendItem, savePicture } from './picture-file.ts';
import { classMedians, type Encoded, fittingFrame, gridLatents, klPerDimension } from './plane-data.ts';
import { listenToPlane, zoomed } from './plane-input.ts';
import { drawOverlay, type Ellipse, type Frame, type Overlay, type Point, toPixels } from './plane-overlay.ts';
import { printable } from './print.ts';
import { describeRun } from './run.ts';
import type { Session } from './session.ts';
import { StepTag } from './step-tag.ts';
import { onThemeChange, pointColors, theme } from './theme.ts';
import type { Picture, View } from './views.ts';

/** Cells of the decoded plane, per side; fewer where so many large images would not fit the device. */
const CELLS = 18;
const HOME: Frame = { x: 0, y: 0, half: 4 };
const REDECODE_MS = 120;

interface Bound {
  model: Model;
  painter: Painter;
  context: GPUCanvasContext;
  decoder: LiveDecoder;
  pool: BufferPool;
  /** (n, 2 L) f32: what the points are drawn from. */
  heads: Tensor;
  points: Drawing;
  sheet: Sheet;
  /** Of the test images; undefined without labels. */
  labels: Labels | undefined;
  classes: Classes;
  colors: readonly Color[];
}

/** The latent plane: every test image's μ by class, the decoded plane behind, a cursor that explores. */
export class LatentPlane implements View {
  readonly root: HTMLElement;
  /** z of the cursor moved. */
  onMove: (z: Float32Array) => void = () => {};
  /** Both ends of an interpolation are chosen. */
  onEnds: (from: Float32Array, to: Float32Array) => void = () => {};
  #canvas = element('canvas', { class: 'layer', 'aria-hidden': 'true' });
  #over = element('canvas', {
    class: 'layer',
    tabindex: 0,
    role: 'application',
    'aria-label':
      'Latent plane. Arrow keys move the decoded point, Shift and arrow keys pan, plus and minus zoom, 0 resets the view, Enter marks the ends of an interpolation.',
  });
  #caption = element('p', { class: 'hint caption' });
  #legend = new Legend(() => this.draw());
  #dimensions = new Dimensions((redecode) => this.#dimensionsChanged(redecode));
  #session: Session | undefined;
  #bound: Bound | undefined;
  #frame = HOME;
  /** What the sheet behind shows. */
  #sheetFrame = HOME;
  #encoded: Encoded | undefined;
  /** The classes' medians, by the heads that they are of. */
  #known = new WeakMap<Float32Array, { axes: string; values: ReturnType<typeof classMedians> }>();
  #shownStep = 0;
  /** z of the ends of an interpolation: none, one or both. */
  #ends: Float32Array[] = [];
  /** q(z|x) of a drawn digit, and a point drawn from it. */
  #drawn: Posterior | undefined;
  #sample: Float32Array | undefined;
  #withManifold = true;
  #withTrails = false;
  #follows = false;
  #tag = new StepTag();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param replay where the epoch that all views show is chosen */
  constructor(replay: HTMLElement) {
    const manifold = element('input', { type: 'checkbox', checked: true });
    manifold.addEventListener('change', () => {
      this.#withManifold = manifold.checked;
      this.draw();
    });
    const trails = element('input', { type: 'checkbox' });
    trails.addEventListener('change', () => {
      this.#withTrails = trails.checked;
      this.#drawOver();
    });
    const follow = element('input', { type: 'checkbox' });
    follow.addEventListener('change', () => {
      this.#follows = follow.checked;
      if (this.#encoded && this.#follows) this.#setFrame(fittingFrame(this.#encoded, this.#dimensions.axes));
    });
    const zoom = (factor: number) => () => this.#setFrame(zoomed(this.#frame, factor, this.#frame));
    const tools = element(
      'div',
      { class: 'tools' },
      element('label', { class: 'check' }, manifold, 'Decoded plane'),
      button('−', zoom(1.25), { 'aria-label': 'Zoom out' }),
      button('+', zoom(0.8), { 'aria-label': 'Zoom in' }),
      button('Fit', () => this.#encoded && this.#setFrame(fittingFrame(this.#encoded, this.#dimensions.axes))),
      button('Home', () => this.#setFrame(HOME)),
      button('PNG', () => this.#save(), { 'aria-label': 'Save the latent space as PNG' }),
    );
    const options = element(
      'div',
      { class: 'options' },
      element('label', { class: 'check' }, trails, 'Trails of the classes'),
      element('label', { class: 'check' }, follow, 'Keep everything in sight'),
    );
    const stack = element('div', { class: 'plane' }, this.#canvas, this.#over);
    this.root = region(
      'Latent space',
      tools,
      stack,
      this.#legend.root,
      replay,
      options,
      this.#caption,
      this.#dimensions.root,
    );
    listenToPlane(this.#over, {
      frame: () => this.#frame,
      setFrame: (frame) => this.#setFrame(frame),
      cursor: () => this.#pointOf(this.#dimensions.z),
      moveTo: (point) => this.#moveTo(point),
      pick: (point) => this.#pick(point),
      home: () => this.#setFrame(HOME),
    });
    new ResizeObserver(() => this.#resize()).observe(stack);
    onThemeChange(() => this.draw());
    printable(this.#canvas, () => this.draw());
  }

  bind(model: Model, _next: Model, painter: Painter, session: Session): void {
    const { test } = session.data;
    this.#session = session;
    const { device, latent } = model;
    const pool = new BufferPool(device);
    const { labels, count } = test;
    const classes = classesOf(labels ?? new Uint8Array(1));
    const heads = pool.tensor('points', [count, 2 * latent]);
    const slots = pool.tensor('labels', [count], {
      dtype: 'u32',
      data: Uint32Array.from({ length: count }, (_, i) => classes.slotOf(labels?.[i] ?? 0)),
    });
    const cells = Math.floor(Math.sqrt(viewCapacity(model, CELLS * CELLS)));
    const decoder = new LiveDecoder(model, cells * cells);
    const context = painter.attach(this.#canvas);
    const points = painter.points(heads, slots);
    const sheet = painter.sheet(decoder.pixels, test, { columns: cells, rows: cells, count: cells * cells });
    const colors = pointColors(classes.slots);
    this.#bound = { model, painter, decoder, pool, heads, labels, classes, colors, context, points, sheet };
    this.#encoded = undefined;
    this.#ends = [];
    this.#drawn = undefined;
    this.#sample = undefined;
    this.#dimensions.reset(latent);
    this.#legend.reset(labels && classes, session.data.classNames);
    this.#resize();
  }

  unbind(): void {
    clearTimeout(this.#timer);
    this.#bound?.decoder.dispose();
    this.#bound?.pool.dispose();
    this.#bound = undefined;
  }

  show(picture: Picture): void {
    const { heads } = picture;
    this.#tag.show(picture);
    const bound = this.#bound;
    if (!bound) return;
    const { device, latent } = bound.model;
    upload(device, bound.heads, heads);
    this.#encoded = heads.length > 0 ? { heads, latent } : undefined;
    if (this.#encoded) {
      const points = heads.length / (2 * latent);
      this.#dimensions.showKl(klPerDimension(this.#encoded));
      this.#caption.textContent = caption(points, this.#session!.data);
    }
    if (this.#encoded && this.#follows) this.#frame = fittingFrame(this.#encoded, this.#dimensions.axes);
    this.#shownStep = picture.step;
    this.#decodePlane();
    this.draw();
  }

  /** Shows where a drawn digit's q(z|x) lies. */
  showEllipse(posterior: Posterior | undefined): void {
    this.#drawn = posterior;
    this.#drawOver();
  }

  /** Shows a z ~ q(z|x) of it. */
  showSample(z: Float32Array | undefined): void {
    this.#sample = z;
    this.#drawOver();
  }

  /** Everything: the decoded plane, the points, and what lies on top. */
  draw(): void {
    if (!this.#bound || this.#canvas.width === 0 || this.#bound.model.device.lost) return;
    this.#drawOn(this.#bound, this.#canvas, this.#bound.context, this.#pixelRatio);
    this.#drawOver();
  }

  /** @param ratio pixels of the canvas for what is a pixel on the screen */
  #drawOn(bound: Bound, canvas: HTMLCanvasElement, context: GPUCanvasContext, ratio: number): void {
    const { painter, sheet, points, model, classes, colors } = bound;
    const side = canvas.width;
    const { paper, ink } = theme();
    const corner = toPixels(this.#frame, side, {
      x: this.#sheetFrame.x - this.#sheetFrame.half,
      y: this.#sheetFrame.y + this.#sheetFrame.half,
    });
    const size = (side * this.#sheetFrame.half) / this.#frame.half;
    const place = { x: corner.x, y: corner.y, width: size, height: size, gap: 0, paper, ink };
    painter.placeSheet(sheet, canvas, { ...place, strength: 0.42 });
    const origin = toPixels(this.#frame, side, { x: 0, y: 0 });
    const unit = side / (2 * this.#frame.half);
    painter.placePoints(points, canvas, {
      scale: [unit, -unit],
      offset: [origin.x, origin.y],
      radius: 1.9 * ratio,
      alpha: 0.75,
      axes: this.#dimensions.axes,
      latent: model.latent,
      slots: classes.slots,
      hidden: this.#legend.hidden,
      colors,
    });
    painter.draw(context, [
      ...(this.#withManifold ? [{ drawing: sheet }] : []),
      ...(this.#encoded ? [{ drawing: points, count: this.#encoded.heads.length / (2 * model.latent) }] : []),
    ]);
  }

  /** The plane on its own, 1600 pixels wide. */
  #save(): void {
    const bound = this.#bound;
    if (!bound || !this.#session) return;
    const count = this.#encoded ? this.#encoded.heads.length / (2 * bound.model.latent) : 0;
    const means = `${count.toLocaleString('en-US')} test images at the means μ of q(z|x)`;
    const behind = this.#withManifold ? '; behind them what is decoded there' : '';
    void savePicture({
      name: 'latent-space.png',
      title: 'Latent space',
      lines: [`${this.#tag.text}: ${means}${behind}.`, describeRun(this.#session)],
      legend: legendItems(this.#legend.root),
      height: (width) => width,
      render: (side) => this.render(side),
    });
  }

  /** What is seen, as a picture of another size. */
  render(side: number): HTMLCanvasElement {
    const sheet = element('canvas', { width: side, height: side });
    if (!this.#bound) return sheet;
    const ratio = side / Math.max(1, this.#over.clientWidth);
    const canvas = element('canvas', { width: side, height: side });
    this.#drawOn(this.#bound, canvas, this.#bound.painter.attach(canvas), ratio);
    const context = sheet.getContext('2d')!;
    context.drawImage(canvas, 0, 0);
    const over = element('canvas', { width: side, height: side });
    this.#overlayOn(over, ratio);
    context.drawImage(over, 0, 0);
    return sheet;
  }

  /** Where the medians of the classes were at the ends of the epochs up to what is seen. */
  #trails(axes: readonly [number, number]): Overlay['trails'] {
    const { labels, classes, model } = this.#bound!;
    if (!this.#withTrails || !labels || !this.#session) return [];
    const byClass = new Map<number, Point[]>();
    for (const { heads, step } of this.#session.run.past.all) {
      if (!heads || step > this.#shownStep) continue;
      for (const { label, ...point } of this.#mediansOf({ heads, latent: model.latent }, axes)) {
        if (!this.#legend.isHidden(label)) byClass.set(label, [...(byClass.get(label) ?? []), point]);
      }
    }
    const colors = classColors(classes.slots);
    return [...byClass].map(([label, points]) => ({ color: colors[classes.slotOf(label)] ?? '#888888', points }));
  }

  /** Sorting thousands of points of every epoch at every move of the pointer would be felt. */
  #mediansOf(encoded: Encoded, axes: readonly [number, number]): readonly (Point & { label: number })[] {
    const { labels, classes } = this.#bound!;
    const known = this.#known.get(encoded.heads);
    if (known?.axes === axes.join()) return known.values;
    const values = classMedians(encoded, labels!, classes, axes);
    this.#known.set(encoded.heads, { axes: axes.join(), values });
    return values;
  }

  /** Pixels of the canvas per CSS pixel. */
  get #pixelRatio(): number {
    return this.#canvas.width / Math.max(1, this.#over.clientWidth);
  }

  /** What lies on top and costs little: axes, medians, the cursor and what was chosen. */
  #drawOver(): void {
    if (this.#bound && this.#over.width > 0) this.#overlayOn(this.#over, this.#pixelRatio);
  }

  #overlayOn(canvas: HTMLCanvasElement, ratio: number): void {
    if (!this.#bound) return;
    const context = canvas.getContext('2d')!;
    const { axes } = this.#dimensions;
    const all = this.#encoded && this.#bound.labels ? this.#mediansOf(this.#encoded, axes) : [];
    const medians = all.filter(({ label }) => !this.#legend.isHidden(label));
    const names = this.#session?.data.classNames;
    const second = this.#bound.model.latent === 1 ? 'class' : `z${subscript(axes[1])}`;
    drawOverlay(context, {
      frame: this.#frame,
      side: canvas.width,
      ratio,
      axes: [`z${subscript(axes[0])}`, second],
      medians: medians.map(({ label, ...point }) => ({ ...point, text: shortClassName(label, names) })),
      trails: this.#trails(axes),
      cursor: this.#pointOf(this.#dimensions.z),
      ends: this.#ends.map((z) => this.#pointOf(z)),
      ellipse: this.#drawn && this.#ellipseOf(this.#drawn),
      sample: this.#drawn && this.#sample && this.#pointOf(this.#sample),
      theme: theme(),
    });
  }

  #resize(): void {
    const css = this.#over.clientWidth;
    const side = Math.round(Math.min(1600, css * Math.min(2, devicePixelRatio)));
    if (side > 0 && side !== this.#canvas.width) {
      for (const canvas of [this.#canvas, this.#over]) {
        canvas.width = side;
        canvas.height = side;
      }
    }
    this.draw();
  }

  #pointOf(z: Float32Array): Point {
    const [x, y] = this.#dimensions.axes;
    return { x: z[x] ?? 0, y: z.length === 1 ? 0 : (z[y] ?? 0) };
  }

  #ellipseOf({ mu, logvar }: Posterior): Ellipse {
    const [x, y] = this.#dimensions.axes;
    const sigma = (axis: number) => Math.exp(0.5 * logvar[axis]!);
    // One dimension has no second one: the ellipse gets a height that is seen.
    return { ...this.#pointOf(mu), sigmaX: sigma(x), sigmaY: logvar.length === 1 ? 0.3 : sigma(y) };
  }

  #latentAt(point: Point): Float32Array {
    const z = this.#dimensions.z.slice();
    const [x, y] = this.#dimensions.axes;
    z[x] = point.x;
    if (z.length > 1) z[y] = point.y;
    return z;
  }

  #moveTo(point: Point): void {
    this.#dimensions.setZ(this.#latentAt(point));
    this.#drawOver();
    this.onMove(this.#dimensions.z);
  }

  #pick(point: Point): void {
    const z = this.#latentAt(point);
    this.#ends = this.#ends.length === 1 ? [this.#ends[0]!, z] : [z];
    this.#drawOver();
    const [from, to] = this.#ends;
    if (from && to) this.onEnds(from, to);
  }

  #setFrame(frame: Frame): void {
    this.#frame = frame;
    this.draw();
    this.#redecodeSoon();
  }

  #dimensionsChanged(redecode: boolean): void {
    this.draw();
    this.onMove(this.#dimensions.z);
    if (redecode) this.#redecodeSoon();
  }

  #redecodeSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!this.#bound || this.#bound.model.device.lost) return;
      this.#decodePlane();
      this.draw();
    }, REDECODE_MS);
  }

  /** Decodes the centres of the cells of what is seen. */
  #decodePlane(): void {
    const { decoder } = this.#bound!;
    const z = gridLatents(this.#frame, Math.sqrt(decoder.count), this.#dimensions.z, this.#dimensions.axes);
    decoder.run(z);
    this.#sheetFrame = this.#frame;
  }
}

/** The classes that are shown, as the legend shows them. */
function legendItems(root: HTMLElement): LegendItem[] {
  return [...root.querySelectorAll<HTMLElement>('button[aria-pressed="true"]')].map((each) => ({
    text: each.textContent ?? '',
    color: each.querySelector<HTMLElement>('.swatch')?.style.background ?? '',
  }));
}

function caption(seen: number, { name, test }: DataSet): string {
  const [points, all] = [seen, test.count].map((each) => each.toLocaleString('en-US'));
  const medians = test.labels ? `, ${name === 'MNIST' ? 'digits' : 'classes'} at their medians` : '';
  return `${points === all ? points : `${points} of ${all}`} test images at their mean μ${medians}. Move or press arrow keys to decode a point, click two to interpolate; Shift+drag pans, + and − or Ctrl+wheel zoom.`;
}

function subscript(index: number): string {
  return String(index + 1).replace(/\d/g, (digit) => '₀₁₂₃₄₅₆₇₈₉'[Number(digit)]!);
}
