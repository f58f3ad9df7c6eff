import { element } from './dom.ts';
import type { PastModel, PastModels } from './past-models.ts';
import type { Picture } from './views.ts';

/** A slider over the epochs so far; its right end is the present. Beside it: which model all views show. */
export class Scrubber {
  readonly root: HTMLElement;
  #onChoose: (model: PastModel | undefined) => void;
  #slider = element('input', {
    type: 'range',
    min: 0,
    max: 0,
    step: 1,
    value: 0,
    'aria-label': 'Epoch shown',
    disabled: true,
  });
  #output = element('span', { class: 'number' }, 'now');
  #models: readonly PastModel[] = [];
  #beginning = '';

  /** @param onChoose undefined: the present */
  constructor(onChoose: (model: PastModel | undefined) => void) {
    this.#onChoose = onChoose;
    this.root = element('div', { class: 'scrubber' }, element('span', {}, 'Replay'), this.#slider, this.#output);
    this.#slider.addEventListener('input', () => {
      const model = this.#models[Number(this.#slider.value)];
      this.#output.textContent = model ? this.#nameOf(model) : 'now';
      this.#onChoose(model);
    });
  }

  /** There are other epochs to look back to. */
  update({ all, beginning, thinned }: PastModels): void {
    this.#beginning = beginning;
    const chosen = this.#models[Number(this.#slider.value)];
    const at = chosen && all.findLastIndex(({ epoch }) => epoch <= chosen.epoch);
    this.#models = all;
    this.#slider.max = String(all.length);
    this.#slider.value = String(at ?? all.length);
    this.#slider.disabled = all.length === 0;
    this.#slider.title = thinned ? 'There was no room for every epoch: some are left out.' : '';
  }

  /** Another model is seen. */
  show({ epoch, step }: Picture): void {
    if (epoch === undefined) this.#slider.value = this.#slider.max;
    this.#output.textContent = epoch === undefined ? `now, step ${step}` : this.#nameOf({ epoch, step });
  }

  #nameOf({ epoch, step }: { epoch: number; step: number }): string {
    return epoch === 0 ? this.#beginning : `epoch ${epoch}, step ${step}`;
  }
}
