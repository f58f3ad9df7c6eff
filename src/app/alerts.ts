import { button, element } from './dom.ts';

/** Where trouble is told: one panel for each trouble, announced at once, closed by the visitor or when it is over. */
export class Alerts {
  readonly root = element('div', { class: 'alerts' });

  /** @param title what happened; the message says what was expected and what to do */
  show(title: string, message: string, more: readonly string[] = []): void {
    const list = more.length > 0 ? [element('ul', {}, ...more.map((line) => element('li', {}, line)))] : [];
    const panel = element(
      'div',
      { role: 'alert', class: 'alert' },
      element('strong', {}, title),
      element('p', {}, message),
      ...list,
    );
    panel.append(button('Dismiss', () => panel.remove(), { class: 'quiet' }));
    this.root.replaceChildren(panel);
  }

  error(title: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.show(title, message.charAt(0).toUpperCase() + message.slice(1));
  }

  clear(): void {
    this.root.replaceChildren();
  }
}

/** What to do without WebGPU, by browser. */
export const BROWSER_HELP = [
  'Chrome, Edge and other Chromium browsers: version 113 or later on Windows, macOS and ChromeOS, 121 on Android. On Linux switch on chrome://flags/#enable-unsafe-webgpu.',
  'Firefox: version 141 or later on Windows, 145 on macOS with Apple silicon; elsewhere Firefox Nightly with dom.webgpu.enabled in about:config.',
  'Safari: version 26 or later on macOS, iOS and iPadOS.',
  "Everywhere: open the page over https or on localhost, switch on hardware acceleration in the browser's settings, and update the graphics driver.",
];
