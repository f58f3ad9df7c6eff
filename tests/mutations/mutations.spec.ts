import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'playwright/test';
import { allChecks } from '../../src/check/index.ts';
import { MUTATIONS } from './list.ts';
import { mutate } from './mutation.ts';

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

/** `npm run mutate` takes minutes; whether its list still fits the source is told at once. */
test('every mutation still finds its text, changes it, and names tests that there are', () => {
  const titles = allChecks().map(({ name }) => name);
  for (const mutation of MUTATIONS) {
    const text = read(mutation.file);
    expect(mutate(mutation, text), mutation.name).not.toBe(text);
    const { spec, grep } = mutation.target;
    expect(read(spec).length, mutation.name).toBeGreaterThan(0);
    if (spec.endsWith('kernels.spec.ts')) {
      expect(
        titles.some((title) => new RegExp(grep!).test(title)),
        `${mutation.name}: ${grep}`,
      ).toBe(true);
    }
  }
  expect(new Set(MUTATIONS.map(({ name }) => name)).size).toBe(MUTATIONS.length);
  expect(MUTATIONS.length).toBeGreaterThanOrEqual(40);
});

test('a text that is missing, or there twice, is refused', () => {
  const mutation = { ...MUTATIONS[0]!, search: 'a + b', replace: 'a - b' };
  expect(mutate(mutation, 'x = a + b;')).toBe('x = a - b;');
  for (const text of ['x = a - b;', 'x = a + b; y = a + b;']) {
    expect(() => mutate(mutation, text)).toThrow(/occurs [02] times in shaders\/elementwise.wgsl, expected once/);
  }
});
