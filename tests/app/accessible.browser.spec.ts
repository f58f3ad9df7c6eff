import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect } from '../support/fixtures.ts';
import { openSite, test } from './site.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

test('on a phone axe finds nothing in a trained model, a measured kernel and an alert', async ({ page, siteUrl }) => {
  await page.setViewportSize({ width: 375, height: 800 });
  await openSite(page, siteUrl, '#hidden=16&batch=2048&epochs=1&latent=3');
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
  await press('Train');
  await expect(page.getByRole('status')).toContainText('finished');
  await press('Measure kernels');
  await expect(page.getByRole('row', { name: /^adam / })).toBeVisible();
  await press('Test image');
  await expect(page.getByRole('region', { name: 'Draw a digit' })).toContainText('μ ± σ');
  await page
    .getByLabel('Checkpoint file')
    .setInputFiles({ name: 'x', mimeType: 'text/plain', buffer: Buffer.from('x') });
  await expect(page.getByRole('alert')).toBeVisible();
  await page.evaluate(AXE);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    const violations = await page.evaluate(async () => {
      const { axe } = window as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
    });
    expect(violations, colorScheme).toEqual([]);
  }
  expect(await page.evaluate(() => document.documentElement.scrollWidth), 'nothing is wider than the screen').toBe(375);
});

test('Tab reaches everything in the order of the page, and shows where it is', async ({ page, siteUrl }) => {
  await openSite(page, siteUrl, '#hidden=16&latent=3');
  const stops: { name: string; outline: string }[] = [];
  for (;;) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(() => {
      const at = document.activeElement;
      if (!at || at === document.body) return undefined;
      const label =
        at.getAttribute('aria-label') ?? (at as HTMLInputElement).labels?.[0]?.textContent ?? at.textContent;
      const panel = at.closest('section')?.querySelector('h2')?.textContent ?? '';
      return { name: `${panel}: ${label}`, outline: getComputedStyle(at).outlineStyle };
    });
    if (!stop || stops.length > 150) break;
    stops.push(stop);
  }
  const names = stops.map(({ name }) => name);
  expect(stops.filter(({ outline }) => outline === 'none')).toEqual([]);
  const enabled = await page
    .locator(':is(a[href], button, input, select, summary, [tabindex="0"]):not(:disabled):visible')
    .count();
  expect(stops.length, names.join('\n')).toBe(enabled);
  // Before the first panel stands the tour.
  const panels = [...new Set(names.slice(1).map((name) => name.split(':')[0]))];
  expect(panels).toEqual([
    'Controls',
    'Loss',
    'Experiments',
    'Latent space',
    'Draw a digit',
    'Decoded point',
    'Reconstructions',
    'Samples',
    'One image’s way',
    'The network',
    'Kernels',
    'Words',
  ]);
});
