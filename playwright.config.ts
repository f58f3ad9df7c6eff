import { defineConfig } from 'playwright/test';

const MINUTE_MS = 60_000;
/** Where a run leaves its report and files; emptied at its beginning. */
const RESULTS = process.env.WEBGPU_VAE_RESULTS ?? 'test-results';

/**
 * Two projects share the specs of `tests/kernels`: `node` computes through Dawn in the worker process, `chromium` in a
 * page of a real browser. `*.browser.spec.ts` run in the browser only, all other specs in Node only.
 */
export default defineConfig({
  testDir: 'tests',
  outputDir: RESULTS,
  // The longest file comes first, so that the workers finish together.
  projects: [
    { name: 'chromium', testMatch: ['**/*.browser.spec.ts', '**/kernels/**/*.spec.ts'] },
    { name: 'node', testMatch: '**/*.spec.ts', testIgnore: '**/*.browser.spec.ts' },
  ],
  // A software adapter uses every core by itself; two workers keep two cores busy while one of them compiles.
  workers: 2,
  // SwiftShader takes seconds to compile a large pipeline, and the machine may be slow, shared and busy: nothing is judged by
  // how long it took. What a test waits for gets less than the test, so that the message says what did not come.
  timeout: 10 * MINUTE_MS,
  expect: { timeout: 5 * MINUTE_MS },
  // A run that hangs still ends with a report.
  globalTimeout: (process.env.CI === undefined ? 60 : 30) * MINUTE_MS,
  retries: 0,
  forbidOnly: process.env.CI !== undefined,
  reporter: [
    [process.stdout.isTTY ? 'line' : 'list'],
    ['json', { outputFile: `${RESULTS}/results.json` }],
    ['./tests/support/reporter.ts'],
  ],
});
