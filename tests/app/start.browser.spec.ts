import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, idle, panel, stepOnce } from './page.ts';
import { openSite, test } from './site.ts';

test('a language that the browser has no formats for: the page starts, and the curves are there', async ({
  page,
  siteUrl,
  errors,
}) => {
  await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'language', { get: () => 'en-US@posix' }));
  await openSite(page, siteUrl, '#hidden=8');
  await idle(page);
  await stepOnce(page);
  await expect(panel(page, 'Loss').locator('canvas')).toBeVisible();
  expect(errors).toEqual([]);
});

test('what keeps the page from starting is told: a part that is missing, an error at import', async ({
  page,
  siteUrl,
}) => {
  const alert = page.getByRole('alert');
  await page.route(/assets\/.*\.js$/, (route) => route.fulfill({ status: 404 }));
  await page.goto(siteUrl);
  await expect(alert).toContainText('The page could not start');
  await expect(alert).toContainText(/A part of it could not be loaded: http.*\.js/);

  await page.unroute(/assets\/.*\.js$/);
  await page.route(/assets\/.*\.js$/, (route) =>
    route.fulfill({ contentType: 'text/javascript', body: 'throw new RangeError("no such thing");' }),
  );
  await page.goto(siteUrl);
  await expect(alert).toContainText('The page could not start');
  await expect(alert).toContainText('no such thing');

  // What is thrown before there is anything to show it in.
  await page.unroute(/assets\/.*\.js$/);
  await page.addInitScript(() => {
    Object.defineProperty(window, 'matchMedia', { value: undefined });
  });
  await page.goto(siteUrl);
  await expect(alert).toContainText('matchMedia is not a function');
  await expect(page.locator('body')).not.toContainText('is starting');
});

test('opened as a file the page says what to do', async ({ page }) => {
  const { build } = await import('vite');
  const folder = await mkdtemp(join(tmpdir(), 'webgpu-vae-file-'));
  try {
    const root = fileURLToPath(new URL('../../', import.meta.url));
    const configFile = join(root, 'vite.config.ts');
    await build({ root, configFile, logLevel: 'error', build: { outDir: folder, emptyOutDir: true } });
    await page.goto(pathToFileURL(join(folder, 'index.html')).href);
    const alert = page.getByRole('alert');
    await expect(alert).toContainText('This page was opened as a file');
    await expect(alert).toContainText('npm run preview');
    await expect(alert).toContainText('python3 -m http.server');
    // Where not even that runs, there is a sentence.
    expect(await readFile(join(folder, 'index.html'), 'utf8')).toContain('webgpu-vae is starting.');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
