import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'playwright/test';
import { brokenLinks, filesBelow } from '../../packages/reference/links.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

test('the links of README, ARCHITECTURE, CHANGELOG and docs lead somewhere', () => {
  const documents = ['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md'].map((name) => join(ROOT, name));
  const files = [...documents, ...filesBelow(join(ROOT, 'docs'), '.md')];
  expect(files.length).toBeGreaterThan(10);
  expect(brokenLinks(files)).toEqual([]);
});
