import type { Model } from 'webgpu-vae';
import { LiveDecoder } from 'webgpu-vae';
import { download } from 'webgpu-vae/kernels';
import { button, element, region, setEnabled } from './dom.ts';
import type { Posterior } from './draw-digit.ts';
import { explained, type Word } from './glossary.ts';
import { klOf, pixelSigma, reconstructionLoss } from './image-loss.ts';
import { formatNumber, fraction, reconstructionName } from './numbers.ts';
import { paintImage } from './paint-image.ts';
import type { Painter } from './painter.ts';
import type { Session } from './session.ts';
import { StepTag } from './step-tag.ts';
import { onThemeChange } from './theme.ts';
import type { Picture, View } from './views.ts';

/** How long each station is looked at in slow motion. */
const STATION_MS = 1600;

/** An image, and where the model that is shown puts it. */
interface Traveller {
  image: Uint8Array;
  posterior: Posterior;
}

/** What the image costs after one model. */
interface Cost {
  reconstruction: number;
  kl: number;
}

/** One image's way through the model, station by station: encoder, chance, decoder, and what it costs. */
export class ImageWay implements View {
  readonly root: HTMLElement;
  /** z was chosen; undefined when there is no image. */
  onSample: (z: Float32Array | undefined) => void = () => {};
  #session: Session | undefined;
  #model: Model | undefined;
  #decoder: LiveDecoder | undefined;
  #traveller: Traveller | undefined;
  #epsilon = new Float32Array(0);
  #pixels: Float32Array | undefined;
  #cost: Cost | undefined;
  #before: Cost | undefined;
  #running = false;
  #again = false;
  #walking = false;
  #tag = new StepTag();
  #image = element('canvas', {
    class: 'images single',
    width: 28,
    height: 28,
    role: 'img',
    'aria-label': 'The image that goes its way',
  });
  #drawn = element('canvas', {
    class: 'images single',
    width: 28,
    height: 28,
    role: 'img',
    'aria-label': 'What the decoder draws at z',
  });
  #place = element('span', { class: 'number' }, '–');
  #chance = element('span', { class: 'number' }, '–');
  #bars = { reconstruction: bar('BCE'), kl: bar('KL') };
  #sum = element('p', { class: 'number' });
  #stations: HTMLElement[];
  #slow: HTMLButtonElement;
  #dice: HTMLButtonElement;

  /** @param step does one step of training, and comes back when it is done */
  constructor(step: () => Promise<void>) {
    this.#dice = button('Roll the dice for ε', () => this.#roll());
    this.#slow = button('Step in slow motion', () => void this.#walk(step));
    this.#stations = [
      station(
        'Read',
        this.#image,
        'The [encoder] reads it: from its pixels to [μ] and [σ], the middle and the width of the cloud where it belongs.',
        this.#place,
      ),
      station('Roll', this.#dice, '[ε] is chance. [z] = [μ] + [σ] · [ε] is a point of the cloud.', this.#chance),
      station('Draw', this.#drawn, 'The [decoder] makes an image from nothing but [z].'),
      station(
        'Compare',
        element('div', { class: 'bars' }, this.#bars.reconstruction.root, this.#bars.kl.root),
        'Two prices, in [nats|nat]: how badly the drawing fits, and how far the cloud lies from the standard one.',
        this.#sum,
      ),
      station(
        'Learn',
        '',
        'Training does this with a [batch] at once, works out for every weight which way makes the sum smaller, and moves them all a little that way: one [step].',
      ),
    ];
    this.root = region(
      'One image’s way',
      element('div', { class: 'tools' }, this.#tag.root, this.#slow),
      element('ol', { class: 'way' }, ...this.#stations),
      element(
        'p',
        { class: 'hint' },
        'Draw a digit, take a test image, or click one of the reconstructions: that is the image that goes its way.',
      ),
    );
    onThemeChange(() => this.#paint());
    this.#enable();
  }

  bind(shown: Model, _next: Model, _painter: Painter, session: Session): void {
    this.#session = session;
    this.#model = shown;
    this.#decoder = new LiveDecoder(shown, 1);
    const { rows, columns } = session.data.test;
    for (const canvas of [this.#image, this.#drawn]) Object.assign(canvas, { width: columns, height: rows });
    this.#bars.reconstruction.name(reconstructionName(session.vae.config));
    if (this.#epsilon.length !== shown.latent) this.#epsilon = new Float32Array(shown.latent);
    this.#paint();
  }

  unbind(): void {
    this.#decoder?.dispose();
    this.#decoder = undefined;
    this.#model = undefined;
  }

  show(picture: Picture): void {
    this.#tag.show(picture);
  }

  /** An image was chosen, or another model says where it belongs. */
  travel(traveller: Traveller | undefined): void {
    if (traveller?.image !== this.#traveller?.image) this.#before = undefined;
    this.#traveller = traveller;
    this.#enable();
    if (!traveller) {
      this.#cost = undefined;
      this.#place.textContent = '–';
      this.#chance.textContent = '–';
      this.#sum.textContent = '';
      for (const each of Object.values(this.#bars)) each.show(undefined, 1);
      for (const canvas of [this.#image, this.#drawn])
        canvas.getContext('2d')!.clearRect(0, 0, canvas.width, canvas.height);
      this.onSample(undefined);
      return;
    }
    void this.#draw();
  }

  #enable(): void {
    setEnabled(this.#dice, this.#traveller !== undefined);
    setEnabled(this.#slow, this.#traveller !== undefined && !this.#walking);
  }

  /** Chance that nobody has to repeat. */
  #roll(): void {
    this.#before = undefined;
    for (let d = 0; d < this.#epsilon.length; d++) {
      this.#epsilon[d] = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
    }
    void this.#draw();
  }

  /** Decodes z with the model that is shown; of many wishes at once, the last. */
  async #draw(): Promise<void> {
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#again && this.#traveller && this.#decoder && !this.#model?.device.lost) {
        this.#again = false;
        const [traveller, decoder, session] = [this.#traveller, this.#decoder, this.#session!];
        const { mu, logvar } = traveller.posterior;
        if (mu.length !== this.#epsilon.length) break;
        const z = mu.map((m, d) => m + Math.exp(0.5 * logvar[d]!) * this.#epsilon[d]!);
        decoder.run(z);
        const model = this.#model!;
        const [pixels, sigma] = await Promise.all([
          download(model.device, decoder.pixels),
          pixelSigma(session.vae.config, model),
        ]);
        if (decoder !== this.#decoder || traveller !== this.#traveller) continue;
        this.#cost = { reconstruction: reconstructionLoss(traveller.image, pixels, sigma), kl: klOf(mu, logvar) };
        this.#pixels = pixels;
        this.#paint();
        this.#tell(z, this.#cost);
      }
    } catch (error) {
      this.#session?.lookFailed(error);
    } finally {
      this.#running = false;
    }
  }

  #paint(): void {
    if (!this.#traveller || this.#traveller.image.length !== this.#model?.imageSize) return;
    paintImage(this.#image, this.#traveller.image, 255);
    if (this.#pixels?.length === this.#traveller.image.length) paintImage(this.#drawn, this.#pixels, 1);
  }

  #tell(z: Float32Array, { reconstruction, kl }: Cost): void {
    const { mu, logvar } = this.#traveller!.posterior;
    const sigmas = logvar.map((each) => Math.exp(0.5 * each));
    this.#place.textContent = `μ = ${list(mu)}, σ = ${list(sigmas)}`;
    this.#chance.textContent = `ε = ${list(this.#epsilon)}, z = ${list(z)}`;
    const most = Math.max(reconstruction, kl, 1);
    this.#bars.reconstruction.show(reconstruction, most);
    this.#bars.kl.show(kl, most);
    const sum = `Together ${formatNumber(reconstruction + kl, 1)} nats.`;
    const before = this.#before && this.#before.reconstruction + this.#before.kl;
    this.#sum.textContent = before === undefined ? sum : `${sum} Before the step it was ${formatNumber(before, 1)}.`;
    this.onSample(z);
  }

  /** One step of training, with time to look at every station. */
  async #walk(step: () => Promise<void>): Promise<void> {
    if (this.#walking || !this.#traveller) return;
    this.#walking = true;
    this.#enable();
    const hurried = matchMedia('(prefers-reduced-motion: reduce)').matches;
    try {
      for (const [i, each] of this.#stations.entries()) {
        for (const other of this.#stations) other.removeAttribute('aria-current');
        each.setAttribute('aria-current', 'step');
        if (i + 1 === this.#stations.length) {
          this.#before = this.#cost;
          await step();
        }
        if (!hurried) await new Promise((resolve) => setTimeout(resolve, STATION_MS));
      }
    } catch (error) {
      this.#session?.lookFailed(error);
    } finally {
      for (const each of this.#stations) each.removeAttribute('aria-current');
      this.#walking = false;
      this.#enable();
    }
  }
}

function station(name: string, shown: HTMLElement | string, text: string, ...more: HTMLElement[]): HTMLElement {
  return element(
    'li',
    {},
    element('strong', {}, name),
    element('div', { class: 'seen' }, shown),
    element('div', {}, element('p', {}, ...explained(text)), ...more),
  );
}

/** A bar with its name and value. */
function bar(word: Word): {
  root: HTMLElement;
  name(text: string): void;
  show(value: number | undefined, most: number): void;
} {
  const name = element('span', {}, word);
  const value = element('span', { class: 'number' }, '–');
  const meter = element('progress', { max: 1, value: 0, 'aria-label': word });
  return {
    root: element('div', { class: 'price' }, name, meter, value),
    name(text) {
      name.textContent = text;
      meter.setAttribute('aria-label', text);
    },
    show(nats, most) {
      value.textContent = nats === undefined ? '–' : formatNumber(nats, 1);
      meter.value = nats === undefined ? 0 : fraction(nats, most);
    },
  };
}

function list(values: Float32Array): string {
  const shown = Array.from(values.subarray(0, 3), (value) => formatNumber(value, 2)).join(', ');
  return `(${shown}${values.length > 3 ? ', …' : ''})`;
}
