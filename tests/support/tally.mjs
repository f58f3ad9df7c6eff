// Reads Playwright's JSON reports, prints `N passed, N failed`, and exits 1 unless tests ran and every one of them passed, in
// every report. Plain JavaScript without packages: it must work where `npm ci` did not.
import { readFileSync } from 'node:fs';

const files = process.argv.length > 2 ? process.argv.slice(2) : ['test-results/results.json'];
let passed = 0;
let failed = 0;
const troubles = [];
for (const file of files) {
  try {
    const { stats, errors } = JSON.parse(readFileSync(file, 'utf8'));
    passed += stats.expected;
    failed += stats.unexpected + stats.flaky;
    if (stats.skipped > 0) troubles.push(`skipped or not run, which counts as a failure: ${stats.skipped}`);
    if (errors.length > 0) troubles.push(`errors outside of tests, see above: ${errors.length}`);
    if (stats.expected + stats.unexpected + stats.flaky === 0) troubles.push('no test ran');
  } catch (error) {
    troubles.push(`no test report: ${error instanceof Error ? error.message : error}`);
  }
}
for (const trouble of troubles) console.log(trouble);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || troubles.length > 0 ? 1 : 0;
