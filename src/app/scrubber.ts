import { button, element, setEnabled } from './dom.ts';
import type { PastModel, PastModels } from './past-models.ts';
import type { Picture } from './views.ts';

/** How long each epoch is seen while the replay plays. */
const FRAME_MS = 400;

/** A slider over the epochs so far; its right end is the present. Beside it: which model all views show. */
export class Scrubber {
  readonly root: HTMLElement;
  /** The replay is to be saved as an animation. */
  onSave: () => void = () => {};
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
  #play: HTMLButtonElement;
  #save: HTMLButtonElement;
  #models: readonly PastModel[] = [];
  #beginning = '';
  /** What is seen. */
  #picture: Picture | undefined;
  /** Raised by whatever ends a replay that plays. */
  #playing = 0;
  /** Waits until the views show what was chosen. */
  #arrived: (() => void) | undefined;

  /** @param onChoose undefined: the present */
  constructor(onChoose: (model: PastModel | undefined) => void) {
    this.#onChoose = onChoose;
    this.#play = button('Play', () => void this.#toggle(), {
      'aria-label': 'Play the replay',
      'aria-pressed': 'false',
    });
    this.#save = button('GIF', () => this.onSave(), { 'aria-label': 'Save the replay as GIF' });
    this.root = element(
      'div',
      { class: 'scrubber' },
      element('span', { class: 'scrubber-name' }, 'Replay'),
      this.#slider,
      this.#output,
      this.#play,
      this.#save,
    );
    this.#slider.addEventListener('input', () => {
      this.stop();
      const model = this.#models[Number(this.#slider.value)];
      this.#output.textContent = model ? this.#nameOf(model) : 'now';
      this.#onChoose(model);
    });
    this.#enable();
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
    this.#enable();
  }

  /** Another model is seen. */
  show(picture: Picture): void {
    const { epoch, step, name } = picture;
    this.#picture = picture;
    if (epoch === undefined && this.#playing % 2 === 0) this.#slider.value = this.#slider.max;
    this.#output.textContent = epoch === undefined ? (name ?? `now, step ${step}`) : this.#nameOf({ epoch, step });
    if (picture.heads.length > 0) this.#arrived?.();
  }

  /** Goes through the epochs one after the other and comes back to the present; `each` runs when one is seen. */
  async run(each: (name: string) => void | Promise<void>, from = 0): Promise<void> {
    this.stop();
    const turn = ++this.#playing;
    this.#play.textContent = 'Stop';
    this.#play.setAttribute('aria-pressed', 'true');
    for (let i = from; i < this.#models.length && turn === this.#playing; i++) {
      const model = this.#models[i]!;
      this.#slider.value = String(i);
      await this.#visit(model);
      if (turn === this.#playing) await each(this.#nameOf(model));
    }
    if (turn !== this.#playing) return;
    this.stop();
    this.#slider.value = this.#slider.max;
    this.#onChoose(undefined);
  }

  /** Ends a replay that plays, where it is. */
  stop(): void {
    if (this.#playing % 2 === 0) return;
    this.#playing++;
    this.#arrived?.();
    this.#play.textContent = 'Play';
    this.#play.setAttribute('aria-pressed', 'false');
  }

  async #toggle(): Promise<void> {
    if (this.#playing % 2 === 1) {
      this.stop();
      return;
    }
    const at = Number(this.#slider.value);
    const wait = () => new Promise<void>((resolve) => setTimeout(resolve, FRAME_MS));
    await this.run(wait, at < this.#models.length - 1 ? at : 0);
  }

  /** Comes back when all views show the model. */
  async #visit(model: PastModel): Promise<void> {
    const { epoch, heads } = this.#picture ?? {};
    if (epoch === model.epoch && heads && heads.length > 0) return;
    const arrived = new Promise<void>((resolve) => {
      this.#arrived = resolve;
    });
    this.#onChoose(model);
    await arrived;
    this.#arrived = undefined;
  }

  #enable(): void {
    // One epoch is no film.
    for (const each of [this.#play, this.#save]) setEnabled(each, this.#models.length > 1);
  }

  #nameOf({ epoch, step }: { epoch: number; step: number }): string {
    return epoch === 0 ? this.#beginning : `epoch ${epoch}, step ${step}`;
  }
}
