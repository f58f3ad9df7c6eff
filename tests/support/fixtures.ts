import { type Browser, test as base, expect, type Page } from 'playwright/test';
import type { CheckReport } from '../../src/check/index.ts';
import type { AdapterDescription, Device } from '../../src/gpu/device.ts';
import { skipIfMissing } from './adapter.ts';
import type { CheckRunner } from './checks.ts';
import { findChromium, WEBGPU_FLAGS } from './chromium.ts';
import { type PageServer, servePage } from './page-server.ts';

/** What is expensive is opened once per worker, at the first use: a spec for both projects must not start the other one's. */
type Lazy<T> = () => Promise<T>;

interface WorkerFixtures {
  /** The device of the Node project, one per worker. Its adapter is the host's choice, or `WEBGPU_VAE_ADAPTER`'s. */
  device: Device;
  /** The adapter that `runCheck` computes on, with its features. */
  describeAdapter: Lazy<AdapterDescription>;
  /**
   * Runs one accuracy check of `src/check`: in this process in project `node`, in a page in project `chromium`. Ends the test
   * as not to be done here if the adapter cannot run it.
   */
  runCheck: (name: string) => Promise<CheckReport>;
  /** Where `tests/page` is served. */
  pageUrl: string;
  openRunner: Lazy<CheckRunner>;
  openBrowser: Lazy<Browser>;
  openServer: Lazy<PageServer>;
  openCheckPage: Lazy<Page>;
}

/** Playwright's `test`, with a device in Node and a page that computes in the browser. A missing one is a failure. */
export const test = base.extend<object, WorkerFixtures>({
  openRunner: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of a fixture's fixtures from the pattern.
    async ({}, use, { project }) => {
      await useLazily(
        use,
        async () => {
          if (project.name !== 'node')
            throw new Error(`device: project ${project.name} has none, use runCheck or a page`);
          const { openCheckRunner } = await import('./checks.ts');
          // To see what another adapter would: features that this one shall not have, with commas between them.
          const { WEBGPU_VAE_ADAPTER, WEBGPU_VAE_WITHHOLD = '' } = process.env;
          return openCheckRunner(WEBGPU_VAE_ADAPTER, WEBGPU_VAE_WITHHOLD.split(','));
        },
        (runner) => runner.dispose(),
      );
    },
    { scope: 'worker' },
  ],

  openServer: [
    // biome-ignore lint/correctness/noEmptyPattern: see above.
    async ({}, use) => {
      await useLazily(use, servePage, (server) => server.close());
    },
    { scope: 'worker' },
  ],

  openBrowser: [
    async ({ playwright }, use) => {
      await useLazily(
        use,
        async () => {
          const { executablePath, env } = await findChromium();
          return playwright.chromium.launch({ executablePath, args: WEBGPU_FLAGS, env: { ...process.env, ...env } });
        },
        (browser) => browser.close(),
      );
    },
    { scope: 'worker' },
  ],

  openCheckPage: [
    async ({ openBrowser, openServer }, use) => {
      await useLazily(
        use,
        async () => {
          const [browser, server] = await Promise.all([openBrowser(), openServer()]);
          const page = await browser.newPage();
          await page.goto(server.url);
          return page;
        },
        (page) => page.close(),
      );
    },
    { scope: 'worker' },
  ],

  device: [async ({ openRunner }, use) => use((await openRunner()).device), { scope: 'worker' }],

  describeAdapter: [
    async ({ openRunner, openCheckPage }, use, { project }) => {
      await use(async () => {
        if (project.name === 'node') return (await openRunner()).adapter;
        return (await openCheckPage()).evaluate(() => window.describeAdapter());
      });
    },
    { scope: 'worker' },
  ],

  runCheck: [
    async ({ openRunner, openCheckPage, describeAdapter }, use, { project }) => {
      await use(async (name) => {
        const adapter = await describeAdapter();
        test.info().annotations.push({ type: 'adapter', description: `${adapter.name}, ${adapter.backend}` });
        if (project.name === 'node') {
          const runner = await openRunner();
          skipIfMissing(runner.missing(name));
          return runner.run(name);
        }
        const page = await openCheckPage();
        skipIfMissing(await page.evaluate((check) => window.missingFor(check), name));
        return page.evaluate((check) => window.runCheck(check), name);
      });
    },
    { scope: 'worker' },
  ],

  // The `page` of a browser spec lives in the same browser as the checks.
  browser: [async ({ openBrowser }, use) => use(await openBrowser()), { scope: 'worker' }],
  pageUrl: [async ({ openServer }, use) => use((await openServer()).url), { scope: 'worker' }],
});

export { expect };

async function useLazily<T>(
  use: (lazy: Lazy<T>) => Promise<void>,
  open: () => Promise<T>,
  close: (value: T) => void | Promise<void>,
): Promise<void> {
  let opened: Promise<T> | undefined;
  await use(() => {
    opened ??= open();
    return opened;
  });
  // What could not be opened has failed its tests already and leaves nothing to close.
  const value = await opened?.catch(() => undefined);
  if (value !== undefined) await close(value);
}
