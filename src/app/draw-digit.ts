import { imageLength, LiveReconstructor, type Model } from 'webgpu-vae';
import { download } from 'webgpu-vae/kernels';
import { button, element, region } from './dom.ts';
import { ImageCanvas } from './image-canvas.ts';
import { formatNumber } from './numbers.ts';
import { Pad } from './pad.ts';
import type { Painter } from './painter.ts';
import { rasterize } from './rasterize.ts';
import type { Session } from './session.ts';
import { StepTag } from './step-tag.ts';
import type { Picture, View } from './views.ts';

/** q(z|x) of an image. */
export interface Posterior {
  mu: Float32Array;
  logvar: Float32Array;
}

/** A field to draw a digit in: what the model sees of it, what it makes of it, and where it lands in latent space. */
export class DrawDigit implements View {
  readonly root: HTMLElement;
  /** q(z|x) of the image; undefined when it is gone. */
  onEncoded: (encoded: { image: Uint8Array; posterior: Posterior } | undefined) => void = () => {};
  #pad = new Pad(() => this.#drawn());
  #result = new ImageCanvas('What the model sees of the drawing, and what it makes of it', 1, 1, 2);
  #text = element('span', { class: 'number' });
  #tag = new StepTag();
  #model: Model | undefined;
  #live: LiveReconstructor | undefined;
  /** Bound to the next picture's model. */
  #next: LiveReconstructor | undefined;
  /** What the next picture's model says of an image. */
  #prepared: { image: Uint8Array; posterior: Posterior } | undefined;
  #session: Session | undefined;
  #image: Uint8Array | undefined;
  #encoding = false;
  #again = false;

  constructor() {
    const clear = button('Clear', () => this.#clear(), { 'aria-label': 'Clear the drawing' });
    const sample = button('Test image', () => this.#takeTestImage());
    this.root = region(
      'Draw a digit',
      element('div', { class: 'tools' }, this.#tag.root, sample, clear),
      element(
        'div',
        { class: 'drawing' },
        this.#pad.canvas,
        element('div', {}, this.#result.canvas, this.#text, this.#pad.penText),
      ),
      element(
        'p',
        { class: 'hint' },
        'Left of the pair what the model sees, centred as MNIST is; right its reconstruction. The ellipses on the plane are q(z|x) at one and two standard deviations.',
      ),
    );
  }

  bind(shown: Model, next: Model, painter: Painter, session: Session): void {
    this.#model = shown;
    this.#session = session;
    this.#live = new LiveReconstructor(shown, 1);
    this.#next = new LiveReconstructor(next, 1);
    const { test } = session.data;
    this.#result.bind(painter, [this.#live.x, this.#live.pixels], test);
    // A drawing is another image where images have another size; one of the old data set is of no use.
    if (this.#image && this.#image.length !== shown.imageSize) {
      this.#image = rasterize(this.#pad.strokes, test);
      if (!this.#image) this.#forget();
    }
    this.#live.run(this.#image ?? new Uint8Array(shown.imageSize));
  }

  unbind(): void {
    this.#result.unbind();
    this.#live?.dispose();
    this.#next?.dispose();
    this.#live = undefined;
    this.#next = undefined;
    this.#model = undefined;
    this.#prepared = undefined;
  }

  async prepare(): Promise<void> {
    const image = this.#image;
    if (!image || !this.#next) return;
    this.#next.run(image);
    const posterior = await this.#read(this.#next);
    this.#prepared = { image, posterior };
  }

  show(picture: Picture): void {
    this.#tag.show(picture);
    if (!this.#image) return;
    this.#live?.run(this.#image);
    this.#result.draw();
    if (this.#prepared?.image === this.#image) this.#tell(this.#prepared.posterior);
    else void this.#encode();
  }

  #drawn(): void {
    const { data } = this.#session ?? {};
    const image = data && rasterize(this.#pad.strokes, data.test);
    if (!image) return;
    this.#image = image;
    void this.#encode();
  }

  #clear(): void {
    this.#pad.clear();
    this.#forget();
  }

  #forget(): void {
    this.#image = undefined;
    this.#text.textContent = '';
    this.#result.clear();
    this.onEncoded(undefined);
  }

  #takeTestImage(): void {
    const { test } = this.#session!.data;
    const index = Math.floor(Math.random() * test.count);
    const size = imageLength(test);
    this.take(test.images.slice(index * size, (index + 1) * size));
  }

  /** @param image of the size that the data set has; it takes the place of the drawing */
  take(image: Uint8Array): void {
    this.#pad.clear();
    this.#image = image;
    void this.#encode();
  }

  /** Encodes and decodes the image with the model that is shown; of many at once, the last. */
  async #encode(): Promise<void> {
    this.#again = true;
    if (this.#encoding) return;
    this.#encoding = true;
    try {
      while (this.#again && this.#image && this.#live && !this.#model?.device.lost) {
        this.#again = false;
        const [image, live] = [this.#image, this.#live];
        live.run(image);
        this.#result.draw();
        const posterior = await this.#read(live);
        // It may be cleared by now, or another model shown.
        if (image === this.#image && live === this.#live) this.#tell(posterior);
      }
    } catch (error) {
      this.#session?.lookFailed(error);
    } finally {
      this.#encoding = false;
    }
  }

  async #read(live: LiveReconstructor): Promise<Posterior> {
    const { device, latent } = this.#model!;
    const heads = await download(device, live.heads);
    return { mu: heads.slice(0, latent), logvar: heads.slice(latent) };
  }

  #tell(posterior: Posterior): void {
    const { mu, logvar } = posterior;
    const shown = Array.from(
      mu.subarray(0, 4),
      (value, d) => `${formatNumber(value, 2)} ± ${formatNumber(Math.exp(0.5 * logvar[d]!), 2)}`,
    );
    this.#text.textContent = `μ ± σ = (${shown.join(', ')}${mu.length > 4 ? ', …' : ''})`;
    this.onEncoded({ image: this.#image!, posterior });
  }
}
