/** A table in Markdown that is readable as it is, so that it can go into a document. Columns of numbers are aligned right. */
export function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [header, ...rows].map((row) => row.map(String));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const numeric = header.map((_, column) =>
    cells.slice(1).every((row) => /^(\d[\d.]*( [A-Za-z%]+)?)?$/.test(row[column]!)),
  );
  const pad = (cell: string, i: number): string => (numeric[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!));
  const rule = widths.map((width, i) => (numeric[i] ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2)));
  const lines = cells.map((row) => `| ${row.map(pad).join(' | ')} |`);
  return [lines[0]!, `|${rule.join('|')}|`, ...lines.slice(1)].join('\n');
}
