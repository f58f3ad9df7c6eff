import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { type Browser, chromium, expect, test } from 'playwright/test';
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
/** What a page with the README's program loads before it trains, gzipped. */
const MOST_LOADED_BYTES = 100_000;

/** The README's program, as a page of 20 steps. */
const PAGE = `
import { createDevice, createVae, loadMnist } from 'webgpu-vae';
try {
  const device = await createDevice();
  const data = await loadMnist();
  const vae = await createVae(device, data, { hidden: [64], latent: 2, epochs: 1 });
  await vae.train();
  const digits = await vae.sample(16);
  globalThis.result = { step: vae.step, loss: (await vae.evaluate()).loss, digits: digits.length };
  vae.dispose();
  device.dispose();
} catch (error) {
  globalThis.result = { error: String(error) };
}
`;
const html = (script: string, head = ''): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>smoke</title>${head}</head><body>${script}</body></html>\n`;

let folder: string;
let browser: Browser;
test.beforeAll(async () => {
  folder = await emptyFolder();
  await project(folder, [await pack('webgpu-vae', folder)]);
  await data(join(folder, 'public'));
  await writeFile(join(folder, 'main.js'), PAGE);
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

/** Opens a folder's page and waits for what its program says. */
async function expectTrained(served: string, path = ''): Promise<void> {
  const server = await serve(served);
  const page = await browser.newPage();
  const troubles: string[] = [];
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) troubles.push(message.text());
  });
  page.on('pageerror', (error) => troubles.push(String(error)));
  // Of the data the packed files are asked for first, which are not there.
  page.on('requestfailed', (request) => {
    if (!request.url().includes('/mnist/')) troubles.push(request.url());
  });
  try {
    await page.goto(server.url + path);
    const result = page.waitForFunction(() => (globalThis as { result?: unknown }).result, undefined, {
      timeout: 240_000,
    });
    const said = await result.then(
      (handle) => handle.jsonValue(),
      (error) => ({ error: String(error) }),
    );
    expect({ troubles, said }).toEqual({
      troubles: [],
      said: { step: 20, loss: expect.any(Number), digits: 16 * 784 },
    });
    expect((said as { loss: number }).loss).toBeLessThan(450);
  } finally {
    await page.close();
    server.close();
  }
}

test('installing the engine brings no native code and is small', async () => {
  const files = await filesOf(join(folder, 'node_modules'));
  expect(files.filter(({ path }) => /\.(node|so|dll|dylib|wasm|gyp)$/.test(path))).toEqual([]);
  const size = await sizeOf(join(folder, 'node_modules'));
  console.log(`The engine with all that is installed with it: ${size.toFixed(2)} MB`);
  expect(size).toBeLessThan(MOST_MB);
});

test('a page with an import map needs no bundler', async () => {
  const map = { imports: { 'webgpu-vae': './node_modules/webgpu-vae/dist/index.browser.js' } };
  // Such a page may forbid eval.
  const policy = `<meta http-equiv="Content-Security-Policy" content="script-src 'self' 'unsafe-inline'">`;
  const head = `${policy}<script type="importmap">${JSON.stringify(map)}</script>`;
  await writeFile(join(folder, 'plain.html'), html('<script type="module" src="main.js"></script>', head));
  await data(folder);
  await expectTrained(folder, 'plain.html');
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
  console.log(`The README's program: ${(loadedBytes / 1000).toFixed(1)} kB gzipped`);
  expect(loadedBytes).toBeLessThan(MOST_LOADED_BYTES);
  // Shaders that the program has no use for stay out: those of operations that the model does not have.
  for (const file of ['layer_norm', 'softmax_cross_entropy', 'embedding', 'draw_images']) {
    expect(bundle.includes(`${file}.wgsl`), `${file}.wgsl in the bundle`).toBe(false);
  }
  expect(bundle.includes('reparameterize.wgsl')).toBe(true);
  await writeFile(join(out, 'index.html'), html('<script type="module" src="main.js"></script>'));
  await data(out);
  await expectTrained(out);
});

test('Vite builds a page that trains', async () => {
  await writeFile(join(folder, 'index.html'), html('<script type="module" src="/main.js"></script>'));
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
  await writeFile(join(out, 'index.html'), html('<script src="main.js"></script>'));
  await data(out);
  await expectTrained(out);
});
