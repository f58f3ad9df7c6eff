import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { button, element, region, throttled } from './dom.ts';
import { hintFor } from './hints.ts';
import type { LossPoint, Metrics } from './metrics.ts';
import { formatNumber, totalName } from './numbers.ts';
import { savePicture } from './picture-file.ts';
import { describeRun } from './run.ts';
import type { Session } from './session.ts';
import { onThemeChange, theme } from './theme.ts';

/** Okabe and Ito's colours; the dashes tell the test curves apart without colour. */
const CURVES = [
  { key: 'loss', set: 'train', color: ['#0072b2', '#56b4e9'] },
  { key: 'loss', set: 'test', color: ['#0072b2', '#56b4e9'] },
  { key: 'bce', set: 'train', color: ['#b45309', '#e69f00'] },
  { key: 'bce', set: 'test', color: ['#b45309', '#e69f00'] },
  { key: 'kld', set: 'train', color: ['#007a5a', '#2fd0a0'] },
  { key: 'kld', set: 'test', color: ['#007a5a', '#2fd0a0'] },
] as const;

type Kind = 'loss' | 'bce' | 'kld';
const KINDS: readonly Kind[] = ['loss', 'bce', 'kld'];

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
  #toggles: Record<Kind, HTMLButtonElement>;

  constructor(session: Session) {
    this.#session = session;
    this.#toggles = { loss: this.#toggle('loss'), bce: this.#toggle('bce'), kld: this.#toggle('kld') };
    const scale = button(
      'Log scale',
      () => {
        this.#log = !this.#log;
        scale.setAttribute('aria-pressed', String(this.#log));
        this.#make();
      },
      { 'aria-pressed': 'false' },
    );
    const png = button('PNG', () => this.#save(), {
      'aria-label': 'Save the loss curves as PNG',
    });
    this.root = region(
      'Loss',
      element('div', { class: 'tools' }, ...KINDS.map((kind) => this.#toggles[kind]), scale, png),
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

  /** A button that shows and hides the two curves of a kind of loss. */
  #toggle(kind: Kind): HTMLButtonElement {
    const toggle = button(
      this.#nameOf(kind),
      () => {
        this.#shown[kind] = !this.#shown[kind];
        toggle.setAttribute('aria-pressed', String(this.#shown[kind]));
        this.#make();
      },
      { 'aria-pressed': String(this.#shown[kind]) },
    );
    return toggle;
  }

  #nameOf(kind: Kind): string {
    return kind === 'loss' ? totalName(this.#session.vae.config.beta) : { bce: 'BCE', kld: 'KL' }[kind];
  }

  #data(): uPlot.AlignedData {
    const { metrics } = this.#session;
    const steps = [...new Set([...metrics.train, ...metrics.test].map(({ step }) => step))].sort((a, b) => a - b);
    const bySet = { train: byStep(metrics.train), test: byStep(metrics.test) };
    const x = steps.map((step) => metrics.epochAt(step));
    // What is not finite has no place on an axis, and what is not positive none on a logarithmic one.
    const place = (value: number | undefined) =>
      value !== undefined && Number.isFinite(value) && (!this.#log || value > 0) ? value : null;
    return [x, ...CURVES.map(({ key, set }) => steps.map((step) => place(bySet[set].get(step)?.[key])))];
  }

  #make(): void {
    this.#plot?.destroy();
    for (const kind of KINDS) this.#toggles[kind].textContent = this.#nameOf(kind);
    this.#plot = new uPlot(this.#options(this.#width, HEIGHT, 1), this.#data(), this.#holder);
    this.#hint.textContent = hintFor(this.#session);
  }

  /** The chart on its own, 1600 pixels wide. */
  #save(): void {
    const shown = CURVES.filter(({ key }) => this.#shown[key]);
    void savePicture({
      name: 'loss.png',
      title: 'Loss by epoch',
      lines: [
        `Nats per image, after ${this.#session.vae.step.toLocaleString('en-US')} steps.`,
        describeRun(this.#session),
      ],
      legend: shown.map(({ key, set, color }) => ({
        text: `${this.#nameOf(key)} ${set}`,
        color: color[isDark() ? 1 : 0],
        mark: set === 'test' ? 'dashes' : 'line',
      })),
      height: (width) => width / 2,
      render: async (width, height) => {
        const options = this.#options(width / devicePixelRatio, height / devicePixelRatio, 2.2 / devicePixelRatio);
        const plot = new uPlot({ ...options, legend: { show: false } }, this.#data(), element('div', {}));
        // It draws once the present task is done.
        await new Promise((resolve) => setTimeout(resolve));
        plot.destroy();
        return plot.ctx.canvas;
      },
    });
  }

  /** @param scale of everything that is written and drawn */
  #options(width: number, height: number, scale: number): uPlot.Options {
    const { faint, grid } = theme();
    const font = `${12 * scale}px system-ui, sans-serif`;
    const lines = { stroke: grid, width: scale };
    const axis = {
      stroke: faint,
      font,
      labelFont: `bold ${font}`,
      grid: lines,
      ticks: { ...lines, size: 10 * scale },
      gap: 5 * scale,
    };
    const epochs = this.#session.vae.config.epochs;
    return {
      width,
      height,
      legend: { markers: { width: 2, dash: (_plot, i) => (CURVES[i - 1]?.set === 'test' ? 'dashed' : 'solid') } },
      scales: {
        x: { time: false, range: (_plot, _low, high) => [0, nextRange(high ?? 0, epochs)] },
        y: { distr: this.#log ? 3 : 1 },
      },
      axes: [
        { ...axis, label: 'epoch', labelSize: 22 * scale, size: 34 * scale },
        { ...axis, label: 'nats per image', labelSize: 20 * scale, size: 46 * scale },
      ],
      series: [
        { label: 'epoch' },
        ...CURVES.map(
          ({ key, set, color }): uPlot.Series => ({
            label: `${this.#nameOf(key)} ${set}`,
            show: this.#shown[key],
            stroke: color[isDark() ? 1 : 0],
            width: scale * (set === 'train' ? 1.5 : 2),
            ...(set === 'test' ? { dash: [6 * scale, 4 * scale] } : {}),
            points: { show: set === 'test', size: 6 * scale },
            spanGaps: true,
            value: (plot, _value, i, at) => shownValue(plot, i, at),
          }),
        ),
      ],
      cursor: { points: { size: 7 } },
    };
  }
}

function isDark(): boolean {
  return theme().background !== '#ffffff';
}

function byStep(points: Metrics['train']): Map<number, LossPoint> {
  return new Map(points.map((point) => [point.step, point]));
}

/** A curve's value under the pointer, else its last. */
function shownValue(plot: uPlot, curve: number, at: number | null): string {
  const values = [...plot.data[curve]!];
  const value = at === null ? values.findLast((each) => each !== null) : values[at];
  return value === null || value === undefined ? '–' : formatNumber(value, 1);
}

/** The end of the x axis: grows in steps, so that the curves do not shift all the time. */
function nextRange(epoch: number, epochs: number): number {
  const end = [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500].find((each) => each > epoch) ?? epochs;
  return Math.max(Math.min(end, epochs), epoch, 0.01);
}
