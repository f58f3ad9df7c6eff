import { button, element } from './dom.ts';

/** More at once would hide the page. */
const MOST = 3;

/**
 * Where trouble is told: one panel for each trouble, announced at once, closed by the visitor or when it is over. What is no
 * trouble is a note, announced when there is time.
 */
export class Alerts {
  readonly root: HTMLElement;
  #panels = element('div', { class: 'alerts' });
  #notes = element('div', { class: 'notes', 'aria-live': 'polite' });
  #closedTo: () => HTMLElement | null;

  /** @param closedTo what gets the focus when a panel that has it is closed */
  constructor(closedTo: () => HTMLElement | null) {
    this.#closedTo = closedTo;
    this.root = element('div', { class: 'messages' }, this.#panels, this.#notes);
  }

  /** @param title what happened; the message says what was expected and what to do */
  show(title: string, message: string, more: readonly (string | HTMLElement)[] = []): void {
    const list = more.length > 0 ? [element('ul', {}, ...more.map((line) => element('li', {}, line)))] : [];
    const panel = element(
      'div',
      { role: 'alert', class: 'alert' },
      element('strong', {}, title),
      element('p', {}, message),
      ...list,
    );
    this.#closable(panel);
    // The same trouble again takes the place of the first time; another one stands below, for the first is its reason.
    const same = [...this.#panels.children].find((other) => other.querySelector('strong')?.textContent === title);
    if (same) same.replaceWith(panel);
    else if (this.#panels.children.length < MOST) this.#panels.append(panel);
  }

  error(title: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.show(title, message.charAt(0).toUpperCase() + message.slice(1));
  }

  note(...content: (string | HTMLElement)[]): void {
    const panel = element('div', { class: 'note-panel' }, element('p', {}, ...content));
    this.#closable(panel);
    this.#notes.replaceChildren(panel);
  }

  clear(): void {
    this.#panels.replaceChildren();
    this.#notes.replaceChildren();
  }

  #closable(panel: HTMLElement): void {
    const close = (): void => {
      const focused = panel.contains(document.activeElement);
      panel.remove();
      if (focused) (this.root.querySelector('button') ?? this.#closedTo())?.focus();
    };
    panel.append(button('Dismiss', close, { class: 'quiet' }));
  }
}

/** What to do without WebGPU, by browser. */
export const BROWSER_HELP = [
  'Chrome, Edge and other Chromium browsers: version 113 or later on Windows, macOS and ChromeOS, 121 on Android. On Linux switch on chrome://flags/#enable-unsafe-webgpu.',
  'Firefox: version 141 or later on Windows, 145 on macOS with Apple silicon; elsewhere Firefox Nightly with dom.webgpu.enabled in about:config.',
  'Safari: version 26 or later on macOS, iOS and iPadOS.',
  "Everywhere: open the page over https or on localhost, switch on hardware acceleration in the browser's settings, and update the graphics driver.",
];
