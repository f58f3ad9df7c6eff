import { defineConfig } from 'playwright/test';

const MINUTE_MS = 60_000;
const RESULTS = '../../test-results-smoke';

/** `npm run smoke`: the packages as others install them. Needs the npm registry, so `npm test` leaves it out. */
export default defineConfig({
  testDir: '.',
  outputDir: RESULTS,
  workers: 2,
  timeout: 10 * MINUTE_MS,
  globalTimeout: 20 * MINUTE_MS,
  retries: 0,
  forbidOnly: process.env.CI !== undefined,
  reporter: [['list'], ['json', { outputFile: `${RESULTS}/results.json` }]],
});
