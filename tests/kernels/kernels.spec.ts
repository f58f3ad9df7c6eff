import { allChecks } from '../../src/check/index.ts';
import { expect, test } from '../support/fixtures.ts';

for (const check of allChecks()) {
  test(check.name, async ({ runCheck }) => {
    const report = await runCheck(check.name);
    expect(report.ok, report.message).toBe(true);
  });
}
