/** `report.html`: a study on one page that needs nothing else, neither scripts nor other files. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { minusElbo } from '../format.ts';
import { escaped, parallelCoordinates, scatter } from './report-charts.ts';
import { valueText } from './space.ts';
import type { TrialRow } from './store.ts';
import { countOf, ranking, type StudyFile, trialFolder } from './study-folder.ts';

/** Runs whose pictures are shown; each takes some 200 kB. */
const PICTURED = 3;

/** @param folder the study's, where the trials' pictures are */
export async function writeReport(folder: string, study: StudyFile): Promise<string> {
  const { spec, trials, id, status, created } = study;
  const best = ranking(trials);
  const counts = (['finished', 'pruned', 'failed', 'running', 'waiting'] as const)
    .map((state) => [countOf(trials, state), state] as const)
    .filter(([n]) => n > 0)
    .map(([n, state]) => `${n} ${state === 'pruned' ? 'stopped early' : state}`);
  const pictures = await Promise.all(best.slice(0, PICTURED).map((row) => picturesOf(folder, row)));
  const summary =
    best.length === 0
      ? 'No trial has finished.'
      : `The best of them is trial ${best[0]!.trial} with ${minusElbo(best[0]!.outcome!.value!)} (${settingsText(study, best[0]!)}).`;
  const fixed = Object.entries(spec.fixed).map(([key, value]) => `${key} ${valueText(value)}`);
  const body = [
    `<h1>Study ${escaped(id)}</h1>`,
    `<p>${escaped(`${status}, begun ${created.slice(0, 16).replace('T', ' ')} UTC. ${spec.trials} trials: ${counts.join(', ')}. ${summary}`)}</p>`,
    `<p>${escaped(`Losses are −ELBO on ${spec.data.testCount} test images, nats per image, trained on ${spec.data.trainCount} images of ${spec.data.name}.${fixed.length > 0 ? ` The same in all trials: ${fixed.join(', ')}.` : ''}`)}</p>`,
    ...(best.length > 0 && spec.space.length > 0
      ? [
          '<h2>Settings and results</h2>',
          '<p>A line is a trial: the better, the stronger its colour; the best is thick. Dashed: stopped early.</p>',
          parallelCoordinates(study),
          '<h2>Each setting by itself</h2>',
          `<div class="row">${spec.space.map((_, i) => scatter(study, i)).join('')}</div>`,
        ]
      : []),
    ...(pictures.length > 0
      ? ['<h2>The best runs</h2>', ...pictures.map((html, i) => run(study, best[i]!, html))]
      : []),
    '<h2>All trials</h2>',
    table(study),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Study ${escaped(id)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${body.join('\n')}
</main>
</body>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c1c1a; --paper: #fdfdfb; --line: #d8d8d2; --quiet: #63635c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e2; --paper: #181816; --line: #43433e; --quiet: #a3a399; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; } h3 { font-size: 1rem; }
svg { max-width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); paint-order: stroke; stroke: var(--paper); stroke-width: 4px; } svg .quiet { fill: var(--quiet); } svg .axis { stroke: var(--line); }
.row { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; } figcaption { color: var(--quiet); font-size: .85rem; }
figure img { max-width: 100%; height: 12rem; object-fit: contain; background: #fff; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { text-align: right; padding: .2rem .7rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:last-child, td:last-child { text-align: left; white-space: normal; }
`;

function settingsText({ spec }: StudyFile, { config }: TrialRow): string {
  const keys = spec.space.map(({ key }) => key).filter((key) => key !== 'seed');
  return [...keys, 'seed'].map((key) => `${key} ${valueText(config?.[key])}`).join(', ');
}

function run(study: StudyFile, row: TrialRow, pictures: string): string {
  const title = `Trial ${row.trial}: ${minusElbo(row.outcome!.value!)}, ${settingsText(study, row)}`;
  return `<section><h3>${escaped(title)}</h3><div class="row">${pictures}</div></section>`;
}

/** Pictures of a run, within the page; those that are not there are left out. */
async function picturesOf(folder: string, { trial, outcome }: TrialRow): Promise<string> {
  const path = join(folder, trialFolder(trial));
  const wanted = [
    [`recon_epoch_${outcome!.epochs}.png`, 'Test images above their reconstructions'],
    ['samples.png', 'Samples'],
    ['latent_2d.png', 'Means of the test images'],
    ['loss_curve.png', 'Losses by epoch'],
  ] as const;
  const there = new Set(await readdir(path).catch(() => []));
  const figures = wanted
    .filter(([name]) => there.has(name))
    .map(async ([name, caption]) => {
      const data = (await readFile(join(path, name))).toString('base64');
      const source = `data:image/png;base64,${data}`;
      return `<figure><img src="${source}" alt="${caption}"><figcaption>${caption}</figcaption></figure>`;
    });
  return (await Promise.all(figures)).join('');
}

function table(study: StudyFile): string {
  const { spec, trials } = study;
  const keys = spec.space.map(({ key }) => key).filter((key) => key !== 'seed');
  const order = [...ranking(trials), ...trials.filter(({ state }) => state !== 'finished')];
  const header = ['trial', ...keys, 'seed', 'test −ELBO', 'epochs', 'seconds', 'state'];
  const rows = order.map(({ trial, state, config, outcome, reports }) => [
    trial,
    ...keys.map((key) => (config ? valueText(config[key]) : '')),
    valueText(config?.seed ?? ''),
    outcome?.value?.toFixed(2) ?? '',
    outcome?.epochs ?? reports.length,
    outcome?.seconds.toFixed(1) ?? '',
    outcome?.error ? `failed: ${outcome.error}` : state === 'pruned' ? 'stopped early' : state,
  ]);
  const line = (tag: string) => (cells: readonly unknown[]) =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(String(cell))}</${tag}>`).join('')}</tr>`;
  return `<div class="scroll"><table><thead>${line('th')(header)}</thead><tbody>${rows.map(line('td')).join('\n')}</tbody></table></div>`;
}
