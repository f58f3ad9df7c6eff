import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright/test';
import { type DataSet, takeFirst } from '../../src/data/dataset.ts';
import type { AdapterDescription } from '../../src/gpu/device.ts';
import { findChromium, WEBGPU_FLAGS } from '../../tests/support/chromium.ts';
import { type PageServer, servePage } from '../../tests/support/page-server.ts';
import type { RoundResult } from './contender.ts';
import type { PlayingContender } from './process.ts';
import { IMAGES } from './task.ts';

/** A browser on SwiftShader in which contenders have a tab each. */
export class ContenderBrowser {
  readonly #browser: Browser;
  readonly #server: PageServer;
  readonly #images: string;
  readonly version: string;

  private constructor(browser: Browser, server: PageServer, images: string) {
    this.#browser = browser;
    this.#server = server;
    this.#images = images;
    this.version = `Chromium ${browser.version()}`;
  }

  static async open(data: DataSet): Promise<ContenderBrowser> {
    const server = await servePage(fileURLToPath(new URL('page/', import.meta.url)));
    try {
      const { executablePath, env } = await findChromium();
      const options = { executablePath, args: WEBGPU_FLAGS, env: { ...process.env, ...env } as Record<string, string> };
      const images = Buffer.from(takeFirst(data.train, IMAGES).images).toString('base64');
      return new ContenderBrowser(await chromium.launch(options), server, images);
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  async #openTab(): Promise<Page> {
    const page = await this.#browser.newPage();
    await page.goto(this.#server.url);
    return page;
  }

  async describeAdapter(): Promise<AdapterDescription> {
    const page = await this.#openTab();
    try {
      return await page.evaluate(() => window.describeAdapter());
    } finally {
      await page.close();
    }
  }

  /** @throws Error with the page's own words if the first step fails */
  async start(name: string): Promise<{ contender: PlayingContender; ready: { firstStepMs: number } }> {
    const page = await this.#openTab();
    const start = (args: [string, string]) => page.evaluate((given) => window.startContender(...given), args);
    const ready = await start([name, this.#images]);
    const contender: PlayingContender = {
      name,
      async round(steps: number): Promise<RoundResult> {
        // A hidden tab gets less of the processor.
        await page.bringToFront();
        return page.evaluate((count) => window.playRound(count), steps);
      },
      stop: () => page.close(),
    };
    return { contender, ready };
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.#server.close();
  }
}
