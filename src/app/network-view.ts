import type { VaeConfig } from 'webgpu-vae';
import { element, region } from './dom.ts';
import { explained } from './glossary.ts';
import type { Session } from './session.ts';

/** The part of the file that defines the model: its two halves, and its loss. Few visitors read it. */
async function code(): Promise<string> {
  // biome-ignore lint/style/noRestrictedImports: the text of the file, to be read.
  const { default: source } = await import('../vae/model.ts?raw');
  return source.slice(Math.max(0, source.indexOf('/** q(z|x)')), source.lastIndexOf('/**')).trim();
}

/** The network's layers with their sizes, beside the code that defines it. */
export class NetworkView {
  readonly root: HTMLElement;
  #session: Session;
  #text = element('p', {});
  #layers = element('ol', { class: 'layers' });

  constructor(session: Session) {
    this.#session = session;
    const text = element('code', {});
    const details = element(
      'details',
      {},
      element('summary', {}, 'The code that defines it'),
      element('pre', { tabindex: 0, 'aria-label': 'The code that defines the network' }, text),
    );
    details.addEventListener('toggle', () => {
      if (details.open) code().then((lines) => text.replaceChildren(lines), session.onError);
    });
    this.root = region(
      'The network',
      element('div', { class: 'network' }, element('div', {}, this.#layers, this.#text), details),
    );
    session.listen((event) => {
      if (event === 'model') this.#show();
    });
    this.#show();
  }

  #show(): void {
    const { vae, data } = this.#session;
    const { latent } = vae.config;
    const { rows, columns, channels = 1 } = data.train;
    const D = rows * columns * channels;
    const size = `${columns} × ${rows}${channels > 1 ? ` × ${channels}` : ''}`;
    const pixels = `${D.toLocaleString('en-US')} numbers, ${size}`;
    const hidden = hiddenLayers(vae.config, { rows, columns });
    const wide = (width: number, text: string, half: string) => layer(width, D, text, half);
    this.#layers.replaceChildren(
      wide(D, `image: ${pixels}`, 'encoder'),
      ...hidden.map(({ width, text }) => wide(width, text, 'encoder')),
      wide(latent, latent === 1 ? 'μ and σ: 1 number each' : `μ and σ: ${latent} numbers each`, 'code'),
      wide(latent, `z = μ + σ · ε: ${latent === 1 ? '1 number' : `${latent} numbers`}`, 'code'),
      ...hidden.toReversed().map(({ width, text }) => wide(width, text, 'decoder')),
      wide(D, `image: ${pixels}`, 'decoder'),
    );
    const count = vae.model.model.table.count.toLocaleString('en-US');
    this.#text.replaceChildren(
      ...explained(
        `${count} weights. Every bar is a list of numbers, as long as it says; the weights say how each list is made from the one above. The [encoder] narrows, the [decoder] widens; what gets through the waist is all that the decoder knows of the image.`,
      ),
    );
  }
}

/** The encoder's hidden layers: how many numbers each passes on, and what they are. */
function hiddenLayers(
  { arch, hidden, channels, dense }: VaeConfig,
  image: { rows: number; columns: number },
): { width: number; text: string }[] {
  const named = (width: number) => ({ width, text: `layer of ${width}` });
  if (arch === 'dense') return hidden.map(named);
  // Every convolution halves both sides.
  let { rows, columns } = image;
  const windows = channels.map((count) => {
    rows = Math.ceil(rows / 2);
    columns = Math.ceil(columns / 2);
    return { width: count * rows * columns, text: `${count} images of ${columns} × ${rows}, by sliding a window` };
  });
  return [...windows, named(dense)];
}

/** A bar whose width tells how many numbers there are: by their logarithm, for 2 and 784 shall both be seen. */
function layer(width: number, most: number, text: string, half: string): HTMLElement {
  const bar = element('span', { class: `layer-bar ${half}`, 'aria-hidden': 'true' });
  bar.style.width = `${Math.round(100 * Math.min(1, Math.log2(width + 1) / Math.log2(most + 1)))}%`;
  return element('li', {}, bar, element('span', { class: 'number' }, text));
}
