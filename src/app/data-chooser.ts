import { element } from './dom.ts';

/** Where a visitor gives a data set of his own. */
export function dataChooser(onFiles: (files: File[]) => void): HTMLElement[] {
  const input = element('input', { type: 'file', multiple: true, id: 'data-files', class: 'files' });
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    input.value = '';
    if (files.length > 0) onFiles(files);
  });
  return [element('label', { for: 'data-files' }, 'Other data: four IDX files, or drop them anywhere'), input];
}
