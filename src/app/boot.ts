/**
 * Says what is wrong when the page cannot start. It is a script of its own, without imports and in plain syntax, so that it
 * runs where the page's modules do not: opened as a file, in an old browser, with a part missing, after an error at import.
 */
{
  let first: (() => void) | undefined;

  const tell = (title: string, lines: readonly string[]): void => {
    // The first trouble only: the others follow from it.
    if (first) return;
    first = () => show(title, lines);
    if (document.readyState !== 'loading') first();
  };

  const show = (title: string, lines: readonly string[]): void => {
    const root = document.getElementById('boot');
    // The page has started, and tells its own troubles.
    if (!root) return;
    const panel = document.createElement('div');
    panel.setAttribute('role', 'alert');
    panel.className = 'alert';
    const strong = document.createElement('strong');
    strong.textContent = title;
    panel.appendChild(strong);
    for (const line of lines) {
      const paragraph = document.createElement('p');
      paragraph.textContent = line;
      panel.appendChild(paragraph);
    }
    root.textContent = '';
    root.appendChild(panel);
  };

  const failed = (reason: string): void =>
    tell('The page could not start', [
      reason,
      'Reload the page. If that does not help, update the browser, or try Chrome, Edge, Firefox or Safari in their current versions.',
    ]);

  if (location.protocol === 'file:') {
    tell('This page was opened as a file', [
      'Browsers load its parts from a web server only. In the folder of the project run: npm run preview. Or, in the folder of this file: python3 -m http.server. Then open the address that the command prints.',
    ]);
  } else if (!('noModule' in HTMLScriptElement.prototype)) {
    failed('This browser does not load JavaScript modules.');
  }

  // Capturing, for a script or a style sheet that cannot be loaded tells only itself.
  addEventListener(
    'error',
    (event) => {
      const { target } = event;
      if (target instanceof HTMLScriptElement) failed(`A part of it could not be loaded: ${target.src}`);
      else if (target instanceof HTMLLinkElement) failed(`A part of it could not be loaded: ${target.href}`);
      else if (event.message) failed(event.message);
    },
    true,
  );
  addEventListener('unhandledrejection', ({ reason }) =>
    failed(reason instanceof Error ? reason.message : String(reason)),
  );
  document.addEventListener('DOMContentLoaded', () => first?.());
}
