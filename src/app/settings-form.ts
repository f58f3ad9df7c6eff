import type { VaeConfig } from 'webgpu-vae';
import { element } from './dom.ts';
import { CHOICES, EXPECTED, formatSetting, parseSetting, type SettingName } from './settings.ts';

interface FieldOptions {
  name: SettingName;
  label: string;
  mode: 'numeric' | 'decimal' | 'text' | 'choice';
  /** Folded away: most visitors need others. */
  rare?: true;
}

const FIELDS: readonly FieldOptions[] = [
  { name: 'epochs', label: 'Epochs', mode: 'numeric' },
  { name: 'learningRate', label: 'Learning rate', mode: 'decimal' },
  { name: 'beta', label: 'β (weight of KL)', mode: 'decimal' },
  { name: 'batch', label: 'Batch', mode: 'numeric' },
  { name: 'latent', label: 'Latent dimensions', mode: 'numeric' },
  { name: 'hidden', label: 'Hidden layers', mode: 'text' },
  { name: 'seed', label: 'Seed', mode: 'numeric' },
  { name: 'arch', label: 'Architecture', mode: 'choice', rare: true },
  { name: 'channels', label: 'Its channels', mode: 'text', rare: true },
  { name: 'dense', label: 'Its dense layer', mode: 'numeric', rare: true },
  { name: 'likelihood', label: 'Likelihood', mode: 'choice', rare: true },
  { name: 'sigma', label: 'σ of Gaussian pixels', mode: 'text', rare: true },
  { name: 'binarize', label: 'Pixels', mode: 'choice', rare: true },
  { name: 'betaWarmup', label: 'Warm-up of KL, in steps', mode: 'numeric', rare: true },
  { name: 'freeBits', label: 'Free nats per dimension', mode: 'decimal', rare: true },
  { name: 'lrSchedule', label: 'Rate over time', mode: 'choice', rare: true },
];

interface Field {
  name: SettingName;
  label: string;
  input: HTMLInputElement | HTMLSelectElement;
  note: HTMLElement;
}

/** A field for each setting. A text is a wish, not yet a setting: what is not valid as a whole is not taken. */
export class SettingsForm {
  readonly root: HTMLFormElement;
  #fields: readonly Field[];
  #inUse: VaeConfig;

  /** @param onEnter the visitor wants what the fields say */
  constructor(inUse: VaeConfig, onEnter: () => void) {
    this.#inUse = inUse;
    this.#fields = FIELDS.map((field) => this.#field(field));
    this.root = element(
      'form',
      { class: 'settings' },
      ...this.#rows(false),
      element(
        'details',
        { class: 'more' },
        element('summary', {}, 'More settings'),
        element('div', { class: 'settings' }, ...this.#rows(true)),
      ),
      // Without one, Enter does nothing in a form of several fields.
      element('button', { type: 'submit', hidden: true }, 'Apply'),
    );
    this.root.addEventListener('submit', (event) => {
      event.preventDefault();
      onEnter();
    });
    this.use(inUse);
  }

  #rows(rare: boolean): HTMLElement[] {
    const names = FIELDS.filter((field) => (field.rare ?? false) === rare).map(({ name }) => name);
    return this.#fields
      .filter(({ name }) => names.includes(name))
      .map(({ input, label, note }) =>
        element('div', { class: 'field' }, element('label', { for: input.id }, label), input, note),
      );
  }

  /** What the fields ask for: where a text is not valid, what is in use. */
  get wanted(): VaeConfig {
    const config = { ...this.#inUse };
    for (const { name, input } of this.#fields) {
      const value = parseSetting(name, input.value);
      if (value !== undefined) Object.assign(config, { [name]: value });
    }
    return config;
  }

  /** What was given to `use`. */
  get inUse(): VaeConfig {
    return this.#inUse;
  }

  get valid(): boolean {
    return this.#fields.every(({ name, input }) => parseSetting(name, input.value) !== undefined);
  }

  /**
   * Other settings are in use.
   * @param kept fields whose text stays what it is, as it has nothing to do with the change
   */
  use(config: VaeConfig, kept: (name: SettingName) => boolean = () => false): void {
    this.#inUse = config;
    for (const { name, input } of this.#fields) if (!kept(name)) input.value = formatSetting(name, config);
    this.#notes();
  }

  /** Puts back the fields whose texts are not valid, and says of each what stays instead. */
  refuse(): string[] {
    const refused: string[] = [];
    for (const { name, label, input } of this.#fields) {
      if (parseSetting(name, input.value) !== undefined) continue;
      const stays = formatSetting(name, this.#inUse) || 'none';
      refused.push(`${label}: expected ${EXPECTED[name]}, got "${input.value.slice(0, 60)}": it stays ${stays}.`);
      input.value = formatSetting(name, this.#inUse);
    }
    this.#notes();
    return refused;
  }

  #field({ name, label, mode }: FieldOptions): Field {
    const id = `setting-${name}`;
    const described = { id, 'aria-describedby': `${id}-note` };
    const texts = Object.entries((CHOICES as Partial<Record<SettingName, Record<string, string>>>)[name] ?? {});
    const input =
      mode === 'choice'
        ? element('select', described, ...texts.map(([value, text]) => element('option', { value }, text)))
        : element('input', { ...described, type: 'text', inputmode: mode, autocomplete: 'off', spellcheck: 'false' });
    const note = element('span', { id: `${id}-note`, class: 'note' });
    for (const type of ['input', 'change']) input.addEventListener(type, () => this.#notes());
    return { name, label, input, note };
  }

  #notes(): void {
    for (const { name, input, note } of this.#fields) {
      const value = parseSetting(name, input.value);
      input.setAttribute('aria-invalid', String(value === undefined));
      const changed = formatSetting(name, this.wanted) !== formatSetting(name, this.#inUse);
      const applies = name === 'epochs' ? 'applies at Train' : 'applies on reset';
      note.textContent = value === undefined ? `expected ${EXPECTED[name]}` : changed ? applies : '';
    }
  }
}
