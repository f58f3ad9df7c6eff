import { button, element } from './dom.ts';
import { explained } from './glossary.ts';

/** Seven stations, each at a panel, by what `data-view` calls it. */
const STATIONS: readonly { view: string; text: string }[] = [
  {
    view: 'plane',
    text: 'This is a map of handwritten digits, the [latent plane]. A neural network drew it up by itself: every dot is an image, its colour the digit. Nobody told the network which image shows which digit.',
  },
  {
    view: 'point',
    text: 'Every place on the map is an image, too. Move over the map, or press arrow keys on it: the [decoder] draws what belongs to that place. Between a 3 and an 8 you find something in between.',
  },
  {
    view: 'draw',
    text: 'Draw a digit, or take a test image. The [encoder] says where on the map it belongs. Not to a point but to a cloud: its middle is [μ], its width [σ].',
  },
  {
    view: 'way',
    text: 'The same, slowly: the encoder reads, chance ([ε]) picks a point [z] of the cloud, the decoder draws. The decoder never sees the image, only z. What gets lost on the way is what two numbers cannot tell.',
  },
  {
    view: 'loss',
    text: 'Two prices say how well that goes. [BCE]: how badly the drawing fits. [KL]: how far the cloud lies from the standard one. Without KL every image would keep far away from all others, and between them would be nonsense. [β] says how much KL counts.',
  },
  {
    view: 'controls',
    text: 'Press Train. A new network begins with random weights, so with noise, and makes both prices together smaller, [step] by step. Watch the dots part and the map come in order. Replay, below the map, shows it again.',
  },
  {
    view: 'presets',
    text: 'What if β is 1000, or 0? What if there is only one number for each image? Follow a link, press Train, and compare the curves: the list of runs keeps them all.',
  },
];

/** A guided tour of the page, which can be left at any time; the page can be used meanwhile. */
export class Tour {
  #begin: HTMLElement;
  #panel: HTMLElement;
  #text = element('p', {});
  #count = element('span', { class: 'number' });
  #back: HTMLButtonElement;
  #next: HTMLButtonElement;
  #at = -1;

  /** @param begin what begins it, and has the focus again at the end */
  constructor(begin: HTMLElement) {
    this.#begin = begin;
    this.#back = button('Back', () => this.#go(this.#at - 1));
    this.#next = button('Next', () => this.#go(this.#at + 1), { class: 'primary' });
    this.#panel = element(
      'div',
      { class: 'tour', role: 'dialog', 'aria-label': 'Tour', hidden: true },
      element('div', { 'aria-live': 'polite' }, this.#text),
      element(
        'div',
        { class: 'buttons' },
        this.#count,
        this.#back,
        this.#next,
        button('Leave the tour', () => this.#leave()),
      ),
    );
    document.body.append(this.#panel);
    this.#panel.addEventListener('keydown', ({ key }) => {
      if (key === 'Escape') this.#leave();
    });
  }

  begin(): void {
    this.#go(0);
  }

  #go(at: number): void {
    const station = STATIONS[at];
    if (!station) {
      this.#leave();
      return;
    }
    this.#at = at;
    this.#mark(station.view);
    this.#text.replaceChildren(...explained(station.text));
    this.#count.textContent = `${at + 1} of ${STATIONS.length}`;
    this.#back.hidden = at === 0;
    this.#next.textContent = at + 1 === STATIONS.length ? 'Done' : 'Next';
    this.#panel.hidden = false;
    this.#next.focus();
  }

  #mark(view: string | undefined): void {
    for (const panel of document.querySelectorAll<HTMLElement>('[data-view]'))
      panel.classList.toggle('toured', panel.dataset.view === view);
    document.querySelector('.toured')?.scrollIntoView({ block: 'nearest' });
  }

  #leave(): void {
    this.#mark(undefined);
    this.#panel.hidden = true;
    this.#begin.focus();
  }
}
