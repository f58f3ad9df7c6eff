type Child = Node | string;
type Attributes = Record<string, string | number | boolean | undefined>;

/** An element with attributes (false and undefined: none) and children. Text stays text: nothing is parsed as HTML. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children);
  return node;
}

export function button(text: string, onClick: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const node = element('button', { type: 'button', ...attributes }, text);
  node.addEventListener('click', () => {
    if (node.getAttribute('aria-disabled') !== 'true') onClick();
  });
  return node;
}

/** Makes a button one that does nothing for now. It keeps the focus, which `disabled` would take from it. */
export function setEnabled(node: HTMLButtonElement, enabled: boolean): void {
  node.setAttribute('aria-disabled', String(!enabled));
}

let nextId = 0;

/** A panel with a heading that names it, for screen readers too. */
export function region(name: string, ...children: Child[]): HTMLElement {
  const id = `heading-${nextId++}`;
  const heading = element('h2', { id }, name);
  return element('section', { 'aria-labelledby': id, class: 'panel' }, heading, ...children);
}

/** Saves bytes under a name, as a download. */
export function saveFile(name: string, content: BlobPart, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = element('a', { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/**
 * Makes of `call` one that runs at the next multiple of `ms`, and for a hidden tab not before it is seen again. Calls with
 * the same `ms` run together: each change of the page is a frame, and a CPU that computes the model has to draw it.
 */
export function throttled(ms: number, call: () => void): () => void {
  let waiting = false;
  let missed = false;
  const later = (): void => {
    missed = document.hidden;
    if (missed || waiting) return;
    waiting = true;
    setTimeout(
      () => {
        waiting = false;
        call();
      },
      ms - (performance.now() % ms),
    );
  };
  document.addEventListener('visibilitychange', () => {
    if (missed) later();
  });
  return later;
}
