import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'playwright/test';

// The pages and bundles of the guides are tried by `npm run smoke`.

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const ENGINE = fileURLToPath(new URL('engine.ts', import.meta.url));
const { resolve } = createRequire(import.meta.url);

/** All TypeScript of a guide, as one program. */
async function programOf(guide: string): Promise<string> {
  const text = await readFile(join(ROOT, 'docs/guides', `${guide}.md`), 'utf8');
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code);
  expect(blocks.length, `TypeScript in ${guide}.md`).toBeGreaterThan(0);
  // A name that two blocks import is written in both, for whoever reads one of them.
  return `${blocks.join('\n')}\nexport {};\n`;
}

let folder: string;
test.describe.configure({ mode: 'serial' });
test.beforeAll(async ({ browserName: _ }, info) => {
  folder = join(info.project.outputDir, 'guides');
  await mkdir(folder, { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules')).catch(() => {});
});

/** Runs a guide's program and returns what it prints. */
async function run(guide: string): Promise<string> {
  const file = join(folder, `${guide}.ts`);
  await writeFile(file, (await programOf(guide)).replaceAll("from 'webgpu-vae'", `from '${ENGINE}'`));
  // The test runner asks for colours, which console.log would put around the numbers.
  const { FORCE_COLOR: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', resolve('tsx'), file], {
    cwd: folder,
    env,
  });
  return stdout;
}

test('train in ten lines, then deploy', async () => {
  const trained = await run('train');
  expect(Number(/test −ELBO ([\d.]+)/.exec(trained)?.[1])).toBeLessThan(543);
  // Sixteen lines of the first digit, or more.
  expect(trained.split('\n').filter((line) => /^[ .:oO@]{28}$/.test(line))).toHaveLength(28);
  expect(await run('deploy')).toContain('2 images of 28 x 28');
});

test('your own data', async () => {
  const printed = await run('own-data');
  expect(printed).toContain('640 images of 28 x 28');
  expect(printed).toContain('labels: none');
  // ln 2 for every pixel is what a model without any knowledge pays.
  expect(Number(/test −ELBO ([\d.]+)/.exec(printed)?.[1])).toBeLessThan(120);
  expect(printed).toContain('256 pixels, from 0 to 255');
});

test('your own model', async () => {
  const printed = await run('own-model');
  expect(printed).toMatch(/epoch 1: cross-entropy \d/);
  // Ten of a hundred are right by chance.
  expect(Number(/([\d.]+) % of the test images right/.exec(printed)?.[1])).toBeGreaterThan(20);
});

test('your own kernel', async () => {
  expect(await run('own-kernel')).toMatch(/^right: /m);
});

test('resume', async () => {
  const printed = await run('resume');
  expect(printed).toContain('stopped after step 3');
  expect(printed).toContain('goes on after step 3');
  expect(printed).toContain('the same bits: true');
});

test('the programs of the guides are strict TypeScript', async () => {
  const guides = ['train', 'own-data', 'own-model', 'own-kernel', 'resume', 'deploy'];
  const strict = join(folder, 'strict');
  await mkdir(strict, { recursive: true });
  for (const guide of guides) await writeFile(join(strict, `${guide}.ts`), await programOf(guide));
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    include: ['.'],
    exclude: [],
  };
  await writeFile(join(strict, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(dirname(resolve('typescript/package.json')), 'bin/tsc');
  await promisify(execFile)(process.execPath, [tsc, '--project', strict]).catch(({ stdout }) => {
    throw new Error(stdout);
  });
});
