/**
 * `npm run bench:views`: what the page's views cost training, and how soon the first picture is there. The built page in
 * Chromium on SwiftShader; the table, or with `--json` one line of JSON, goes to stdout.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium, type Page } from 'playwright/test';
import { findChromium, WEBGPU_FLAGS } from '../tests/support/chromium.ts';
import { servePage } from '../tests/support/page-server.ts';
import { levelsOf } from '../tests/support/pixels.ts';
import { smallMnist } from '../tests/support/small-mnist.ts';
import { describeMachine, machineLine } from './machine.ts';
import { median, significant } from './statistics.ts';
import { table } from './table.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Half of MNIST: as many test images for each training image, a look for every epoch, and an epoch that can be waited for. */
const COUNTS = { train: 29_952, t10k: 4992 };
const STEPS_PER_EPOCH = 234;
/** A round is as many epochs as take this long. */
const ROUND_MS = 10_000;
const DEFAULT_ROUNDS = 5;
/** An untrained reconstruction is noise in many greys; a canvas that nothing was drawn on has one. */
const PICTURE_LEVELS = 20;
const USAGE = `Usage: npm run bench:views [-- options]
  --json        print one JSON object on one line and nothing else
  --hash <text> the page's settings; default: its own, 784-512-256-2 at batch 128
  --rounds <n>  pairs of rounds, one with views and one without; default: ${DEFAULT_ROUNDS}`;

interface Round {
  ms: number;
  steps: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      hash: { type: 'string', default: '' },
      rounds: { type: 'string', default: String(DEFAULT_ROUNDS) },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return print(USAGE);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds: expected an integer from 1, got ${values.rounds}`);
  const folder = await mkdtemp(join(tmpdir(), 'webgpu-vae-views-'));
  const server = await servePage(ROOT);
  const { executablePath, env } = await findChromium();
  const options = { executablePath, args: WEBGPU_FLAGS, env: { ...process.env, ...env } as Record<string, string> };
  const browser = await chromium.launch(options);
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await page.goto(`${server.url}#${values.hash}`);
    const first = await firstPictureMs(page);
    await page.getByLabel(/Other data/).setInputFiles(await smallMnist(folder, COUNTS));
    await page.getByText(`${COUNTS.t10k.toLocaleString('en-US')} test images at their mean`).waitFor({ timeout: 0 });
    await page.getByLabel('Epochs').fill('1000');
    await page.getByRole('button', { name: 'Train' }).click();
    // The first epoch compiles what is left to compile.
    await train(page, true);
    const pairs: { shown: Round; hidden: Round }[] = [];
    for (let i = 0; i < rounds; i++) {
      const hidden = await train(page, false);
      pairs.push({ hidden, shown: await train(page, true) });
      if (process.stderr.isTTY) process.stderr.write(`round ${i + 1} of ${rounds}\n`);
    }
    const msPerStep = ({ ms, steps }: Round) => ms / steps;
    const report = {
      adapter: await page.locator('dd').first().textContent(),
      host: `Chromium ${browser.version()}`,
      machine: describeMachine(),
      settings: new URL(page.url()).hash.slice(1),
      first_picture_ms: Math.round(first),
      ms_per_step: {
        without: significant(median(pairs.map(({ hidden }) => msPerStep(hidden)))),
        with_views: significant(median(pairs.map(({ shown }) => msPerStep(shown)))),
      },
      ratios: pairs.map(({ shown, hidden }) => significant(msPerStep(shown) / msPerStep(hidden), 3)),
      ratio: significant(median(pairs.map(({ shown, hidden }) => msPerStep(shown) / msPerStep(hidden))), 3),
    };
    print(values.json ? JSON.stringify(report) : text(report));
  } finally {
    await browser.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** From the last byte of the data to a screenshot in which the reconstructions are not blank. */
async function firstPictureMs(page: Page): Promise<number> {
  const canvas = page.getByRole('region', { name: 'Reconstructions' }).locator('canvas');
  await canvas.waitFor({ timeout: 0 });
  while ((await levelsOf(canvas)) < PICTURE_LEVELS);
  return page.evaluate(() => {
    const files = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
    const ends = files.filter(({ name }) => name.includes('/mnist/')).map(({ responseEnd }) => responseEnd);
    return performance.now() - Math.max(...ends);
  });
}

/**
 * Lets the page train for a round that ends with an epoch, seen or as in a hidden tab: the page is told what a browser
 * tells a page in the background.
 */
function train(page: Page, seen: boolean): Promise<Round> {
  return page.evaluate(
    ([isSeen, leastMs, stepsPerEpoch]) =>
      new Promise<Round>((resolve) => {
        const status = document.querySelector('[role="status"]')!;
        const begin = { at: performance.now(), step: Number(/step (\d+)/.exec(status.textContent)?.[1]) };
        const observer = new MutationObserver(() => {
          const ms = performance.now() - begin.at;
          const step = Number(/step (\d+)/.exec(status.textContent)?.[1]);
          if (ms < leastMs || step % stepsPerEpoch !== 0) return;
          observer.disconnect();
          resolve({ ms, steps: step - begin.step });
        });
        observer.observe(status, { childList: true, characterData: true, subtree: true });
        Object.defineProperty(document, 'hidden', { configurable: true, value: !isSeen });
        document.dispatchEvent(new Event('visibilitychange'));
      }),
    [seen, ROUND_MS, STEPS_PER_EPOCH] as const,
  );
}

interface Report {
  adapter: string | null;
  /** `Chromium 147.0.0.0`. */
  host: string;
  machine: ReturnType<typeof describeMachine>;
  settings: string;
  first_picture_ms: number;
  ms_per_step: { without: number; with_views: number };
  /** Of each pair of rounds: time with views over time without. */
  ratios: number[];
  /** Their median. */
  ratio: number;
}

function text({ adapter, host, machine, settings, first_picture_ms, ms_per_step, ratio, ratios }: Report): string {
  const rows = [
    ['ms per step, nothing drawn', ms_per_step.without],
    ['ms per step, views drawn', ms_per_step.with_views],
    ['with over without, median', ratio],
    ['with over without, range', `${Math.min(...ratios)} to ${Math.max(...ratios)}`],
    ['first picture after the data, ms', first_picture_ms],
  ];
  return `${machineLine(`${adapter}, ${host}`, machine)}\n\n${table([settings, ''], rows)}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`error: ${(error as Error).message}\n`);
  process.exitCode = 1;
});
