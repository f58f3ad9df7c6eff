import { expect, test } from '../support/fixtures.ts';
import { recordFault } from './faults.ts';

test('device lost in a page: training goes on, with the same bits', async ({ browser, pageUrl }) => {
  const page = await browser.newPage();
  try {
    await page.goto(pageUrl);
    const expected = await page.evaluate(() => window.trainThroughLosses([]));
    expect(expected).toMatchObject({ finished: true, recoveries: 0 });
    const lossSteps = [1, 14, 30];
    const disturbed = await page.evaluate((steps) => window.trainThroughLosses(steps), lossSteps);
    expect(disturbed.recoveries).toBe(lossSteps.length);
    expect(disturbed).toEqual({ ...expected, recoveries: lossSteps.length });
    // While steps are submitted and while results are read, in the middle and in the first epoch.
    const calls = (['submit', 'mapAsync'] as const).flatMap((method) => [4, 12].map((count) => ({ method, count })));
    for (const call of calls) {
      const ending = await page.evaluate((at) => window.trainThroughLosses([], at), call);
      expect(ending, `${call.method} ${call.count}`).toEqual({ ...expected, recoveries: 1 });
    }
    recordFault(test.info(), {
      fault: 'device lost in a page (Chromium), at a step, a submission or a read-back',
      injected: lossSteps.length + calls.length,
      outcome: 'rebuilt from the last snapshot in memory; the run ended with the same bits',
      lost: 'nothing',
    });
  } finally {
    await page.close();
  }
});
