import { readFiles } from '../host/mnist.browser.ts';
import { readCheckpoint, writeCheckpoint } from '../index.ts';
import type { VaeConfig } from '../vae/config.ts';
import type { Alerts } from './alerts.ts';
import { button, element, region, saveFile } from './dom.ts';
import { metricsCsv } from './metrics.ts';
import type { Session } from './session.ts';
import { EXPECTED, formatHash, formatSetting, parseSetting, type SettingName } from './settings.ts';
import type { StoredSession } from './storage.ts';

const FIELDS: readonly { name: SettingName; label: string; mode: 'numeric' | 'decimal' | 'text' }[] = [
  { name: 'epochs', label: 'Epochs', mode: 'numeric' },
  { name: 'learningRate', label: 'Learning rate', mode: 'decimal' },
  { name: 'beta', label: 'β (weight of KL)', mode: 'decimal' },
  { name: 'batch', label: 'Batch', mode: 'numeric' },
  { name: 'latent', label: 'Latent dimensions', mode: 'numeric' },
  { name: 'hidden', label: 'Hidden layers', mode: 'text' },
  { name: 'seed', label: 'Seed', mode: 'numeric' },
];

/** Larger files are no checkpoint that this page could have made. */
const MOST_CHECKPOINT_BYTES = 2 ** 29;

/** Everything that can be done to the model: buttons, settings, files. */
export class Controls {
  readonly root: HTMLElement;
  #session: Session;
  #alerts: Alerts;
  #wanted: VaeConfig;
  #train: HTMLButtonElement;
  #step: HTMLButtonElement;
  #reset: HTMLButtonElement;
  #resume: HTMLButtonElement;
  #needsModel: HTMLButtonElement[];
  #fields = new Map<SettingName, { input: HTMLInputElement; note: HTMLElement }>();
  #dataName = element('span', { class: 'number' });

  constructor(session: Session, alerts: Alerts, stored: StoredSession | undefined) {
    this.#session = session;
    this.#alerts = alerts;
    this.#wanted = session.vae.config;
    this.#train = button('Train', () => this.#do('Training', () => this.#toggle()), { class: 'primary' });
    this.#step = button('Step', () => this.#do('The step', () => session.step()));
    this.#reset = button('Reset', () => this.#do('The reset', () => this.#rebuild()));
    this.#resume = button('Resume last session', () => this.#do('Resuming', () => this.#resumeFrom(stored)));
    this.#resume.hidden = stored === undefined;
    if (stored) {
      const when = new Date(stored.savedAt).toLocaleString();
      this.#resume.title = `Step ${stored.step} of ${stored.steps}, kept in this browser on ${when}`;
    }
    const save = button('Save checkpoint', () => this.#do('Saving the checkpoint', () => this.#save()));
    const file = element('input', {
      type: 'file',
      accept: '.safetensors',
      hidden: true,
      'aria-label': 'Checkpoint file',
    });
    file.addEventListener('change', () => {
      const [chosen] = file.files ?? [];
      file.value = '';
      if (chosen) void this.#do('Loading the checkpoint', () => this.#load(chosen));
    });
    const load = button('Load checkpoint', () => file.click());
    const metrics = button('Download metrics', () =>
      saveFile('metrics.csv', metricsCsv(session.vae.history), 'text/csv'),
    );
    const link = button(
      'Copy link',
      () => this.#do('Copying the link', () => navigator.clipboard.writeText(location.href)),
      {
        title: 'A link with all settings: it reproduces this run',
      },
    );
    this.#needsModel = [save, load];
    this.root = region(
      'Controls',
      element('div', { class: 'buttons' }, this.#train, this.#step, this.#reset, this.#resume),
      element('form', { class: 'settings' }, ...FIELDS.map((field) => this.#field(field))),
      this.#dataChooser(),
      element('div', { class: 'buttons files-buttons' }, save, load, file, metrics, link),
    );
    this.root.querySelector('form')?.addEventListener('submit', (event) => event.preventDefault());
    session.listen((event) => {
      if (event === 'model') this.#take(session.vae.config);
      if (event === 'model' || event === 'activity') this.#show();
    });
    this.#take(session.vae.config);
    this.#show();
  }

  /** Takes dropped or chosen data files. */
  async takeFiles(files: readonly File[]): Promise<void> {
    const checkpoint = files.length === 1 && files[0]!.name.endsWith('.safetensors') ? files[0] : undefined;
    if (checkpoint) await this.#do('Loading the checkpoint', () => this.#load(checkpoint));
    else
      await this.#do('Loading the data set', async () => {
        const data = await readFiles(files);
        await this.#session.build(this.#wanted, { data });
      });
  }

  #field({ name, label, mode }: (typeof FIELDS)[number]): HTMLElement {
    const id = `setting-${name}`;
    const input = element('input', {
      id,
      type: 'text',
      inputmode: mode,
      autocomplete: 'off',
      spellcheck: 'false',
      'aria-describedby': `${id}-note`,
    });
    const note = element('span', { id: `${id}-note`, class: 'note' });
    input.addEventListener('input', () => this.#edited(name));
    input.addEventListener('change', () => this.#edited(name));
    this.#fields.set(name, { input, note });
    return element('div', { class: 'field' }, element('label', { for: id }, label), input, note);
  }

  #edited(name: SettingName): void {
    const { input } = this.#fields.get(name)!;
    const value = parseSetting(name, input.value);
    input.setAttribute('aria-invalid', String(value === undefined));
    if (value !== undefined) this.#wanted = { ...this.#wanted, [name]: value };
    this.#notes();
    history.replaceState(null, '', formatHash(this.#wanted));
  }

  #notes(): void {
    for (const [name, { input, note }] of this.#fields) {
      const invalid = input.getAttribute('aria-invalid') === 'true';
      const changed = formatSetting(name, this.#wanted) !== formatSetting(name, this.#session.vae.config);
      const applies = name === 'epochs' ? 'applies at Train' : 'applies on reset';
      note.textContent = invalid ? `expected ${EXPECTED[name]}` : changed ? applies : '';
    }
  }

  /** Shows a model's settings. */
  #take(config: VaeConfig): void {
    this.#wanted = config;
    for (const [name, { input }] of this.#fields) {
      input.value = formatSetting(name, config);
      input.setAttribute('aria-invalid', 'false');
    }
    this.#notes();
    history.replaceState(null, '', formatHash(config));
    const { name, train, test } = this.#session.data;
    this.#dataName.textContent = `${name}: ${train.count.toLocaleString('en-US')} training and ${test.count.toLocaleString('en-US')} test images, ${train.columns}\u00a0×\u00a0${train.rows}`;
  }

  #show(): void {
    const { training, busy } = this.#session;
    this.#train.textContent = training ? 'Pause' : 'Train';
    this.#train.disabled = busy;
    this.#step.disabled = training || busy || this.#session.finished;
    this.#reset.disabled = busy;
    this.#resume.disabled = training || busy;
    for (const each of this.#needsModel) each.disabled = busy;
  }

  async #toggle(): Promise<void> {
    const session = this.#session;
    if (session.training) return session.pause();
    this.#resume.hidden = true;
    const { epochs } = this.#wanted;
    if (epochs !== session.vae.config.epochs) {
      const wanted = this.#wanted;
      await session.build({ epochs }, { snapshot: await session.vae.snapshot() });
      // The other changes go on waiting for a reset.
      for (const [name, { input }] of this.#fields) input.value = formatSetting(name, wanted);
      this.#wanted = wanted;
      this.#notes();
    }
    if (session.finished) {
      this.#alerts.show(
        'Training is finished',
        'All epochs are done: ask for more epochs, or press Reset to begin anew.',
      );
    } else session.train();
  }

  async #rebuild(): Promise<void> {
    await this.#session.build(this.#wanted);
  }

  async #save(): Promise<void> {
    const snapshot = await this.#session.vae.snapshot();
    saveFile(
      'checkpoint.safetensors',
      writeCheckpoint(snapshot) as Uint8Array<ArrayBuffer>,
      'application/octet-stream',
    );
  }

  async #load(file: File): Promise<void> {
    if (file.size > MOST_CHECKPOINT_BYTES) {
      throw new RangeError(
        `load ${file.name}: expected at most ${MOST_CHECKPOINT_BYTES} bytes, got ${file.size}: choose a checkpoint`,
      );
    }
    const snapshot = readCheckpoint(new Uint8Array(await file.arrayBuffer()));
    await this.#session.build({}, { snapshot });
  }

  async #resumeFrom(stored: StoredSession | undefined): Promise<void> {
    if (!stored) return;
    await this.#session.build({}, { snapshot: readCheckpoint(stored.checkpoint) });
    this.#resume.hidden = true;
  }

  #dataChooser(): HTMLElement {
    const input = element('input', { type: 'file', multiple: true, id: 'data-files', class: 'files' });
    input.addEventListener('change', () => {
      const files = [...(input.files ?? [])];
      input.value = '';
      if (files.length > 0) void this.takeFiles(files);
    });
    const label = element('label', { for: 'data-files' }, 'Other data: four IDX files, or drop them anywhere');
    return element('div', { class: 'data' }, element('p', {}, this.#dataName), label, input);
  }

  async #do(what: string, work: () => Promise<void>): Promise<void> {
    try {
      this.#alerts.clear();
      await work();
    } catch (error) {
      this.#alerts.error(`${what} failed`, error);
    } finally {
      this.#show();
    }
  }
}
