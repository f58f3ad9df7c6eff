import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { type Browser, chromium, expect, type Page, test } from 'playwright/test';
import { initialParameters } from '../../src/nn/parameters.ts';
import { settle } from '../../src/train/model.ts';
import { writeSafetensors } from '../../src/train/safetensors.ts';
import { vae } from '../../src/vae/model.ts';
import { findChromium, WEBGPU_FLAGS } from '../../tests/support/chromium.ts';
import {
  data,
  emptyFolder,
  filesOf,
  install,
  join,
  pack,
  project,
  remove,
  run,
  serve,
  sizeOf,
  tested,
} from './project.ts';

test.describe.configure({ mode: 'serial' });

/** What a page's project may weigh once the engine is installed. */
const MOST_MB = 2;
/** What the guide's page loads before it trains, gzipped. */
const MOST_LOADED_BYTES = 100_000;

/** A guide's only block of a language: what a reader copies. */
async function blockOf(guide: string, language: string): Promise<string> {
  const text = await readFile(new URL(`../../docs/guides/${guide}.md`, import.meta.url), 'utf8');
  const blocks = [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))];
  expect(blocks, `${language} in ${guide}.md`).toHaveLength(1);
  return blocks[0]![1]!;
}

/** The guide's page with other scripts. */
async function page(script: string): Promise<string> {
  return (await blockOf('page', 'html')).replace(/ *<script.*<\/script>\n/g, '').replace('</html>', `${script}</html>`);
}

let folder: string;
let browser: Browser;
test.beforeAll(async () => {
  folder = await emptyFolder();
  await project(folder, [await pack('webgpu-vae', folder)]);
  await data(join(folder, 'public'));
  await writeFile(join(folder, 'main.js'), await blockOf('page', 'js'));
  const { executablePath, env } = await findChromium();
  browser = await chromium.launch({
    executablePath,
    args: WEBGPU_FLAGS,
    env: { ...(process.env as Record<string, string>), ...env },
  });
});
test.afterAll(async () => {
  await browser?.close();
  await remove(folder);
});

/** Opens a folder's page and waits for what it says. */
async function open<T>(served: string, path: string, outcome: (page: Page) => Promise<T>): Promise<T> {
  const server = await serve(served);
  const opened = await browser.newPage();
  const troubles: string[] = [];
  const failed = new Promise<never>((_, reject) => opened.on('pageerror', reject));
  opened.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) troubles.push(message.text());
  });
  // Of the data the packed files are asked for first, which are not there.
  opened.on('requestfailed', (request) => {
    if (!request.url().includes('/mnist/')) troubles.push(request.url());
  });
  try {
    await opened.goto(server.url + path);
    const said = await Promise.race([outcome(opened), failed]);
    expect(troubles).toEqual([]);
    return said;
  } finally {
    await opened.close();
    server.close();
  }
}

const TIMEOUT = { timeout: 240_000 };

/** The guide's page trains 20 steps. */
async function expectTrained(served: string, path = ''): Promise<void> {
  const done = await open(served, path, async (opened) => {
    const status = opened.locator('#status', { hasText: /^done/ });
    await status.waitFor(TIMEOUT);
    return status.textContent();
  });
  const [, steps, loss] = /after (\d+) steps: −ELBO ([\d.]+)/.exec(done ?? '') ?? [];
  expect(Number(steps)).toBe(20);
  // An untrained model has 543.
  expect(Number(loss)).toBeLessThan(450);
}

test('installing the engine brings no native code and is small', async () => {
  const files = await filesOf(join(folder, 'node_modules'));
  expect(files.filter(({ path }) => /\.(node|so|dll|dylib|wasm|gyp)$/.test(path))).toEqual([]);
  const size = await sizeOf(join(folder, 'node_modules'));
  console.log(`The engine with all that is installed with it: ${size.toFixed(2)} MB`);
  expect(size).toBeLessThan(MOST_MB);
});

test('a page with an import map needs no bundler', async () => {
  // Such a page may forbid eval.
  const policy = `<meta http-equiv="Content-Security-Policy" content="script-src 'self' 'unsafe-inline'">`;
  const plain = (await blockOf('page', 'html')).replace('<meta charset', `${policy}\n  <meta charset`);
  await writeFile(join(folder, 'plain.html'), plain);
  await data(folder);
  await expectTrained(folder, 'plain.html');
});

test('a page decodes what a trained model has learned', async () => {
  const images = { rows: 28, columns: 28, channels: 1, classes: 0 };
  const { table } = settle(vae, { hidden: [8] }, images);
  const config = JSON.stringify({ hidden: [8], latent: 2, rows: 28, columns: 28 });
  await writeFile(
    join(folder, 'model.safetensors'),
    writeSafetensors(initialParameters(table, 0), { format: 'pt', config }),
  );
  await writeFile(join(folder, 'decode.html'), await blockOf('deploy', 'html'));
  const level = await open(folder, 'decode.html', async (opened) => {
    await opened.waitForFunction(() => document.title === 'ready', undefined, TIMEOUT);
    return opened.evaluate(
      () => document.querySelector('canvas')?.getContext('2d')?.getImageData(14, 14, 1, 1).data[0],
    );
  });
  // Weights that have learned nothing make every pixel grey.
  expect(level).toBeGreaterThan(100);
  expect(level).toBeLessThan(155);
});

test('bundlers are installed', async () => {
  await install(folder, ['--save-dev', ...(await tested('vite')), 'esbuild@0.28', 'webpack@5', 'webpack-cli@6']);
});

test('esbuild bundles what is used, and the bundle trains', async () => {
  const out = join(folder, 'out-esbuild');
  await mkdir(out);
  const flags = ['--bundle', '--format=esm', '--splitting', '--minify', `--outdir=${out}`];
  await run(folder, ['node_modules/.bin/esbuild', 'main.js', ...flags]);
  const bundle = await readFile(join(out, 'main.js'));
  const loadedBytes = gzipSync(bundle, { level: 9 }).length;
  console.log(`The guide's page: ${(loadedBytes / 1000).toFixed(1)} kB gzipped`);
  expect(loadedBytes).toBeLessThan(MOST_LOADED_BYTES);
  // Shaders that the program has no use for stay out: those of operations that the model does not have.
  for (const file of ['layer_norm', 'softmax_cross_entropy', 'embedding', 'group_norm']) {
    expect(bundle.includes(`${file}.wgsl`), `${file}.wgsl in the bundle`).toBe(false);
  }
  expect(bundle.includes('reparameterize.wgsl')).toBe(true);
  await writeFile(join(out, 'index.html'), await page('<script type="module" src="main.js"></script>'));
  await data(out);
  await expectTrained(out);
});

test('Vite builds a page that trains', async () => {
  await writeFile(join(folder, 'index.html'), await page('<script type="module" src="/main.js"></script>'));
  await run(folder, ['node_modules/.bin/vite', 'build', '--base', './', '--target', 'es2023', '--outDir', 'out-vite']);
  await expectTrained(join(folder, 'out-vite'));
});

test('webpack builds a page that trains', async () => {
  const out = join(folder, 'out-webpack');
  await run(folder, [
    'node_modules/.bin/webpack',
    '--mode',
    'production',
    '--entry',
    './main.js',
    '--output-path',
    out,
  ]);
  await writeFile(join(out, 'index.html'), await page('<script src="main.js"></script>'));
  await data(out);
  await expectTrained(out);
});
