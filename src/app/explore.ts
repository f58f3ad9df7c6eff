import { LiveDecoder, type Model } from 'webgpu-vae';
import { button, element, region } from './dom.ts';
import { ImageCanvas } from './image-canvas.ts';
import { formatNumber } from './numbers.ts';
import type { Painter } from './painter.ts';
import { savePicture } from './picture-file.ts';
import { describeRun } from './run.ts';
import type { Session } from './session.ts';
import { StepTag } from './step-tag.ts';
import type { Picture, View } from './views.ts';

const STRIP = 10;

/** The decoded cursor, and a strip of images between two points. */
export class DecodedPoint implements View {
  readonly root: HTMLElement;
  #point = new ImageCanvas('The image decoded from the chosen point', 1, 1);
  #strip = new ImageCanvas('Images decoded along the line from A to B', STRIP, 1);
  #text = element('span', { class: 'number' });
  #stripText = element('p', { class: 'hint' });
  #tag = new StepTag();
  #ends = '';
  #model: Model | undefined;
  #session: Session | undefined;
  #decoder: LiveDecoder | undefined;
  #between: LiveDecoder | undefined;
  #z = new Float32Array(0);
  #wanted: Float32Array | undefined;
  #running = false;

  constructor() {
    this.#point.canvas.classList.add('single');
    const save = (): void =>
      void savePicture({
        name: 'interpolation.png',
        title: 'Interpolation',
        lines: [`${this.#tag.text}. ${this.#ends}`, describeRun(this.#session!)],
        legend: [],
        height: (width) => width * this.#strip.ratio,
        render: (width, height) => this.#strip.render(width, height),
      });
    const saveStrip = button('PNG', save, { 'aria-label': 'Save the interpolation as PNG' });
    this.root = region(
      'Decoded point',
      element('div', { class: 'tools' }, this.#tag.root, saveStrip),
      element(
        'div',
        { class: 'decoded' },
        this.#point.canvas,
        element('div', {}, this.#text, element('p', { class: 'hint' }, 'Decoded where the ring is on the plane.')),
      ),
      this.#strip.canvas,
      this.#stripText,
    );
  }

  bind(model: Model, _next: Model, painter: Painter, session: Session): void {
    const { test } = session.data;
    this.#model = model;
    this.#session = session;
    this.#decoder = new LiveDecoder(model, 1);
    this.#between = new LiveDecoder(model, STRIP);
    this.#point.bind(painter, [this.#decoder.pixels], test);
    this.#strip.bind(painter, [this.#between.pixels], test);
    // The plane's ring stays where it is if it can.
    if (this.#z.length !== model.latent) this.#z = new Float32Array(model.latent);
    this.#decoder.run(this.#z);
    this.#write(this.#z);
    // Until ends are chosen, along the first dimension.
    const [from, to] = [-2, 2].map((first) => Float32Array.from({ length: model.latent }, (_, d) => (d ? 0 : first)));
    this.#line(from!, to!);
    this.#ends = `Images decoded along the line from ${format(from!)} to ${format(to!)}, in equal steps.`;
    this.#stripText.textContent = `From ${format(from!)} to ${format(to!)}. Click two points of the plane, or press Enter on two, to choose the ends.`;
  }

  unbind(): void {
    this.#point.unbind();
    this.#strip.unbind();
    this.#decoder?.dispose();
    this.#between?.dispose();
    this.#decoder = undefined;
    this.#between = undefined;
    this.#model = undefined;
  }

  show(picture: Picture): void {
    this.#decoder?.run();
    this.#between?.run();
    this.#point.draw();
    this.#strip.draw();
    this.#tag.show(picture);
  }

  /** Decodes a point as soon as the one before is on the screen; of many at once, the last. */
  moveTo(z: Float32Array): void {
    this.#write(z);
    this.#z = z.slice();
    this.#wanted = this.#z;
    void this.#decode();
  }

  async #decode(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#wanted && this.#decoder && this.#model && !this.#model.device.lost) {
        const z = this.#wanted;
        this.#wanted = undefined;
        this.#decoder.run(z);
        this.#point.draw();
        await this.#model.device.handle.queue.onSubmittedWorkDone();
      }
    } catch (error) {
      this.#session?.lookFailed(error);
    } finally {
      this.#running = false;
    }
  }

  /** The way from one point to another. */
  interpolate(from: Float32Array, to: Float32Array): void {
    this.#line(from, to);
    this.#strip.draw();
    this.#ends = `Images decoded along the line from A ${format(from)} to B ${format(to)}, in equal steps.`;
    this.#stripText.textContent = `From A ${format(from)} to B ${format(to)} in equal steps.`;
  }

  #line(from: Float32Array, to: Float32Array): void {
    if (!this.#between || !this.#model || this.#model.device.lost) return;
    const { latent } = this.#model;
    const z = new Float32Array(STRIP * latent);
    for (let i = 0; i < STRIP; i++) {
      const part = i / (STRIP - 1);
      for (let d = 0; d < latent; d++) z[i * latent + d] = from[d]! + part * (to[d]! - from[d]!);
    }
    this.#between.run(z);
  }

  #write(z: Float32Array): void {
    this.#text.textContent = `z = ${format(z)}`;
  }
}

function format(z: Float32Array): string {
  const shown = Array.from(z.subarray(0, 4), (value) => formatNumber(value, 2)).join(', ');
  return `(${shown}${z.length > 4 ? ', …' : ''})`;
}
