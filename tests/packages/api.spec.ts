import { readFile } from 'node:fs/promises';
import { expect, test } from 'playwright/test';
import { apiReport, REPORT } from '../../packages/api.ts';

test('the public interface is the recorded one', async () => {
  const recorded = await readFile(REPORT, 'utf8');
  expect(apiReport(), 'it changed: if that is meant, run `npm run api` and say so in CHANGELOG.md').toBe(recorded);
});
