import { classesOf, type ImageSet, imageLength, LiveDecoder, LiveReconstructor, type Model } from 'webgpu-vae';
import { normalNumbers } from 'webgpu-vae/nn';
import { button, element, region } from './dom.ts';
import { ImageCanvas } from './image-canvas.ts';
import type { Painter } from './painter.ts';
import { savePicture } from './picture-file.ts';
import { describeRun } from './run.ts';
import type { Session } from './session.ts';
import { StepTag } from './step-tag.ts';
import type { Picture, View } from './views.ts';

const RECONSTRUCTED = 10;
const SAMPLES = { columns: 10, rows: 3 };

/** A panel that shows one canvas of images. */
abstract class ImageView implements View {
  readonly root: HTMLElement;
  protected readonly images: ImageCanvas;
  protected session: Session | undefined;
  #tag = new StepTag();

  constructor(name: string, caption: string, label: string, columns: number, rows: number) {
    this.images = new ImageCanvas(label, columns, rows);
    const file = `${name.toLowerCase()}.png`;
    const save = (): void =>
      void savePicture({
        name: file,
        title: name,
        lines: [`${this.#tag.text}. ${caption}`, describeRun(this.session!)],
        legend: [],
        height: (width) => width * this.images.ratio,
        render: (width, height) => this.images.render(width, height),
      });
    const png = button('PNG', save, { 'aria-label': `Save the ${name.toLowerCase()} as PNG` });
    this.root = region(
      name,
      element('div', { class: 'tools' }, this.#tag.root, png),
      this.images.canvas,
      element('p', { class: 'hint' }, caption),
    );
  }

  abstract bind(shown: Model, next: Model, painter: Painter, session: Session): void;
  abstract unbind(): void;
  protected abstract run(): void;

  show(picture: Picture): void {
    this.run();
    this.images.draw();
    this.#tag.show(picture);
  }
}

/** One test image of each class above what the model makes of it. */
export class Reconstructions extends ImageView {
  /** One of the images was clicked. */
  onChoose: (image: Uint8Array) => void = () => {};
  #chosen = new Uint8Array(0);
  #live: LiveReconstructor | undefined;

  constructor() {
    super(
      'Reconstructions',
      'Top: test images. Below: decoded from their means μ.',
      'Test images above their reconstructions',
      RECONSTRUCTED,
      2,
    );
    // By keyboard there are the test images.
    this.images.canvas.classList.add('pickable');
    this.images.canvas.addEventListener('click', ({ offsetX }) => {
      const column = Math.floor((offsetX / this.images.canvas.clientWidth) * RECONSTRUCTED);
      const size = this.#chosen.length / RECONSTRUCTED;
      this.onChoose(this.#chosen.slice(column * size, (column + 1) * size));
    });
  }

  override bind(model: Model, _next: Model, painter: Painter, session: Session): void {
    const { test } = session.data;
    this.session = session;
    this.#live = new LiveReconstructor(model, RECONSTRUCTED);
    this.#chosen = onePerClass(test);
    this.#live.run(this.#chosen);
    this.images.bind(painter, [this.#live.x, this.#live.pixels], test);
  }

  override unbind(): void {
    this.images.unbind();
    this.#live?.dispose();
    this.#live = undefined;
  }

  protected override run(): void {
    this.#live?.run();
  }
}

/** Decoded z ~ N(0, I), the same z all the time. */
export class Samples extends ImageView {
  #live: LiveDecoder | undefined;

  constructor() {
    super(
      'Samples',
      'Decoded from random points z ~ N(0, I), always the same ones.',
      'Images decoded from fixed random points',
      SAMPLES.columns,
      SAMPLES.rows,
    );
  }

  override bind(model: Model, _next: Model, painter: Painter, session: Session): void {
    const count = SAMPLES.columns * SAMPLES.rows;
    this.session = session;
    this.#live = new LiveDecoder(model, count);
    this.#live.run(normalNumbers(count * model.latent, session.vae.config.seed));
    this.images.bind(painter, [this.#live.pixels], session.data.test);
  }

  override unbind(): void {
    this.images.unbind();
    this.#live?.dispose();
    this.#live = undefined;
  }

  protected override run(): void {
    this.#live?.run();
  }
}

/** The first image of each class, then the first others, RECONSTRUCTED in all (again from the start if there are fewer). */
function onePerClass(set: ImageSet): Uint8Array<ArrayBuffer> {
  const { images, labels, count } = set;
  const size = imageLength(set);
  const firsts = labels ? classesOf(labels).present.map((label) => labels.indexOf(label)) : [];
  const others = Array.from({ length: Math.min(count, 2 * RECONSTRUCTED) }, (_, i) => i).filter(
    (i) => !firsts.includes(i),
  );
  const order = [...firsts, ...others];
  const chosen = new Uint8Array(RECONSTRUCTED * size);
  for (let i = 0; i < RECONSTRUCTED; i++) {
    const at = order[i % order.length]! * size;
    chosen.set(images.subarray(at, at + size), i * size);
  }
  return chosen;
}
