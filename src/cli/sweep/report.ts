/** `report.html`: a study on one page that needs nothing else. */
import { type StudyFile, trialsCsv } from './study-folder.ts';

export async function writeReport(_folder: string, study: StudyFile): Promise<string> {
  const rows = trialsCsv(study).trimEnd().split('\n');
  const cells = rows.map(
    (row) =>
      `<tr>${row
        .split(',')
        .map((cell) => `<td>${escaped(cell)}</td>`)
        .join('')}</tr>`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Study ${study.id}</title><table>${cells.join('\n')}</table></html>\n`;
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
