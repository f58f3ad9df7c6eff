/** What a visitor does on the page, and what is seen of it. */
import { readFile } from 'node:fs/promises';
import type { Locator, Page } from 'playwright/test';
import { expect } from '../support/fixtures.ts';
import { stepOf } from './site.ts';

export { expect };

export const panel = (page: Page, name: string): Locator => page.getByRole('region', { name, exact: true });
export const press = (page: Page, name: string): Promise<void> =>
  page.getByRole('button', { name, exact: true }).click();

export async function pause(page: Page): Promise<void> {
  await press(page, 'Pause');
  await page.getByRole('button', { name: 'Train', exact: true }).waitFor();
}

/** Nothing is in the way of the next command: neither training nor a step. */
export async function idle(page: Page): Promise<void> {
  await expect(page.getByRole('button', { name: 'Step', exact: true })).toBeEnabled();
}

export async function stepOnce(page: Page): Promise<void> {
  const before = await stepOf(page);
  await press(page, 'Step');
  await expect.poll(() => stepOf(page)).toBe(before + 1);
  await idle(page);
}

/** What a button makes the browser save. */
export async function saved(page: Page, name: string): Promise<Buffer> {
  const downloading = page.waitForEvent('download');
  await press(page, name);
  return readFile(await (await downloading).path());
}

/** Runs in the browser's storage, as `seed` and step, the latest first. */
export function stored(page: Page): Promise<string[]> {
  return page.evaluate(
    () =>
      new Promise<string[]>((resolve, reject) => {
        const open = indexedDB.open('webgpu-vae');
        open.onerror = () => reject(open.error);
        open.onsuccess = () => {
          const database = open.result;
          const runs = database.transaction('runs').objectStore('runs').getAll();
          runs.onerror = () => reject(runs.error);
          runs.onsuccess = () => {
            database.close();
            const all = runs.result as { config: { seed: number }; step: number; savedAt: number }[];
            all.sort((a, b) => b.savedAt - a.savedAt);
            resolve(all.map(({ config, step }) => `seed ${config.seed}, step ${step}`));
          };
        };
      }),
  );
}

/** Keeps the devices that the page will open, so that a test can lose them. */
export async function watchDevices(
  page: Page,
): Promise<{ opened(): Promise<number>; lose(index?: number): Promise<void> }> {
  await page.addInitScript(() => {
    const devices: GPUDevice[] = [];
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (descriptor) {
      const device = await requestDevice.call(this, descriptor);
      devices.push(device);
      return device;
    };
    Object.assign(window, { devices });
  });
  return {
    opened: () => page.evaluate(() => (window as unknown as { devices: GPUDevice[] }).devices.length),
    /** By default the one that was opened last. */
    lose: (index = -1) =>
      page.evaluate((at) => (window as unknown as { devices: GPUDevice[] }).devices.at(at)!.destroy(), index),
  };
}
