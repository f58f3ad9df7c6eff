import type { ImageSet } from '../data/dataset.ts';
import type { Painter } from '../gpu/painter.ts';
import type { Model } from '../vae/inference.ts';
import { LiveDecoder, LiveReconstructor } from '../vae/live.ts';
import { normalNumbers } from '../vae/random.ts';
import { button, element, region, savePng } from './dom.ts';
import { ImageCanvas } from './image-canvas.ts';
import type { Session } from './session.ts';
import { theme } from './theme.ts';
import type { View } from './views.ts';

const COLUMNS = 10;
const SAMPLES = 30;

/** A panel that shows one canvas of images. */
abstract class ImageView implements View {
  readonly root: HTMLElement;
  protected readonly images: ImageCanvas;

  constructor(name: string, caption: string, label: string, rows: number) {
    this.images = new ImageCanvas(label, COLUMNS, rows);
    const file = `${name.toLowerCase()}.png`;
    const save = (): void => {
      // What a canvas shows can be copied only right after it was drawn.
      this.images.draw();
      savePng(file, [this.images.canvas], theme().background);
    };
    const png = button('PNG', save, { 'aria-label': `Save the ${name.toLowerCase()} as PNG` });
    this.root = region(
      name,
      element('div', { class: 'tools' }, png),
      this.images.canvas,
      element('p', { class: 'hint' }, caption),
    );
  }

  abstract bind(model: Model, painter: Painter, session: Session): void;
  abstract unbind(): void;
  protected abstract run(): void;

  pieces(): (() => void)[] {
    return [
      () => {
        this.run();
        this.images.draw();
      },
    ];
  }
}

/** One test image of each class above what the model makes of it. */
export class Reconstructions extends ImageView {
  #live: LiveReconstructor | undefined;

  constructor() {
    super(
      'Reconstructions',
      'Top: test images, which the model never trains on. Below: each one encoded to its mean μ and decoded again.',
      'Test images above their reconstructions',
      2,
    );
  }

  override bind(model: Model, painter: Painter, session: Session): void {
    const { test } = session.data;
    this.#live = new LiveReconstructor(model, COLUMNS);
    this.#live.run(onePerClass(test));
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
      'Decoded from fixed random points z ~ N(0, I): what the model thinks digits look like.',
      'Images decoded from fixed random points',
      SAMPLES / COLUMNS,
    );
  }

  override bind(model: Model, painter: Painter, session: Session): void {
    this.#live = new LiveDecoder(model, SAMPLES);
    this.#live.run(normalNumbers(SAMPLES * model.latent, session.vae.config.seed));
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

/** The first image of each class, then the first others, COLUMNS in all (again from the start if there are fewer). */
function onePerClass({ images, labels, count, rows, columns }: ImageSet): Uint8Array {
  const size = rows * columns;
  const firsts = [...new Set(labels)].sort((a, b) => a - b).map((label) => labels.indexOf(label));
  const others = Array.from({ length: Math.min(count, 2 * COLUMNS) }, (_, i) => i).filter((i) => !firsts.includes(i));
  const order = [...firsts, ...others];
  const chosen = new Uint8Array(COLUMNS * size);
  for (let i = 0; i < COLUMNS; i++) {
    const at = order[i % order.length]! * size;
    chosen.set(images.subarray(at, at + size), i * size);
  }
  return chosen;
}
