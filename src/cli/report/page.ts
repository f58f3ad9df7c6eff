/** The report's page: text, tables, curves and pictures in one file. */
import { escapeHtml } from '../export/plane-page.ts';
import { duration } from '../format.ts';
import { type Curve, curves, strokeOf } from './curves.ts';
import type { ReportedRun } from './runs.ts';

/** Results, or of the program, the machine or the moment: nothing that somebody chose for the model. */
const NO_SETTINGS = [
  'bestEpoch',
  'bestValidationLoss',
  'status',
  'out',
  'quiet',
  'started',
  'variants',
  'versions',
  'stepsDone',
  'adapter',
];

export function reportPage(runs: readonly ReportedRun[]): string {
  const title = `${runs.length === 1 ? 'One run' : `${runs.length} runs`} of webgpu-vae`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${legend(runs)}
${byKind(runs, losses)}
${evaluations(runs)}
${settings(runs)}
${pictures(runs)}
</main>
</body>
</html>
`;
}

function legend(runs: readonly ReportedRun[]): string {
  const items = runs.map(
    ({ name }, place) =>
      `<li><svg viewBox="0 0 36 10" aria-hidden="true"><path class="curve" ${strokeOf(place)} d="M0 5H36"/></svg>${escapeHtml(name)}</li>`,
  );
  return `<ul class="legend">${items.join('')}</ul>`;
}

/** A section for each kind of losses: those of different kinds are no numbers to compare. */
function byKind(
  runs: readonly ReportedRun[],
  draw: (runs: readonly ReportedRun[], all: readonly ReportedRun[]) => string,
): string {
  const kinds = [...new Set(runs.map(({ kind }) => kind))];
  const apart =
    kinds.length > 1
      ? '<p>Losses of another likelihood, or of pixels that are binarized, are other quantities: they stand apart.</p>'
      : '';
  const sections = kinds.map((kind) => {
    const alike = runs.filter((run) => run.kind === kind);
    return `<section><h2>Losses: ${escapeHtml(kind)}</h2>${draw(alike, runs)}</section>`;
  });
  return apart + sections.join('');
}

/** The reconstruction's column: `bce` or `nll`. */
const termOf = ({ metrics }: ReportedRun): string => (metrics.test_nll ? 'nll' : 'bce');

function minusElbo(run: ReportedRun): number[] {
  const [term, kl] = [run.metrics[`test_${termOf(run)}`] ?? [], run.metrics.test_kl ?? []];
  return term.map((value, i) => value + (kl[i] ?? Number.NaN));
}

function losses(runs: readonly ReportedRun[], all: readonly ReportedRun[]): string {
  const chart = (title: string, valuesOf: (run: ReportedRun) => number[]): string => {
    const given = runs.map(
      (run): Curve => ({
        name: run.name,
        place: all.indexOf(run),
        points: valuesOf(run).map((y, i) => ({ x: run.metrics.epoch![i]!, y })),
      }),
    );
    const svg = curves(title, given);
    return svg && `<figure><figcaption>${title}</figcaption>${svg}</figure>`;
  };
  const charts = [
    chart('−ELBO on the test images, nats per image', minusElbo),
    chart('Reconstruction', (run) => run.metrics[`test_${termOf(run)}`] ?? []),
    chart('KL divergence', (run) => run.metrics.test_kl ?? []),
    chart('Training loss', (run) => run.metrics.train_loss ?? []),
  ];
  const last = (values: number[] | undefined) => {
    const value = values?.at(-1);
    return value === undefined || Number.isNaN(value) ? '–' : value.toFixed(2);
  };
  const rows: [string, (run: ReportedRun) => string][] = [
    ['−ELBO, test', (run) => last(minusElbo(run))],
    ['Reconstruction, test', (run) => last(run.metrics[`test_${termOf(run)}`])],
    ['KL, test', (run) => last(run.metrics.test_kl)],
    ['Epochs', (run) => String(run.metrics.epoch!.at(-1) ?? 0)],
    ['Time', (run) => duration(run.metrics.seconds?.at(-1) ?? Number.NaN)],
  ];
  const table = rows.map(([name, cell]) => row(name, runs.map(cell)));
  return `<div class="charts">${charts.join('')}</div>${tableOf('After the last epoch', runs, table)}`;
}

/** A table for each kind of pixels that was evaluated. */
function evaluations(runs: readonly ReportedRun[]): string {
  const evaluated = runs.filter((run) => run.evaluation);
  const pixels = [...new Set(evaluated.map((run) => run.evaluation!.pixels))];
  const tables = pixels.map((of) => {
    const alike = evaluated.filter((run) => run.evaluation!.pixels === of);
    // Of other images or with another number of samples it is another quantity: another row.
    const keyOf = ({ name, says }: { name: string; says: string }) => JSON.stringify([name, says]);
    const keys = [...new Set(alike.flatMap((run) => run.evaluation!.values.map(keyOf)))];
    const rows = keys.map((key) => {
      const values = alike.map((run) => run.evaluation!.values.find((value) => keyOf(value) === key)?.text ?? '–');
      const [name, says] = JSON.parse(key) as [string, string];
      return row(name, values, { says });
    });
    return tableOf(`Measured by eval: ${of} pixels`, alike, rows);
  });
  return tables.length > 0 ? `<section><h2>Evaluation</h2>${tables.join('')}</section>` : '';
}

function settings(runs: readonly ReportedRun[]): string {
  const names = [...new Set(runs.flatMap(({ config }) => Object.keys(config)))].filter(
    (name) => !NO_SETTINGS.includes(name),
  );
  const show = (value: unknown): string =>
    value === undefined
      ? '–'
      : Array.isArray(value)
        ? value.join(', ')
        : typeof value === 'object'
          ? JSON.stringify(value)
          : String(value);
  const rows = names.map((name) => ({ name, cells: runs.map(({ config }) => show(config[name])) }));
  const differ = rows.filter(({ cells }) => new Set(cells).size > 1);
  const same = rows.filter(({ cells }) => new Set(cells).size === 1);
  const adapters = runs.map(({ config }) => String(Object(config.adapter).name ?? '–'));
  const different = [
    ...differ.map(({ name, cells }) => row(name, cells, { marked: true })),
    row('adapter', adapters, { marked: new Set(adapters).size > 1 }),
  ];
  const alike = `<details><summary>${same.length} settings are the same in all runs</summary><table><tbody>${same
    .map(({ name, cells }) => row(name, cells.slice(0, 1)))
    .join('')}</tbody></table></details>`;
  return `<section><h2>Settings</h2>${tableOf(differ.length > 0 ? 'What differs' : 'No setting differs', runs, different)}${alike}</section>`;
}

function pictures(runs: readonly ReportedRun[]): string {
  const titles = [...new Set(runs.flatMap((run) => [...run.pictures.keys()]))];
  const rows = titles.map((title) => {
    const figures = runs.map((run) => {
      const bytes = run.pictures.get(title);
      const name = escapeHtml(run.name);
      const shown = bytes
        ? `<img src="data:image/png;base64,${Buffer.from(bytes).toString('base64')}" alt="${title} of ${name}">`
        : '<p>none</p>';
      return `<figure>${shown}<figcaption>${name}</figcaption></figure>`;
    });
    return `<h3>${title}</h3><div class="pictures" tabindex="0" role="group" aria-label="${title}">${figures.join('')}</div>`;
  });
  return rows.length > 0 ? `<section><h2>Pictures</h2>${rows.join('')}</section>` : '';
}

function tableOf(caption: string, runs: readonly ReportedRun[], rows: readonly string[]): string {
  const heads = runs.map(({ name }) => `<th scope="col">${escapeHtml(name)}</th>`).join('');
  return `<div class="scroll" tabindex="0" role="group" aria-label="${escapeHtml(caption)}"><table><caption>${escapeHtml(caption)}</caption><thead><tr><td></td>${heads}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function row(name: string, cells: readonly string[], { marked = false, says = '' } = {}): string {
  const note = says ? `<small>${escapeHtml(says)}</small>` : '';
  const values = cells
    .map((cell) => `<td>${marked ? `<mark>${escapeHtml(cell)}</mark>` : escapeHtml(cell)}</td>`)
    .join('');
  return `<tr><th scope="row">${escapeHtml(name)}${note}</th>${values}</tr>`;
}

const STYLE = `
:root { color-scheme: light dark; --faint: #595959; --grid: #d9d9d9; --mark: #ffe9a8; --on-mark: #1a1a1a; }
@media (prefers-color-scheme: dark) { :root { --faint: #a8a8a8; --grid: #404040; --mark: #5c4a12; --on-mark: #fff; } }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 84rem; margin: 0 auto; padding: 1rem 1.5rem 4rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: 1rem; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; padding: 0; position: sticky; top: 0; background: Canvas; padding: .5rem 0; z-index: 1; }
.legend svg { width: 36px; height: 10px; margin-right: .5rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 1rem 2rem; }
figure { margin: 0; }
figcaption, caption, small, text { color: var(--faint); fill: var(--faint); }
caption { text-align: left; padding: .25rem 0; }
svg { display: block; width: 100%; } .legend svg { display: inline-block; }
svg text { font-size: 13px; }
.grid { stroke: var(--grid); fill: none; } .curve { fill: none; stroke-width: 2; }
.scroll { overflow-x: auto; margin-top: 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem 1.25rem .2rem 0; vertical-align: top; border-bottom: 1px solid var(--grid); }
small { display: block; font-weight: 400; max-width: 34rem; }
mark { background: var(--mark); color: var(--on-mark); padding: 0 .25rem; }
.pictures { display: flex; gap: 1rem; overflow-x: auto; }
.pictures figure { flex: 1 0 min(24rem, 80vw); max-width: 40rem; }
.pictures img { width: 100%; background: #fff; }
`;
