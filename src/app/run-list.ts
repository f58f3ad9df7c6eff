import type { DataSet } from 'webgpu-vae';
import { elboOf, readCheckpoint } from 'webgpu-vae';
import type { Alerts } from './alerts.ts';
import { button, element, region, saveFile } from './dom.ts';
import type { Keeper } from './keeper.ts';
import { formatNumber } from './numbers.ts';
import { Run } from './run.ts';
import type { BuildOptions, Session } from './session.ts';
import { DEFAULTS, formatSetting, SETTING_NAMES, type SettingName } from './settings.ts';
import {
  deleteRun,
  listRuns,
  loadCheckpoint,
  loadData,
  renameRun,
  type StoredRun,
  storeData,
  storeRun,
} from './storage.ts';

/** Thin lines that a chart can tell apart; Okabe and Ito's colours, without those of the chart's own curves. */
const COLORS = ['#cc79a7', '#8f7fd6', '#b0a000', '#d55e00', '#7f7f7f', '#5fa8d3', '#a0522d', '#3fa34d'] as const;

/** A run that is drawn beside the present one. */
export interface OtherRun {
  name: string;
  color: string;
  run: StoredRun;
}

/** What the page does with a run's slot. */
interface Actions {
  build(what: string, options: () => Promise<BuildOptions>): Promise<void>;
  /** Fetches MNIST again, for a run of it where other data are in use. */
  loadMnist(): Promise<DataSet>;
}

/** The runs that the browser keeps: what was different, what came of it; each can come back, be drawn, renamed, saved and deleted. */
export class RunList {
  readonly root: HTMLElement;
  /** Other runs are to be drawn. */
  onChange: () => void = () => {};
  #session: Session;
  #keeper: Keeper;
  #alerts: Alerts;
  #actions: Actions;
  #runs: readonly StoredRun[] = [];
  /** Ids of runs that are not drawn. */
  #hidden = new Set<string>();
  /** By id, so that a run keeps its colour. */
  #colors = new Map<string, string>();
  #body = element('tbody', {});
  #table: HTMLElement;
  #none = element(
    'p',
    { class: 'hint' },
    'Every run that has begun is kept here, in this browser: to compare it, and to go on with it.',
  );
  /** The row whose name is being changed. */
  #renaming: string | undefined;

  constructor(session: Session, keeper: Keeper, alerts: Alerts, actions: Actions) {
    this.#session = session;
    this.#keeper = keeper;
    this.#alerts = alerts;
    this.#actions = actions;
    const heads = ['Drawn', 'Run', 'Steps', 'Test −ELBO', 'KL', 'Time', 'Do'].map((text) =>
      element('th', { scope: 'col' }, text),
    );
    this.#table = element(
      'div',
      { class: 'table runs' },
      element('table', {}, element('thead', {}, element('tr', {}, ...heads)), this.#body),
    );
    this.root = region('Runs', this.#table, this.#none);
    keeper.onKept = () => void this.update();
    session.listen((event) => {
      if (event === 'model') this.#show();
    });
    void this.update();
  }

  /** The other runs that are drawn. */
  get drawn(): readonly OtherRun[] {
    return this.#runs
      .filter(({ id }) => id !== this.#session.run.id && !this.#hidden.has(id))
      .map((run) => ({ name: this.#nameOf(run), color: this.#colorOf(run.id), run }));
  }

  /** Reads the browser's storage again. */
  async update(): Promise<void> {
    this.#runs = await listRuns();
    this.#show();
  }

  #colorOf(id: string): string {
    const taken = new Set(this.#colors.values());
    const color =
      this.#colors.get(id) ?? COLORS.find((each) => !taken.has(each)) ?? COLORS[this.#colors.size % COLORS.length]!;
    this.#colors.set(id, color);
    return color;
  }

  #show(): void {
    this.#table.hidden = this.#runs.length === 0;
    this.#none.hidden = !this.#table.hidden;
    // A name that is being written must not be taken from under the pen.
    if (this.#renaming === undefined) {
      const at = document.activeElement;
      const focused = at instanceof HTMLElement && this.#body.contains(at) ? at.getAttribute('aria-label') : undefined;
      this.#body.replaceChildren(...this.#runs.map((run) => this.#row(run)));
      if (focused) this.#body.querySelector<HTMLElement>(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
    }
    this.onChange();
  }

  #row(run: StoredRun): HTMLElement {
    const { id, step, steps, seconds, curve } = run;
    const name = this.#nameOf(run);
    const isPresent = id === this.#session.run.id;
    const { minusElbo, kld } = elboOf(curve.test.at(-1) ?? {});
    const number = (value: number) => (Number.isFinite(value) ? formatNumber(value, 1) : '–');
    const check = element('input', { type: 'checkbox', 'aria-label': `Draw ${name}`, checked: !this.#hidden.has(id) });
    check.addEventListener('change', () => {
      if (!this.#hidden.delete(id)) this.#hidden.add(id);
      this.onChange();
    });
    const swatch = element('span', { class: 'swatch', 'aria-hidden': 'true' });
    swatch.style.background = this.#colorOf(id);
    const act = (text: string, call: () => Promise<void>) =>
      button(text, () => void call().catch((error) => this.#alerts.error(`${text} failed`, error)), {
        'aria-label': `${text} ${name}`,
      });
    const label = element('th', { scope: 'row' }, name, element('span', { class: 'hint' }, ` ${differences(run)}`));
    const drawn = isPresent ? ['now'] : [element('label', { class: 'check' }, check, swatch)];
    return element(
      'tr',
      isPresent ? { 'aria-current': 'true' } : {},
      element('td', {}, ...drawn),
      label,
      element('td', {}, `${step}/${steps}`),
      element('td', {}, number(minusElbo)),
      element('td', {}, number(kld)),
      element('td', {}, duration(seconds)),
      element(
        'td',
        { class: 'row-buttons' },
        ...(isPresent ? [] : [act('Restore', () => this.#restore(run))]),
        act('Rename', async () => this.#rename(run, label)),
        act('Export', () => this.#export(run)),
        ...(isPresent ? [] : [act('Delete', () => this.#delete(run))]),
      ),
    );
  }

  /** What the visitor calls it, or its number; the oldest is the first. */
  #nameOf(run: StoredRun): string {
    const at = this.#runs.findIndex(({ id }) => id === run.id);
    return run.name || `run ${this.#runs.length - at}`;
  }

  #restore(run: StoredRun): Promise<void> {
    return this.#actions.build('Restoring the run', async () => {
      const snapshot = readCheckpoint(await loadCheckpoint(run.id));
      const { fingerprint, name } = run.data;
      let data = this.#session.dataOf(fingerprint) ?? (await loadData(fingerprint));
      if (!data && name === 'MNIST') data = await this.#actions.loadMnist();
      if (!data) throw new Error(`restore: the browser does not have the data set ${name}: give its files first`);
      const own = (await this.#keeper.claim(run.id)) ? new Run(data, { id: run.id }) : new Run(data);
      own.name = run.name;
      own.metrics.restore(run.curve);
      return { snapshot, run: own };
    });
  }

  #rename(run: StoredRun, label: HTMLElement): void {
    const before = this.#nameOf(run);
    const input = element('input', { type: 'text', value: run.name, maxlength: 60, 'aria-label': `Name of ${before}` });
    this.#renaming = run.id;
    const done = async (keep: boolean): Promise<void> => {
      if (this.#renaming !== run.id) return;
      this.#renaming = undefined;
      const name = keep ? input.value.trim() : run.name;
      if (this.#session.run.id === run.id) this.#session.run.name = name;
      await renameRun(run.id, name);
      await this.update();
      this.#body.querySelector<HTMLElement>(`[aria-label="${CSS.escape(`Rename ${name || before}`)}"]`)?.focus();
    };
    const finish = (keep: boolean) =>
      void done(keep).catch((error) => this.#alerts.error('Renaming the run failed', error));
    input.addEventListener('keydown', ({ key }) => {
      if (key === 'Enter' || key === 'Escape') finish(key === 'Enter');
    });
    input.addEventListener('blur', () => finish(true));
    label.replaceChildren(input);
    input.select();
  }

  async #export(run: StoredRun): Promise<void> {
    const file = `${this.#nameOf(run).replace(/[^\p{L}\p{N}.]+/gu, '-')}-step-${run.step}.safetensors`;
    saveFile(file, (await loadCheckpoint(run.id)) as Uint8Array<ArrayBuffer>, 'application/octet-stream');
  }

  /** Gone at once, and back at a click. */
  async #delete(run: StoredRun): Promise<void> {
    const name = this.#nameOf(run);
    const checkpoint = await loadCheckpoint(run.id);
    const data = await loadData(run.data.fingerprint);
    await deleteRun(run.id);
    await this.update();
    const back = button('Bring it back', () => {
      const store = async (): Promise<void> => {
        if (data) await storeData(run.data.fingerprint, data);
        await storeRun(run, checkpoint);
        await this.update();
      };
      this.#alerts.clear();
      store().catch((error) => this.#alerts.error('Bringing the run back failed', error));
    });
    this.#alerts.note(`“${name}” is deleted. `, back);
    back.focus();
  }
}

const SHORT: Partial<Record<SettingName, string>> = {
  learningRate: 'learning rate',
  beta: 'β',
  hidden: 'layers',
  sigma: 'σ',
  betaWarmup: 'β warm-up',
  freeBits: 'free nats',
  lrSchedule: 'learning rate over time',
};

/** What is not as usual in a run. */
export function differences({ config, data }: Pick<StoredRun, 'config' | 'data'>): string {
  const different = SETTING_NAMES.filter((name) => formatSetting(name, config) !== formatSetting(name, DEFAULTS));
  const parts = different.map((name) => `${SHORT[name] ?? name} ${formatSetting(name, config) || 'none'}`);
  if (data.name !== 'MNIST') parts.unshift(data.name);
  return parts.join(', ') || 'the usual settings';
}

function duration(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${formatNumber(seconds / 60, seconds < 600 ? 1 : 0)} min`;
}
