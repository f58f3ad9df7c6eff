import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright/test';
import { test as base } from '../support/fixtures.ts';

const SUB_PATH = 'some/folder';

/** Playwright's `test` with the built site, served below a sub-path as a static server would. */
export const test = base.extend<{ errors: string[] }, { siteUrl: string }>({
  siteUrl: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of a fixture's fixtures from the pattern.
    async ({}, use) => {
      const { build, preview } = await import('vite');
      const folder = await mkdtemp(join(tmpdir(), 'webgpu-vae-site-'));
      const configFile = fileURLToPath(new URL('../../vite.config.ts', import.meta.url));
      const common = {
        root: fileURLToPath(new URL('../../', import.meta.url)),
        configFile,
        logLevel: 'error',
      } as const;
      try {
        await build({ ...common, build: { outDir: join(folder, SUB_PATH), emptyOutDir: true } });
        const options = { host: '127.0.0.1', port: 0, open: false };
        const server = await preview({ ...common, appType: 'mpa', build: { outDir: folder }, preview: options });
        await use(`${server.resolvedUrls!.local[0]}${SUB_PATH}/`);
        await server.close();
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    { scope: 'worker' },
  ],

  /** What the page's console and its policy complained of. */
  errors: async ({ page }, use) => {
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    // Code that tries what is forbidden and lives without it says nothing itself.
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`forbidden by the policy: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    await use(errors);
  },
});

/** Opens the site with a model that SwiftShader trains quickly, and waits until it can be trained. */
export async function openSite(page: Page, url: string, hash = '#hidden=32&epochs=2'): Promise<void> {
  await page.goto(url + hash);
  await page.getByRole('button', { name: 'Train' }).waitFor();
}

/** Steps done, as the status says. */
export async function stepOf(page: Page): Promise<number> {
  const text = (await page.getByRole('status').textContent()) ?? '';
  return Number(/step (\d+)\//.exec(text)?.[1] ?? Number.NaN);
}

/** −ELBO, as the status says. */
export async function lossOf(page: Page): Promise<number> {
  const text = (await page.getByRole('status').textContent()) ?? '';
  return Number(/−ELBO ([\d.]+)/.exec(text)?.[1] ?? Number.NaN);
}
