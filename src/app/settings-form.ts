import type { VaeConfig } from 'webgpu-vae';
import { element } from './dom.ts';
import { EXPECTED, formatSetting, parseSetting, type SettingName } from './settings.ts';

const FIELDS: readonly { name: SettingName; label: string; mode: 'numeric' | 'decimal' | 'text' }[] = [
  { name: 'epochs', label: 'Epochs', mode: 'numeric' },
  { name: 'learningRate', label: 'Learning rate', mode: 'decimal' },
  { name: 'beta', label: 'β (weight of KL)', mode: 'decimal' },
  { name: 'batch', label: 'Batch', mode: 'numeric' },
  { name: 'latent', label: 'Latent dimensions', mode: 'numeric' },
  { name: 'hidden', label: 'Hidden layers', mode: 'text' },
  { name: 'seed', label: 'Seed', mode: 'numeric' },
];

interface Field {
  name: SettingName;
  label: string;
  input: HTMLInputElement;
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
      ...this.#fields.map(({ input, label, note }) =>
        element('div', { class: 'field' }, element('label', { for: input.id }, label), input, note),
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

  #field({ name, label, mode }: (typeof FIELDS)[number]): Field {
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
