import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'playwright/test';
import { smallMnist } from './support/small-mnist.ts';

test("the README's program trains a model", async ({ browserName: _ }, info) => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const program = /```ts\n(.*?)```/s.exec(readme)?.[1];
  expect(program, 'a TypeScript block in the README').toBeDefined();
  const lines = program!.trim().split('\n');
  expect(lines.filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(10);

  const folder = info.outputPath('work');
  await mkdir(folder, { recursive: true });
  await smallMnist(folder);
  // The whole of MNIST would take minutes on a software adapter; nothing else is changed.
  const shorter = program!.replace('loadMnist()', `loadMnist(${JSON.stringify(folder)})`);
  expect(shorter).not.toBe(program);
  const file = join(folder, 'readme.mts');
  await writeFile(file, shorter);
  const tsx = createRequire(import.meta.url).resolve('tsx');
  // The test runner asks for colours, which console.log would put around the numbers.
  const { FORCE_COLOR: _color, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', tsx, file], { env });

  const losses = stdout.split('\n').flatMap((line) => (/−ELBO ([\d.]+)/.exec(line) ?? []).slice(1).map(Number));
  // 543.4 is what an untrained model has; a few dozen steps bring it below 300.
  expect(losses.at(-1)).toBeLessThan(300);
});
