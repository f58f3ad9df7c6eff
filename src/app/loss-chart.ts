import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { button, element, region, savePng, throttled } from './dom.ts';
import { hintFor } from './hints.ts';
import type { LossPoint, Metrics } from './metrics.ts';
import type { Session } from './session.ts';
import { onThemeChange, theme } from './theme.ts';

/** Okabe and Ito's colours; the dashes tell the test curves apart without colour. */
const CURVES = [
  { key: 'loss', set: 'train', label: '−ELBO train', color: ['#0072b2', '#56b4e9'] },
  { key: 'loss', set: 'test', label: '−ELBO test', color: ['#0072b2', '#56b4e9'] },
  { key: 'bce', set: 'train', label: 'BCE train', color: ['#b45309', '#e69f00'] },
  { key: 'bce', set: 'test', label: 'BCE test', color: ['#b45309', '#e69f00'] },
  { key: 'kld', set: 'train', label: 'KL train', color: ['#007a5a', '#2fd0a0'] },
  { key: 'kld', set: 'test', label: 'KL test', color: ['#007a5a', '#2fd0a0'] },
] as const;

const HEIGHT = 180;

/** The loss curves: train and test, total, BCE and KL, with their values under the pointer. */
export class LossChart {
  readonly root: HTMLElement;
  #session: Session;
  #holder = element('div', { class: 'chart' });
  #hint = element('p', { class: 'hint' });
  #plot: uPlot | undefined;
  #log = false;
  #shown = { loss: true, bce: false, kld: true };

  constructor(session: Session) {
    this.#session = session;
    const scale = button(
      'Log scale',
      () => {
        this.#log = !this.#log;
        scale.setAttribute('aria-pressed', String(this.#log));
        this.#make();
      },
      { 'aria-pressed': 'false' },
    );
    const png = button(
      'PNG',
      () => savePng('loss.png', [...this.#holder.querySelectorAll('canvas')], theme().background),
      {
        'aria-label': 'Save the loss curves as PNG',
      },
    );
    this.root = region(
      'Loss',
      element('div', { class: 'tools' }, ...this.#toggles(), scale, png),
      this.#holder,
      this.#hint,
    );
    new ResizeObserver(() => this.#plot?.setSize({ width: this.#width, height: HEIGHT })).observe(this.#holder);
    onThemeChange(() => this.#make());
    const update = throttled(session.updateEveryMs, () => {
      this.#plot?.setData(this.#data());
      this.#hint.textContent = hintFor(session);
    });
    session.listen((event) => {
      if (event === 'model') this.#make();
      else if (event !== 'snapshot') update();
    });
  }

  get #width(): number {
    return Math.max(200, this.#holder.clientWidth);
  }

  /** Shows the model that is there already; call it when the panel is in the page. */
  start(): void {
    this.#make();
  }

  /** A button for each kind of loss that shows and hides its two curves. */
  #toggles(): HTMLButtonElement[] {
    const names = { loss: '−ELBO', bce: 'BCE', kld: 'KL' };
    return (['loss', 'bce', 'kld'] as const).map((key) => {
      const toggle = button(
        names[key],
        () => {
          this.#shown[key] = !this.#shown[key];
          toggle.setAttribute('aria-pressed', String(this.#shown[key]));
          this.#make();
        },
        { 'aria-pressed': String(this.#shown[key]) },
      );
      return toggle;
    });
  }

  #data(): uPlot.AlignedData {
    const { metrics } = this.#session;
    const steps = [...new Set([...metrics.train, ...metrics.test].map(({ step }) => step))].sort((a, b) => a - b);
    const bySet = { train: byStep(metrics.train), test: byStep(metrics.test) };
    const x = steps.map((step) => metrics.epochAt(step));
    return [x, ...CURVES.map(({ key, set }) => steps.map((step) => bySet[set].get(step)?.[key] ?? null))];
  }

  #make(): void {
    this.#plot?.destroy();
    const { faint, grid, background } = theme();
    const dark = background !== '#ffffff';
    const axis: uPlot.Axis = { stroke: faint, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    const epochs = this.#session.vae.config.epochs;
    this.#plot = new uPlot(
      {
        width: this.#width,
        height: HEIGHT,
        legend: { markers: { width: 2, dash: (_plot, i) => (CURVES[i - 1]?.set === 'test' ? 'dashed' : 'solid') } },
        scales: {
          x: { time: false, range: (_plot, _low, high) => [0, nextRange(high ?? 0, epochs)] },
          y: { distr: this.#log ? 3 : 1 },
        },
        axes: [
          { ...axis, label: 'epoch', labelSize: 22, size: 34 },
          { ...axis, label: 'nats per image', labelSize: 20, size: 46 },
        ],
        series: [
          { label: 'epoch' },
          ...CURVES.map(
            ({ key, label, set, color }): uPlot.Series => ({
              label,
              show: this.#shown[key],
              stroke: color[dark ? 1 : 0],
              width: set === 'train' ? 1.5 : 2,
              ...(set === 'test' ? { dash: [6, 4] } : {}),
              points: { show: set === 'test', size: 6 },
              spanGaps: true,
              value: (plot, _value, i, at) => shownValue(plot, i, at)?.toFixed(1) ?? '–',
            }),
          ),
        ],
        cursor: { points: { size: 7 } },
      },
      this.#data(),
      this.#holder,
    );
    this.#hint.textContent = hintFor(this.#session);
  }
}

function byStep(points: Metrics['train']): Map<number, LossPoint> {
  return new Map(points.map((point) => [point.step, point]));
}

/** A curve's value under the pointer, else its last. */
function shownValue(plot: uPlot, curve: number, at: number | null): number | null | undefined {
  const values = [...plot.data[curve]!];
  return at === null ? values.findLast((value) => value !== null) : values[at];
}

/** The end of the x axis: grows in steps, so that the curves do not shift all the time. */
function nextRange(epoch: number, epochs: number): number {
  const end = [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500].find((each) => each > epoch) ?? epochs;
  return Math.max(Math.min(end, epochs), epoch, 0.01);
}
