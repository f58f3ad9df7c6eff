import { barColor, type Classes, classColors, longClassName, MOST_COLORS } from 'webgpu-vae';
import { element } from './dom.ts';

/** Stops of the colour bar's gradient. */
const BAR_STOPS = 16;
/** More classes than this make the legend a box that scrolls. */
const MOST_IN_LINES = 20;

/**
 * A button for every class: its colour and its name; pressing it hides and shows the class. Of more classes than there are
 * colours it is a colour bar.
 */
export class Legend {
  readonly root = element('div', { class: 'legend', role: 'group', 'aria-label': 'Classes shown' });
  #classes: Classes | undefined;
  #hidden = new Set<number>();
  #onChange: () => void;
  #shown = '';

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Bit c of 64: the colour of place c is hidden. */
  get hidden(): [number, number] {
    const bits = new Uint32Array(2);
    for (const slot of this.#hidden) bits[slot >> 5]! |= 1 << (slot & 31);
    return [bits[0]!, bits[1]!];
  }

  /** Makes buttons for the classes, all shown; the same classes keep what is hidden. No classes: no legend. */
  reset(classes: Classes | undefined, names: readonly string[] | undefined): void {
    const present = classes?.present ?? [];
    const labels = present.map((label) => longClassName(label, names));
    this.#classes = classes;
    this.root.hidden = classes === undefined;
    if (labels.join('\n') === this.#shown) return;
    this.#shown = labels.join('\n');
    this.#hidden.clear();
    const isBar = classes !== undefined && classes.slots > MOST_COLORS;
    this.root.classList.toggle('many', !isBar && labels.length > MOST_IN_LINES);
    const colors = classes && !isBar ? classColors(classes.slots) : [];
    this.root.replaceChildren(
      ...(isBar
        ? this.#bar(labels)
        : present.map((label, i) => this.#button(classes!.slotOf(label), labels[i]!, colors))),
    );
  }

  isHidden(label: number): boolean {
    return this.#classes !== undefined && this.#hidden.has(this.#classes.slotOf(label));
  }

  #button(slot: number, text: string, colors: readonly string[]): HTMLButtonElement {
    const swatch = element('span', { class: 'swatch', 'aria-hidden': 'true' });
    swatch.style.background = colors[slot]!;
    const node = element('button', { type: 'button', 'aria-pressed': 'true' }, swatch, text);
    node.addEventListener('click', () => {
      if (!this.#hidden.delete(slot)) this.#hidden.add(slot);
      node.setAttribute('aria-pressed', String(!this.#hidden.has(slot)));
      this.#onChange();
    });
    return node;
  }

  #bar(labels: readonly string[]): HTMLElement[] {
    const bar = element('span', { class: 'bar', 'aria-hidden': 'true' });
    const stops = Array.from({ length: BAR_STOPS }, (_, i) => barColor(i / (BAR_STOPS - 1)));
    bar.style.background = `linear-gradient(to right, ${stops.join(', ')})`;
    return [
      element('span', {}, labels[0]!),
      bar,
      element('span', {}, `${labels.at(-1)!} (${labels.length.toLocaleString('en-US')} classes)`),
    ];
  }
}
