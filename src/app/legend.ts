import { PALETTE } from '../data/palette.ts';
import { element } from './dom.ts';

/** A button for every class: its colour and its number; pressing it hides and shows the class. */
export class Legend {
  readonly root = element('div', { class: 'legend', role: 'group', 'aria-label': 'Classes shown' });
  /** Bit c: class c (mod 10) is hidden. */
  hidden = 0;
  #onChange: () => void;
  #classes = '';

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Makes buttons for the classes of these labels, all shown; the same classes keep what is hidden. */
  reset(labels: Uint8Array): void {
    const classes = [...new Set(Array.from(labels, (label) => label % PALETTE.length))].sort((a, b) => a - b);
    if (classes.join() === this.#classes) return;
    this.#classes = classes.join();
    this.hidden = 0;
    this.root.replaceChildren(...classes.map((label) => this.#button(label)));
  }

  isHidden(label: number): boolean {
    return ((this.hidden >> (label % PALETTE.length)) & 1) === 1;
  }

  #button(label: number): HTMLButtonElement {
    const swatch = element('span', { class: 'swatch', 'aria-hidden': 'true' });
    swatch.style.background = PALETTE[label]!;
    const node = element('button', { type: 'button', 'aria-pressed': 'true' }, swatch, String(label));
    node.addEventListener('click', () => {
      this.hidden ^= 1 << label;
      node.setAttribute('aria-pressed', String(!this.isHidden(label)));
      this.#onChange();
    });
    return node;
  }
}
