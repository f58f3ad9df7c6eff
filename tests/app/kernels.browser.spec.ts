import type { CheckReport } from '../../src/check/index.ts';
import { expect, panel, press, saved, stepOnce } from './page.ts';
import { lossOf, openSite, stepOf, test } from './site.ts';

/** The whole suite takes minutes on a software adapter, and runs in the project `chromium` of tests/kernels. */
test('this GPU is checked until told to stop, the page stays usable, and the report can be saved', async ({
  page,
  siteUrl,
  errors,
}) => {
  await openSite(page, siteUrl, '#hidden=8');
  await stepOnce(page);
  const loss = await lossOf(page);
  const kernels = panel(page, 'Kernels');
  await press(page, 'Check this GPU');
  await expect(kernels).toContainText(/Check 2\d of \d{3}/);
  // Meanwhile the page answers.
  await page.getByRole('application', { name: 'Latent plane' }).press('ArrowRight');
  await expect(panel(page, 'Decoded point')).toContainText('z = (0.20, 0.00)');
  await press(page, 'Stop the check');
  await expect(kernels).toContainText(
    /Stopped after \d+ of \d{3} checks\. All \d+ checks passed on .+: the results agree/,
  );
  await expect(kernels.getByRole('row', { name: /passed/ }).first()).toBeVisible();

  const report = JSON.parse((await saved(page, 'Export the check as JSON')).toString()) as {
    adapter: { name: string };
    planned: number;
    checks: CheckReport[];
  };
  expect(report.adapter.name).not.toBe('');
  expect(report.checks.length).toBeGreaterThan(20);
  expect(report.checks.length).toBeLessThan(report.planned);
  for (const { name, ok, elements, worst, message } of report.checks) {
    expect(ok, message).toBe(true);
    expect(elements, name).toBeGreaterThan(0);
    expect(worst!.error, name).toBeLessThanOrEqual(worst!.tolerance);
  }

  // The model is where it was: the next step is the one that it would have been.
  expect([await stepOf(page), await lossOf(page)]).toEqual([1, loss]);
  await stepOnce(page);
  const next = await lossOf(page);
  await press(page, 'Reset');
  await expect(page.getByRole('status')).toContainText('ready');
  await stepOnce(page);
  await stepOnce(page);
  expect(await lossOf(page)).toBe(next);
  expect(errors).toEqual([]);
});
