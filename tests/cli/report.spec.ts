import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { expect } from 'playwright/test';
import { test } from './command.ts';
import { run } from './in-process.ts';

const METRICS = 'epoch,step,train_loss,train_bce,train_kl,test_loss,test_bce,test_kl,seconds\n';

/** A run's folder whose losses are `from` and less by one every epoch. */
async function makeRun(cwd: string, name: string, from: number, config: object = {}): Promise<string> {
  const folder = join(cwd, name);
  await mkdir(folder, { recursive: true });
  const settings = { status: 'finished', latent: 2, seed: 0, binarize: 'none', likelihood: 'bernoulli' };
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...settings, hidden: [8, 4], ...config }));
  const rows = [1, 2, 3].map(
    (epoch) => `${epoch},${epoch},${from},${from},5,${from - epoch + 5},${from - epoch},5,${epoch}`,
  );
  await writeFile(join(folder, 'metrics.csv'), `${METRICS}${rows.join('\n')}\n`);
  for (const epoch of [9, 10]) {
    const png = encode({ width: 1, height: 1, data: Uint8Array.of(epoch), channels: 1, depth: 8 });
    await writeFile(join(folder, `recon_epoch_${epoch}.png`), png);
  }
  return folder;
}

async function evaluate(folder: string, pixels: string, text: string, says = 'nats <per> image'): Promise<void> {
  const values = [{ key: 'minusElbo', name: '−ELBO', value: 1, text, says }];
  await writeFile(join(folder, 'eval.json'), JSON.stringify({ pixels, values }));
}

test('one page: what differs is marked, losses overlaid, pictures, evaluations; nothing from outside', async ({
  cwd,
}) => {
  const runs = [
    await makeRun(cwd, 'a', 200, { latent: 2 }),
    await makeRun(cwd, 'b', 300, { latent: 20 }),
    await makeRun(cwd, '<b>c', 100, { latent: 2, binarize: 'dynamic' }),
    await makeRun(cwd, 'more/a', 150, { latent: 2 }),
  ];
  await evaluate(runs[0]!, 'grey', '140.5');
  await evaluate(runs[1]!, 'grey', '99.5', 'of the first 7');
  await evaluate(runs[3]!, 'grey', '150.5');
  await evaluate(runs[2]!, 'binarized (dynamic)', '99.9');
  const out = join(cwd, 'report.html');
  expect(await run(['report', ...runs, '--out', out])).toMatchObject({ code: 0, stderr: '' });
  const page = await readFile(out, 'utf8');
  expect(page).not.toMatch(/https?:|<script|<b>/);
  expect(page).toContain("default-src 'none'");

  // What differs is marked, what does not is not.
  expect(page).toContain('<th scope="row">latent</th><td><mark>2</mark></td><td><mark>20</mark></td>');
  expect(page).toContain('<th scope="row">hidden</th><td>8, 4</td>');
  expect(page).not.toContain('<mark>8, 4</mark>');
  // Grey and binarized losses have charts and tables of their own; runs of one name go by their paths.
  expect(page.match(/<h2>Losses: [^<]*/g)).toEqual([
    '<h2>Losses: bernoulli likelihood, pixels as they are',
    '<h2>Losses: bernoulli likelihood, pixels binarized (dynamic)',
  ]);
  expect(page).toContain('<td>202.00</td><td>302.00</td><td>152.00</td>');
  expect(page.match(/Measured by eval: [^<]* pixels<\/caption>/g)).toEqual([
    'Measured by eval: grey pixels</caption>',
    'Measured by eval: binarized (dynamic) pixels</caption>',
  ]);
  // What is said of a number is what it may be compared by.
  expect(page).toContain('nats &#60;per&#62; image</small></th><td>140.5</td><td>–</td><td>150.5</td>');
  expect(page).toContain('of the first 7</small></th><td>–</td><td>99.5</td><td>–</td>');
  expect(page).toContain(`<th scope="col">${runs[3]}</th>`);

  // The first chart: three curves, each from its first epoch to its last, the lowest loss at the bottom.
  const [chart] = page.match(/<svg viewBox="0 0 640.*?<\/svg>/)!;
  const curves = [...chart.matchAll(/<path class="curve"[^>]* d="([^"]*)"/g)].map(([, d]) =>
    d!
      .split(/[ML]/)
      .slice(1)
      .map((point) => point.split(' ').map(Number)),
  );
  expect(curves.map((points) => points.length)).toEqual([3, 3, 3]);
  for (const points of curves) expect(points.map(([x]) => x)).toEqual([60, 343, 626]);
  const lastY = curves.map((points) => points.at(-1)![1]!);
  expect(lastY[1]).toBeLessThan(lastY[0]!);
  expect(lastY[0]).toBeLessThan(lastY[2]!);
  // The last reconstructions, tenth and not ninth.
  const tenth = (await readFile(join(runs[0]!, 'recon_epoch_10.png'))).toString('base64');
  expect(page.split(tenth)).toHaveLength(1 + 4);
});

test('bad input: one line, and no page', async ({ cwd }) => {
  const good = await makeRun(cwd, 'good', 200);
  const broken = await makeRun(cwd, 'broken', 200);
  const cut = await makeRun(cwd, 'cut', 200);
  const odd = await makeRun(cwd, 'odd', 200);
  await writeFile(join(broken, 'config.json'), '{');
  await writeFile(join(cut, 'metrics.csv'), `${METRICS}1,2,3`);
  await writeFile(join(odd, 'eval.json'), '{}');
  await mkdir(join(cwd, 'empty'));
  const before = (await readdir(cwd)).sort();
  const out = ['--out', join(cwd, 'x.html')];
  for (const [args, code, says] of [
    [[...out], 2, /missing required argument 'run'/],
    [[join(cwd, 'none'), ...out], 2, /at .*none, there is none/],
    [[join(cwd, 'empty'), ...out], 2, /empty, it has no config\.json/],
    [[good, good, ...out], 2, /good is given twice/],
    [[good, broken, ...out], 1, /broken.config\.json is not JSON/],
    [[good, cut, ...out], 1, /metrics\.csv, line 2: expected 9 numbers/],
    [[good, odd, ...out], 1, /eval\.json has no list of values/],
    [[good, '--out', join(cwd, 'x.pdf')], 2, /name ends in \.html/],
  ] as [string[], number, RegExp][]) {
    const result = await run(['report', ...args]);
    expect(result.stderr).toMatch(/^error: .*\n$/);
    expect(result.stderr).toMatch(says);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: '' });
  }
  expect((await readdir(cwd)).sort()).toEqual(before);
});
