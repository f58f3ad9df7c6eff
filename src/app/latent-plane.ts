import type { Drawing, Painter, Sheet } from '../gpu/painter.ts';
import { BufferPool, download, upload } from '../gpu/tensor.ts';
import type { Model } from '../vae/inference.ts';
import { LiveDecoder, LiveEncoder, viewCapacity } from '../vae/live.ts';
import { Dimensions } from './dimensions.ts';
import { button, element, region, savePng } from './dom.ts';
import { Legend } from './legend.ts';
import { classMedians, type Encoded, fittingFrame, gridLatents, klPerDimension } from './plane-data.ts';
import { listenToPlane, zoomed } from './plane-input.ts';
import { drawOverlay, type Ellipse, type Frame, type Point, toPixels } from './plane-overlay.ts';
import { Scrubber } from './scrubber.ts';
import type { Session } from './session.ts';
import { CLASS_COLORS, onThemeChange, theme } from './theme.ts';
import type { View } from './views.ts';

/** Test images on the plane; more would be a cloud. */
const MOST_POINTS = 10_000;
/** Points that a software adapter keeps up to date while training; all of them after epochs. */
const SLOW_POINTS = 1_000;
/** How far into the next epoch, in epochs, a look still shows the one before. */
const LATEST = 0.1;
/** Images encoded at once: few where that takes long, so that the queue stays short. */
const PIECE = { software: 500, hardware: 2500 };
/** Cells of the decoded plane, per side; fewer where so many large images would not fit the device. */
const CELLS = 18;
const HOME: Frame = { x: 0, y: 0, half: 4 };
const REDECODE_MS = 120;

interface Bound {
  model: Model;
  painter: Painter;
  context: GPUCanvasContext;
  encoder: LiveEncoder;
  decoder: LiveDecoder;
  pool: BufferPool;
  points: Drawing;
  sheet: Sheet;
  labels: Uint8Array;
  /** Whether the adapter computes on the CPU. */
  slow: boolean;
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
  #scrubber = new Scrubber((frame) => this.#showFrame(frame));
  #session: Session | undefined;
  #bound: Bound | undefined;
  #frame = HOME;
  /** What the sheet behind shows. */
  #sheetFrame = HOME;
  #encoded: Encoded | undefined;
  #medians: { of: Encoded; axes: readonly [number, number]; values: ReturnType<typeof classMedians> } | undefined;
  #shown = 0;
  /** The piece that the last live look took. */
  #turn = 0;
  /** Whether the last look brought the last of the points up to date. */
  #roundDone = false;
  /** z of the ends of an interpolation: none, one or both. */
  #ends: Float32Array[] = [];
  /** q(z|x) of a drawn digit. */
  #drawn: { mu: Float32Array; logvar: Float32Array } | undefined;
  #withManifold = true;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    const manifold = element('input', { type: 'checkbox', checked: true });
    manifold.addEventListener('change', () => {
      this.#withManifold = manifold.checked;
      this.draw();
    });
    const zoom = (factor: number) => () => this.#setFrame(zoomed(this.#frame, factor, this.#frame));
    const save = (): void => {
      this.draw();
      savePng('latent-space.png', [this.#canvas, this.#over], theme().background);
    };
    const tools = element(
      'div',
      { class: 'tools' },
      element('label', { class: 'check' }, manifold, 'Decoded plane'),
      button('−', zoom(1.25), { 'aria-label': 'Zoom out' }),
      button('+', zoom(0.8), { 'aria-label': 'Zoom in' }),
      button('Fit', () => this.#encoded && this.#setFrame(fittingFrame(this.#encoded, this.#dimensions.axes))),
      button('Home', () => this.#setFrame(HOME)),
      button('PNG', save, { 'aria-label': 'Save the latent space as PNG' }),
    );
    const stack = element('div', { class: 'plane' }, this.#canvas, this.#over);
    this.root = region(
      'Latent space',
      tools,
      stack,
      this.#legend.root,
      this.#scrubber.root,
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
  }

  bind(model: Model, painter: Painter, session: Session): void {
    const { test } = session.data;
    this.#session = session;
    const count = Math.min(test.count, MOST_POINTS);
    const slow = model.device.info.software;
    const pool = new BufferPool(model.device);
    const labels = test.labels.subarray(0, count);
    const encoder = new LiveEncoder(
      model,
      test.images.subarray(0, count * model.imageSize),
      PIECE[slow ? 'software' : 'hardware'],
    );
    const cells = Math.floor(Math.sqrt(viewCapacity(model, CELLS * CELLS)));
    const decoder = new LiveDecoder(model, cells * cells);
    const tensor = pool.tensor('labels', [count], { dtype: 'u32', data: Uint32Array.from(labels) });
    const shape = {
      columns: cells,
      rows: cells,
      imageColumns: test.columns,
      imageRows: test.rows,
      count: cells * cells,
    };
    this.#bound = {
      model,
      painter,
      encoder,
      decoder,
      pool,
      labels,
      context: painter.attach(this.#canvas),
      points: painter.points(encoder.heads, tensor),
      sheet: painter.sheet(decoder.pixels, shape),
      slow,
    };
    this.#encoded = undefined;
    this.#shown = 0;
    this.#ends = [];
    this.#drawn = undefined;
    this.#dimensions.reset(model.latent);
    this.#legend.reset(labels);
    this.#scrubber.keep(session.vae.step);
    this.#resize();
  }

  unbind(): void {
    clearTimeout(this.#timer);
    this.#bound?.encoder.dispose();
    this.#bound?.decoder.dispose();
    this.#bound?.pool.dispose();
    this.#bound = undefined;
  }

  /** A full look decodes the plane and encodes every image. A live one takes the next of these pieces, in turn. */
  pieces(full: boolean): (() => void)[] {
    const bound = this.#bound;
    if (!bound || this.#scrubber.showsPast) return [];
    const { encoder } = bound;
    const count = this.#pointsOf(full);
    const starts = Array.from({ length: Math.ceil(count / encoder.batch) }, (_, i) => i * encoder.batch);
    const manifold = (): void => {
      this.#decodePlane();
      this.draw();
    };
    const encode = starts.map((first) => () => {
      encoder.run(first);
      const end = Math.min(count, first + encoder.batch);
      const last = end === count;
      // A live round ends with the points that it has brought up to date; until then the old ones stay.
      if (full) this.#shown = Math.max(this.#shown, end);
      else if (last) this.#shown = count;
      // Drawing thousands of points costs a software adapter as much as encoding some.
      if (last || !this.#session?.training) this.draw();
    });
    const round = [manifold, ...encode];
    if (!full) this.#turn = (this.#turn + 1) % round.length;
    this.#roundDone = full || this.#turn === round.length - 1;
    if (full) return round;
    return [round[this.#turn]!];
  }

  #pointsOf(full: boolean): number {
    const { slow, encoder } = this.#bound!;
    return slow && !full ? Math.min(SLOW_POINTS, encoder.count) : encoder.count;
  }

  async seen(full: boolean): Promise<void> {
    const { vae, data } = this.#session!;
    const bound = this.#bound;
    if (!bound || !this.#roundDone || this.#scrubber.showsPast) return;
    const all = await download(bound.model.device, bound.encoder.heads);
    const done = vae.history.at(-1);
    const late = done ? ((vae.step - done.step) * vae.config.batch) / data.train.count : Number.POSITIVE_INFINITY;
    const atEpoch = vae.step === 0 ? 0 : late <= LATEST ? done!.epoch : undefined;
    if (full && atEpoch !== undefined && !this.#scrubber.has(atEpoch)) {
      const pixels = await download(bound.model.device, bound.decoder.pixels);
      const levels = Uint8Array.from(pixels, (value) => Math.round(255 * value));
      this.#scrubber.add({ epoch: atEpoch, step: vae.step, heads: all, levels, sheetFrame: this.#sheetFrame });
    }
    if (bound !== this.#bound) return;
    const { latent } = bound.model;
    this.#encoded = { heads: all.subarray(0, 2 * latent * this.#pointsOf(full)), latent };
    this.#dimensions.showKl(klPerDimension(this.#encoded));
    const [seen, count] = [this.#pointsOf(full), bound.labels.length].map((each) => each.toLocaleString('en-US'));
    const points = seen === count ? seen : `${seen} of ${count}`;
    this.#caption.textContent = `${points} test images at their mean μ, ${data.name === 'MNIST' ? 'digits' : 'classes'} at their medians. Move or press arrow keys to decode a point, click two to interpolate; Shift+drag pans, + and − zoom.`;
    this.#drawOver();
  }

  /** Shows where a drawn digit's q(z|x) lies. */
  showEllipse(mu: Float32Array, logvar: Float32Array): void {
    this.#drawn = { mu, logvar };
    this.#drawOver();
  }

  /** Everything: the decoded plane, the points, and what lies on top. */
  draw(): void {
    const bound = this.#bound;
    const side = this.#canvas.width;
    if (!bound || side === 0 || bound.model.device.lost) return;
    const { painter, sheet, points, context, model } = bound;
    const colors = theme();
    const corner = toPixels(this.#frame, side, {
      x: this.#sheetFrame.x - this.#sheetFrame.half,
      y: this.#sheetFrame.y + this.#sheetFrame.half,
    });
    const size = (side * this.#sheetFrame.half) / this.#frame.half;
    const faded = (i: 0 | 1 | 2) => colors.paper[i] + 0.42 * (colors.ink[i] - colors.paper[i]);
    const place = { x: corner.x, y: corner.y, width: size, height: size, gap: 0, paper: colors.paper };
    painter.placeSheet(sheet, this.#canvas, { ...place, ink: [faded(0), faded(1), faded(2)] });
    const origin = toPixels(this.#frame, side, { x: 0, y: 0 });
    const unit = side / (2 * this.#frame.half);
    painter.placePoints(points, this.#canvas, {
      scale: [unit, -unit],
      offset: [origin.x, origin.y],
      radius: 1.9 * this.#pixelRatio,
      alpha: 0.75,
      axes: this.#dimensions.axes,
      latent: model.latent,
      hidden: this.#legend.hidden,
      colors: CLASS_COLORS,
    });
    painter.draw(context, [
      ...(this.#withManifold ? [{ drawing: sheet }] : []),
      ...(this.#shown > 0 ? [{ drawing: points, count: this.#shown }] : []),
    ]);
    this.#drawOver();
  }

  /** Pixels of the canvas per CSS pixel. */
  get #pixelRatio(): number {
    return this.#canvas.width / Math.max(1, this.#over.clientWidth);
  }

  /** What lies on top and costs little: axes, medians, the cursor and what was chosen. */
  #drawOver(): void {
    const side = this.#canvas.width;
    if (!this.#bound || side === 0) return;
    const context = this.#over.getContext('2d')!;
    const { axes } = this.#dimensions;
    const medians = this.#mediansOn(axes).filter(({ label }) => !this.#legend.isHidden(label));
    const second = this.#bound.model.latent === 1 ? 'class' : `z${subscript(axes[1])}`;
    drawOverlay(context, {
      frame: this.#frame,
      side,
      ratio: this.#pixelRatio,
      axes: [`z${subscript(axes[0])}`, second],
      medians: medians.length <= 26 ? medians : [],
      cursor: this.#pointOf(this.#dimensions.z),
      ends: this.#ends.map((z) => this.#pointOf(z)),
      ellipse: this.#drawn && this.#ellipseOf(this.#drawn),
      theme: theme(),
    });
  }

  /** Sorting thousands of points at every move of the pointer would be felt. */
  #mediansOn(axes: readonly [number, number]): ReturnType<typeof classMedians> {
    if (!this.#encoded) return [];
    if (this.#medians?.of !== this.#encoded || this.#medians.axes.join() !== axes.join()) {
      const values = classMedians(this.#encoded, this.#bound!.labels, axes);
      this.#medians = { of: this.#encoded, axes, values };
    }
    return this.#medians.values;
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

  #ellipseOf({ mu, logvar }: { mu: Float32Array; logvar: Float32Array }): Ellipse {
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
      if (!this.#bound || this.#bound.model.device.lost || this.#scrubber.showsPast) return;
      this.#decodePlane();
      this.draw();
    }, REDECODE_MS);
  }

  /** Decodes the centres of the cells of what is seen. */
  #decodePlane(): void {
    const { decoder } = this.#bound!;
    const cells = Math.sqrt(decoder.count);
    const z = gridLatents(this.#frame, cells, this.#dimensions.z, this.#dimensions.axes);
    decoder.run(z);
    this.#sheetFrame = this.#frame;
  }

  /** A past epoch's points and decoded plane, or the present again. */
  #showFrame(frame: { heads: Float32Array; levels: Uint8Array; sheetFrame: Frame } | undefined): void {
    const bound = this.#bound;
    if (!bound || bound.model.device.lost) return;
    if (frame) {
      upload(bound.model.device, bound.encoder.heads, frame.heads);
      upload(
        bound.model.device,
        bound.decoder.pixels,
        Float32Array.from(frame.levels, (level) => level / 255),
      );
      this.#sheetFrame = frame.sheetFrame;
      this.#encoded = { heads: frame.heads, latent: bound.model.latent };
      this.#shown = bound.encoder.count;
      this.draw();
    } else {
      this.onPresent();
    }
  }

  /** The visitor went from a past epoch back to the present, which is to be looked at anew. */
  onPresent: () => void = () => {};
}

function subscript(index: number): string {
  return String(index + 1).replace(/\d/g, (digit) => '₀₁₂₃₄₅₆₇₈₉'[Number(digit)]!);
}
