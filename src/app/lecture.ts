/** What a link may ask for beside settings: `view=plane,loss` shows these panels only, in large type, for lectures and frames. */

/** Panels, by what a link calls them. */
export const VIEWS = [
  'controls',
  'train',
  'loss',
  'presets',
  'plane',
  'draw',
  'point',
  'reconstructions',
  'samples',
  'runs',
  'way',
  'network',
  'kernels',
  'words',
] as const;

export type ViewName = (typeof VIEWS)[number];

/** The panels that a link asks for; none: all of them. */
export function viewsOf(hash: string): ViewName[] {
  const asked = new URLSearchParams(hash.slice(0, 1000).replace(/^#/, '')).get('view')?.split(',') ?? [];
  return VIEWS.filter((name) => asked.includes(name));
}

/** `view=…` for the end of a link, or nothing. */
export function viewPart(hash: string): string {
  const views = viewsOf(hash);
  return views.length > 0 ? `view=${views.join(',')}` : '';
}

/** Hides what the address does not ask for. `train` is the row of buttons of the controls. */
export function applyViews(panels: Partial<Record<ViewName, HTMLElement>>): void {
  const views = viewsOf(location.hash);
  const chosen = views.length > 0;
  document.body.classList.toggle('lecture', chosen);
  document.body.classList.toggle('train-only', chosen && views.includes('train') && !views.includes('controls'));
  for (const [name, panel] of Object.entries(panels)) {
    panel.dataset.view = name;
    const isShown = views.includes(name as ViewName) || (name === 'controls' && views.includes('train'));
    panel.classList.toggle('unasked', chosen && !isShown);
  }
  for (const column of document.querySelectorAll('.column'))
    column.classList.toggle('unasked', chosen && !column.querySelector('.panel:not(.unasked)'));
}
