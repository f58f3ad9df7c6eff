import { element } from './dom.ts';
import { formatNumber, fraction } from './numbers.ts';

interface Row {
  root: HTMLElement;
  slider: HTMLInputElement;
  bar: HTMLMeterElement;
  kl: HTMLElement;
}

/**
 * Which two dimensions of z the plane shows and where the others are: two choices, a slider for each other dimension, a
 * bar for each dimension's KL. Without more than two dimensions there is nothing to choose and it stays hidden.
 */
export class Dimensions {
  /** Closed where it would lie between the plane and the field to draw in. */
  readonly root = element('details', { class: 'dimensions', open: matchMedia('(min-width: 1080px)').matches });
  /** The cursor: all dimensions. */
  z: Float32Array = new Float32Array(2);
  axes: readonly [number, number] = [0, 1];
  #onChange: (redecode: boolean) => void;
  #selects = ['Horizontal axis', 'Vertical axis'].map((name) => element('select', { 'aria-label': name }));
  #rows: Row[] = [];

  /** @param onChange `redecode`: the plane is another one now, not only its cursor */
  constructor(onChange: (redecode: boolean) => void) {
    this.#onChange = onChange;
    for (const [i, select] of this.#selects.entries()) {
      select.addEventListener('change', () => {
        const other = this.axes[1 - i]!;
        const chosen = Number(select.value);
        // The same dimension twice would be a line: they change places.
        const replaced = chosen === other ? this.axes[i]! : other;
        this.axes = i === 0 ? [chosen, replaced] : [replaced, chosen];
        this.#show();
        this.#onChange(true);
      });
    }
  }

  /** For another model; one with as many dimensions keeps choices and cursor. */
  reset(latent: number): void {
    if (this.z.length === latent && this.#rows.length > 0) return;
    this.z = new Float32Array(latent);
    this.axes = [0, Math.min(1, latent - 1)];
    this.root.hidden = latent <= 2;
    for (const select of this.#selects) {
      select.replaceChildren(...Array.from({ length: latent }, (_, d) => element('option', { value: d }, `z${d + 1}`)));
    }
    this.#rows = Array.from({ length: latent }, (_, d) => this.#row(d));
    const choose = element('div', { class: 'axes' }, 'Plane: ', this.#selects[0]!, ' × ', this.#selects[1]!);
    const list = element('div', { class: 'sliders' }, ...this.#rows.map(({ root }) => root));
    this.root.replaceChildren(element('summary', {}, 'Dimensions of z, and the KL of each'), choose, list);
    this.#show();
  }

  setZ(z: Float32Array): void {
    this.z = z;
    if (!this.root.hidden) this.#show();
  }

  /** @param kl nats per image, by dimension */
  showKl(kl: readonly number[]): void {
    // A dimension whose KL is infinite or no number at all does not hide the others.
    const largest = Math.max(...kl.filter(Number.isFinite), 1e-6);
    for (const [d, { bar, kl: text }] of this.#rows.entries()) {
      bar.value = fraction(kl[d]!, largest);
      text.textContent = `${formatNumber(kl[d]!, 2)} nats`;
    }
  }

  #row(d: number): Row {
    const slider = element('input', {
      type: 'range',
      min: -4,
      max: 4,
      step: 0.05,
      value: 0,
      'aria-label': `z${d + 1}`,
    });
    slider.addEventListener('input', () => {
      this.z[d] = Number(slider.value);
      this.#onChange(!this.axes.includes(d));
    });
    const bar = element('meter', {
      min: 0,
      max: 1,
      value: 0,
      'aria-label': `KL of z${d + 1}, relative to the largest`,
    });
    const kl = element('span', { class: 'number' });
    return {
      slider,
      bar,
      kl,
      root: element('div', { class: 'slider' }, element('span', {}, `z${d + 1}`), slider, bar, kl),
    };
  }

  #show(): void {
    for (const [i, select] of this.#selects.entries()) select.value = String(this.axes[i]);
    for (const [d, { slider }] of this.#rows.entries()) slider.value = String(this.z[d]);
  }
}
