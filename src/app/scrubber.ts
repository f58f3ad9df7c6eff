import { element } from './dom.ts';
import type { Frame } from './plane-overlay.ts';

/** The plane after an epoch. */
export interface PastEpoch {
  epoch: number;
  step: number;
  /** (n, 2 L) f32. */
  heads: Float32Array;
  /** (cells, D) u8 of the decoded plane, and where it lies. */
  levels: Uint8Array;
  sheetFrame: Frame;
}

/** Epochs that are kept; beyond, every other one is forgotten. Their size limits them too. */
const MOST_EPOCHS = 60;
const MOST_BYTES = 100e6;

/** A slider over the epochs so far; its right end is the present. */
export class Scrubber {
  readonly root: HTMLElement;
  #onShow: (frame: PastEpoch | undefined) => void;
  #slider = element('input', {
    type: 'range',
    min: 0,
    max: 0,
    step: 1,
    value: 0,
    'aria-label': 'Epoch shown',
    disabled: true,
  });
  #output = element('span', {}, 'now');
  #frames: PastEpoch[] = [];

  /** @param onShow undefined: the present */
  constructor(onShow: (frame: PastEpoch | undefined) => void) {
    this.#onShow = onShow;
    this.root = element('div', { class: 'scrubber' }, element('span', {}, 'Replay'), this.#slider, this.#output);
    this.#slider.addEventListener('input', () => {
      const frame = this.#frames[Number(this.#slider.value)];
      this.#label();
      this.#onShow(frame);
    });
  }

  get showsPast(): boolean {
    return Number(this.#slider.value) < this.#frames.length;
  }

  /** Forgets what is later than a step: the model went back there, or it is another one. */
  keep(step: number): void {
    this.#frames = step === 0 ? [] : this.#frames.filter((frame) => frame.step <= step);
    this.#refresh(false);
  }

  has(epoch: number): boolean {
    return this.#frames.some((frame) => frame.epoch === epoch);
  }

  add(frame: PastEpoch): void {
    const past = this.showsPast;
    this.#frames = [...this.#frames.filter(({ epoch }) => epoch < frame.epoch), frame];
    const bytes = this.#frames.reduce((sum, { heads, levels }) => sum + heads.byteLength + levels.byteLength, 0);
    if (this.#frames.length > MOST_EPOCHS || bytes > MOST_BYTES) {
      this.#frames = this.#frames.filter((_, i) => i % 2 === 0 || i === this.#frames.length - 1);
    }
    this.#refresh(past);
  }

  #refresh(past: boolean): void {
    const at = past ? Number(this.#slider.value) : this.#frames.length;
    this.#slider.max = String(this.#frames.length);
    this.#slider.value = String(at);
    this.#slider.disabled = this.#frames.length === 0;
    this.#label();
  }

  #label(): void {
    const frame = this.#frames[Number(this.#slider.value)];
    this.#output.textContent = frame ? (frame.epoch === 0 ? 'untrained' : `epoch ${frame.epoch}`) : 'now';
  }
}
