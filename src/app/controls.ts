import {
  classNamesOf,
  type DataSet,
  describeLayers,
  readCheckpoint,
  readFiles,
  type VaeConfig,
  writeCheckpoint,
} from 'webgpu-vae';
import type { Alerts } from './alerts.ts';
import { dataChooser } from './data-chooser.ts';
import { button, element, region, saveFile, setEnabled } from './dom.ts';
import type { Keeper } from './keeper.ts';
import { viewPart } from './lecture.ts';
import { metricsCsv } from './metrics.ts';
import { isSafetensors, readModelFile } from './model-file.ts';
import { Run } from './run.ts';
import type { BuildOptions, Session } from './session.ts';
import { formatHash, formatSetting, parseHash, type SettingName, sameSettings } from './settings.ts';
import { SettingsForm } from './settings-form.ts';
import { loadCheckpoint, type StoredRun } from './storage.ts';

/** Everything that can be done to the model: buttons, settings, files. */
export class Controls {
  readonly root: HTMLElement;
  #session: Session;
  #alerts: Alerts;
  #keeper: Keeper;
  #form: SettingsForm;
  /** The run whose settings the form shows. */
  #shownRun: Run;
  #train: HTMLButtonElement;
  #step: HTMLButtonElement;
  #reset: HTMLButtonElement;
  #undo: HTMLButtonElement;
  #resume: HTMLButtonElement;
  #resumeText = element('p', { id: 'resume-text', class: 'hint resume' });
  #offered: StoredRun | undefined;
  #needsModel: HTMLButtonElement[];
  #dataName = element('span', { class: 'number' });

  constructor(session: Session, alerts: Alerts, keeper: Keeper) {
    this.#session = session;
    this.#alerts = alerts;
    this.#keeper = keeper;
    this.#shownRun = session.run;
    this.#form = new SettingsForm(session.settings, () => this.#do('Applying the settings', () => this.#apply()));
    this.#train = button('Train', () => this.#do('Training', () => this.#toggle()), { class: 'primary' });
    this.#step = button('Step', () => this.step());
    this.#reset = button('Reset', () => this.#do('The reset', () => this.#rebuild()));
    this.#undo = button('Undo', () => this.#do('Going back', () => this.#goBack()));
    this.#resume = button('Resume last session', () => this.#do('Resuming', () => this.#resumeOffered()), {
      'aria-describedby': this.#resumeText.id,
    });
    this.#resume.hidden = true;
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
    const link = button('Copy link', () => this.#do('Copying the link', () => this.#copyLink()), {
      title: 'A link with all settings in use: it reproduces this run',
    });
    this.#needsModel = [save, load];
    this.root = region(
      'Controls',
      element('div', { class: 'buttons' }, this.#train, this.#step, this.#reset, this.#undo, this.#resume),
      this.#resumeText,
      element(
        'details',
        // A phone has the plane there.
        { class: 'fold', open: !matchMedia('(max-width: 719.98px)').matches },
        element('summary', {}, 'Settings, data and files'),
        this.#form.root,
        element(
          'div',
          { class: 'data' },
          element('p', {}, this.#dataName),
          ...dataChooser((files) => void this.takeFiles(files)),
        ),
        element('div', { class: 'buttons files-buttons' }, save, load, file, metrics, link),
      ),
    );
    session.listen((event) => {
      if (event === 'model') this.#take();
      if (event === 'model' || event === 'activity') this.#show();
    });
    this.#take();
    this.#show();
  }

  /**
   * Takes dropped or chosen files: a checkpoint, a model or data.
   * @param name what data are that their files' names do not tell
   */
  async takeFiles(files: readonly File[], name?: string): Promise<void> {
    const [first] = files;
    if (files.length === 1 && (first!.name.endsWith('.safetensors') || (await isSafetensors(first!)))) {
      await this.#do('Loading the checkpoint', () => this.#load(first!));
    } else
      await this.#do('Loading the data set', async () => {
        const data = named(await readFiles(files), name);
        await this.#session.build(this.#takeSettings(), { data });
      });
  }

  /** Another model takes the place of the present one. */
  build(what: string, config: Partial<VaeConfig>, options: () => Promise<BuildOptions>): Promise<void> {
    return this.#do(what, async () => this.#session.build(config, await options()));
  }

  /** Another link was opened in the same tab: another run, which can be undone as any other. */
  async takeLink(hash: string): Promise<void> {
    const { config, refused } = parseHash(hash);
    const { vae } = this.#session;
    // The same link again is the same run from its beginning.
    if (vae.step > 0 || this.#session.run.instead || !sameSettings(config, vae.config))
      await this.#do('Opening the link', () => this.#session.build(config));
    this.tellRefused(refused);
    const view = viewPart(hash);
    history.replaceState(null, '', `${formatHash(this.#session.settings)}${view && '&'}${view}`);
  }

  /** @param names of settings in a link */
  tellRefused(names: readonly string[]): void {
    if (names.length === 0) return;
    const message = `Ignored: ${names.join(', ')}. The defaults stand in for them.`;
    this.#alerts.show('The link has settings that cannot be used', message);
  }

  /** The session has a model: its own settings are shown, and its own link. */
  #take(): void {
    const { run, settings, data } = this.#session;
    const before = this.#form.inUse;
    // What is typed and waits stays, if only something else has changed or the same model is on another device.
    const same = (name: SettingName) => formatSetting(name, before) === formatSetting(name, settings);
    this.#form.use(settings, run === this.#shownRun ? same : undefined);
    this.#shownRun = run;
    // The address of the example is the page's own.
    const view = viewPart(location.hash);
    const own = run.instead
      ? `${location.pathname}${location.search}${view && '#'}`
      : `${formatHash(settings)}${view && '&'}`;
    history.replaceState(null, '', own + view);
    const { name, train, test } = data;
    const count = (n: number) => n.toLocaleString('en-US');
    this.#dataName.textContent = `${name}: ${count(train.count)} training and ${count(test.count)} test images, ${train.columns}\u00a0×\u00a0${train.rows}${train.channels === 3 ? ' in colour' : ''}`;
    void this.#offer();
  }

  #show(): void {
    const { training, busy, replaced, finished, vae } = this.#session;
    this.#train.textContent = training ? 'Pause' : 'Train';
    setEnabled(this.#train, !busy);
    setEnabled(this.#step, !training && !busy && !finished);
    setEnabled(this.#reset, !busy);
    setEnabled(this.#undo, !busy);
    setEnabled(this.#resume, !training && !busy);
    for (const each of this.#needsModel) setEnabled(each, !busy);
    this.#hide(this.#undo, !replaced);
    if (replaced) this.#undo.textContent = `Undo: back to step ${replaced.snapshot.step}`;
    // Once there is something new, the last session is not what comes next.
    this.#hide(this.#resume, !this.#offered || training || vae.step > 0);
    this.#resumeText.hidden = this.#resume.hidden;
  }

  /** A button that goes must not take the focus with it. */
  #hide(node: HTMLButtonElement, hidden: boolean): void {
    if (hidden && document.activeElement === node) this.#train.focus();
    node.hidden = hidden;
  }

  async #offer(): Promise<void> {
    const offered = await this.#keeper.offer().catch(() => undefined);
    this.#offered = offered;
    if (offered) {
      const { config, step, steps, savedAt } = offered;
      const settings = `layers ${describeLayers(config)}, batch ${config.batch}, learning rate ${config.learningRate}, β ${config.beta}, seed ${config.seed}`;
      this.#resumeText.textContent = `The last session: step ${step} of ${steps}, ${settings}; ${new Date(savedAt).toLocaleString()}.`;
    }
    this.#show();
  }

  async #toggle(): Promise<void> {
    const session = this.#session;
    if (session.training) return session.pause();
    if (session.run.instead) {
      await this.#rebuild();
      return session.train();
    }
    const { epochs } = this.#form.wanted;
    if (!this.#form.valid) this.#tellFields();
    if (epochs !== session.vae.config.epochs) await session.setEpochs(epochs);
    if (session.finished) {
      this.#alerts.note(
        'Training is finished: all epochs are done. Ask for more epochs, or press Reset to begin anew.',
      );
    } else session.train();
  }

  /** One step of training. */
  step(): Promise<void> {
    return this.#do('The step', async () => {
      if (this.#session.run.instead) await this.#rebuild();
      await this.#session.step();
    });
  }

  /** Enter: more or fewer epochs at once, anything else as Reset does. */
  async #apply(): Promise<void> {
    const session = this.#session;
    // The field says what is wrong with its text.
    if (!this.#form.valid) return;
    const { wanted } = this.#form;
    if (session.run.instead) return this.#rebuild();
    if (sameSettings(wanted, session.vae.config)) return;
    if (!sameSettings({ ...wanted, epochs: session.vae.config.epochs }, session.vae.config)) return this.#rebuild();
    const { training } = session;
    await session.setEpochs(wanted.epochs);
    if (training && !session.finished) session.train();
  }

  async #rebuild(): Promise<void> {
    await this.#session.build(this.#takeSettings());
  }

  /** What the form asks for; of what it cannot have, the visitor is told. */
  #takeSettings(): VaeConfig {
    const { wanted } = this.#form;
    this.#tellFields();
    return wanted;
  }

  #tellFields(): void {
    const refused = this.#form.refuse();
    if (refused.length > 0) this.#alerts.show('A setting cannot be used', refused.join(' '));
  }

  async #goBack(): Promise<void> {
    const { replaced, vae } = this.#session;
    await this.#session.undo();
    if (replaced && vae.step > 0)
      this.#alerts.note(`Back at step ${replaced.snapshot.step}. Undo again for step ${vae.step} of the other run.`);
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
    const session = this.#session;
    const loaded = await readModelFile(file, session.data);
    if ('snapshot' in loaded) return session.build({}, loaded);
    const run = new Run(session.data);
    run.past.beginning = 'as loaded';
    await session.build(loaded.config, { parameters: loaded.parameters, run });
    this.#alerts.note(
      `${file.name} is a model without the optimizer’s state: it is shown as it is, and Train begins with it at step 0.`,
    );
  }

  async #resumeOffered(): Promise<void> {
    const offered = this.#offered;
    if (!offered) return;
    const { data } = this.#session;
    const run = (await this.#keeper.claim(offered.id)) ? new Run(data, { id: offered.id }) : new Run(data);
    run.name = offered.name;
    run.metrics.restore(offered.curve);
    await this.#session.build({}, { snapshot: readCheckpoint(await loadCheckpoint(offered.id)), run });
  }

  /** Of what is in use, not of what is typed and waits for a reset. */
  async #copyLink(): Promise<void> {
    const link = new URL(formatHash(this.#session.settings), location.href).href;
    try {
      await navigator.clipboard.writeText(link);
      this.#alerts.note('The link is copied.');
    } catch {
      const field = element('input', { type: 'text', readonly: true, value: link, 'aria-label': 'Link' });
      this.#alerts.note('This browser does not let the page copy: copy the link from here. ', field);
      field.select();
    }
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

/** Data under a name, with the names of the classes that a set of that name has. */
function named(data: DataSet, name: string | undefined): DataSet {
  if (name === undefined) return data;
  const classNames = classNamesOf(name);
  return { ...data, name, ...(classNames && { classNames }) };
}
