import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { elboOf } from 'webgpu-vae';
import { button, element, region, throttled } from './dom.ts';
import { hintFor } from './hints.ts';
import type { LossPoint, Metrics } from './metrics.ts';
import { formatNumber, reconstructionName, totalName } from './numbers.ts';
import { savePicture } from './picture-file.ts';
import { describeRun } from './run.ts';
import type { OtherRun } from './run-list.ts';
import type { Session } from './session.ts';
import { onThemeChange, theme } from './theme.ts';

/** Okabe and Ito's colours; the dashes tell the test curves apart without colour. */
const CURVES = [
  { key: 'loss', set: 'train', color: ['#0072b2', '#56b4e9'] },
  { key: 'loss', set: 'test', color: ['#0072b2', '#56b4e9'] },
  { key: 'reconstruction', set: 'train', color: ['#b45309', '#e69f00'] },
  { key: 'reconstruction', set: 'test', color: ['#b45309', '#e69f00'] },
  { key: 'kld', set: 'train', color: ['#007a5a', '#2fd0a0'] },
  { key: 'kld', set: 'test', color: ['#007a5a', '#2fd0a0'] },
] as const;

type Kind = 'loss' | 'reconstruction' | 'kld';
const KINDS: readonly Kind[] = ['loss', 'reconstruction', 'kld'];

/** Of the chart, in pixels, by its width. */
function heightOf(width: number): number {
  return Math.round(Math.min(420, Math.max(180, 0.5 * width)));
}

/** The loss curves: train and test, total, BCE and KL, with their values under the pointer. */
export class LossChart {
  readonly root: HTMLElement;
  #session: Session;
  #others: () => readonly OtherRun[];
  /** Those that the plot has series for. */
  #drawn: readonly OtherRun[] = [];
  #holder = element('div', {
    class: 'chart',
    tabindex: 0,
    role: 'application',
    'aria-label': 'Loss by epoch. Left and right arrow keys read the values.',
  });
  #values = element('p', { class: 'read', 'aria-live': 'polite' });
  #hint = element('p', { class: 'hint' });
  #plot: uPlot | undefined;
  #log = false;
  #shown = { loss: true, reconstruction: false, kld: true };
  #toggles: Record<Kind, HTMLButtonElement>;

  /** @param others runs that are drawn beside the present one */
  constructor(session: Session, others: () => readonly OtherRun[]) {
    this.#session = session;
    this.#others = others;
    this.#toggles = {
      loss: this.#toggle('loss'),
      reconstruction: this.#toggle('reconstruction'),
      kld: this.#toggle('kld'),
    };
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
      this.#values,
      this.#hint,
    );
    this.#holder.addEventListener('keydown', (event) => {
      if (!['ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key)) return;
      event.preventDefault();
      this.#read(event.key);
    });
    new ResizeObserver(() => this.#plot?.setSize({ width: this.#width, height: heightOf(this.#width) })).observe(
      this.#holder,
    );
    onThemeChange(() => this.#make());
    const update = throttled(session.updateEveryMs, () => this.update());
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

  /** Draws what there is now. */
  update(): void {
    const ids = (runs: readonly OtherRun[]) => runs.map(({ run, name }) => `${run.id} ${name}`).join('\n');
    if (!this.#plot) return;
    if (ids(this.#others()) !== ids(this.#drawn)) {
      this.#make();
      return;
    }
    this.#plot.setData(this.#data());
    this.#hint.textContent = hintFor(this.#session);
  }

  /** The y axis: once the first epoch is done, what came after it; how it began would leave no room for that. */
  #range(plot: uPlot, low: number | null, high: number | null): uPlot.Range.MinMax {
    const [x, ...curves] = plot.data;
    const from =
      this.#session.metrics.test.length > 1 ? this.#session.metrics.epochAt(this.#session.metrics.test[0]!.step) : 0;
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const [i, values] of curves.entries()) {
      if (!plot.series[i + 1]?.show) continue;
      for (const [at, value] of values.entries()) {
        if (value === null || value === undefined || x[at]! < from) continue;
        least = Math.min(least, value);
        most = Math.max(most, value);
      }
    }
    if (least > most) [least, most] = [low ?? 0, high ?? 1];
    return this.#log ? uPlot.rangeLog(least, most, 10, false) : uPlot.rangeNum(least, most, 0.1, true);
  }

  /** Reads the values of one point after the other, for those who have no pointer. */
  #read(key: string): void {
    const plot = this.#plot;
    const [x] = plot?.data ?? [[]];
    if (!plot || x.length === 0) return;
    const at = plot.cursor.idx ?? x.length - 1;
    const moved = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: x.length - 1 }[key] ?? at;
    const next = Math.max(0, Math.min(x.length - 1, moved));
    plot.setCursor({ left: plot.valToPos(x[next]!, 'x'), top: plot.over.clientHeight / 2 });
    const read = plot.series.slice(1).flatMap(({ label, show }, i) => {
      const value = plot.data[i + 1]![next];
      return show && value !== null && value !== undefined ? [`${String(label)} ${formatNumber(value, 1)}`] : [];
    });
    this.#values.textContent = `Epoch ${formatNumber(x[next]!, 2)}: ${read.join(', ')}.`;
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
    const { config } = this.#session.vae;
    if (kind === 'loss') return totalName(config);
    return kind === 'kld' ? 'KL' : reconstructionName(config);
  }

  #data(): uPlot.AlignedData {
    const { metrics } = this.#session;
    const { train, test } = metrics;
    const bySet = { train: byEpoch(train, epochAt(metrics)), test: byEpoch(test, epochAt(metrics)) };
    const others = this.#drawn.map(({ run }) => {
      const { epochs } = run.config;
      return byEpoch(run.curve.train, (step) => (step * epochs) / run.steps);
    });
    const maps = [bySet.train, bySet.test, ...others];
    const x = [...new Set(maps.flatMap((map) => [...map.keys()]))].sort((a, b) => a - b);
    // What is not finite has no place on an axis, and what is not positive none on a logarithmic one.
    const place = (value: number | undefined) =>
      value !== undefined && Number.isFinite(value) && (!this.#log || value > 0) ? value : null;
    return [
      x,
      ...CURVES.map(({ key, set }) => x.map((epoch) => place(lossOf(bySet[set].get(epoch), key)))),
      ...others.map((points) => x.map((epoch) => place(lossOf(points.get(epoch), 'minusElbo')))),
    ];
  }

  #make(): void {
    this.#plot?.destroy();
    this.#drawn = this.#others();
    for (const kind of KINDS) this.#toggles[kind].textContent = this.#nameOf(kind);
    this.#plot = new uPlot(this.#options(this.#width, heightOf(this.#width), 1), this.#data(), this.#holder);
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
      legend: [
        ...shown.map(({ key, set, color }) => ({
          text: `${this.#nameOf(key)} ${set}`,
          color: color[isDark() ? 1 : 0],
          mark: set === 'test' ? ('dashes' as const) : ('line' as const),
        })),
        ...(this.#shown.loss ? this.#drawn : []).map(({ name, color }) => ({
          text: name,
          color,
          mark: 'line' as const,
        })),
      ],
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
        y: { distr: this.#log ? 3 : 1, range: (plot, low, high) => this.#range(plot, low, high) },
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
        ...this.#drawn.map(
          ({ name, color }): uPlot.Series => ({
            label: `${name}: −ELBO`,
            show: this.#shown.loss,
            stroke: color,
            width: scale,
            points: { show: false },
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

function lossOf(point: LossPoint | undefined, kind: Kind | 'minusElbo'): number | undefined {
  if (!point) return undefined;
  return kind === 'loss' ? point.loss : elboOf(point)[kind];
}

function byEpoch(points: readonly LossPoint[], epochAt: (step: number) => number): Map<number, LossPoint> {
  return new Map(points.map((point) => [epochAt(point.step), point]));
}

function epochAt(metrics: Metrics): (step: number) => number {
  return (step) => metrics.epochAt(step);
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
