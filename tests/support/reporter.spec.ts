import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, type TestInfo, test } from 'playwright/test';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PLAYWRIGHT = join(ROOT, 'node_modules', 'playwright', 'cli.js');

/** Runs Playwright in a process of its own, with our reporter alone. */
function playwright(
  info: TestInfo,
  args: string[],
  variables: Record<string, string> = {},
): Promise<{ code: number | null; stdout: string }> {
  const { FORCE_COLOR: _, NODE_OPTIONS: __, TEST_WORKER_INDEX: ___, ...env } = process.env;
  const options = ['--reporter=./tests/support/reporter.ts', `--output=${info.outputPath('results')}`, '--workers=1'];
  const child = spawn(process.execPath, [PLAYWRIGHT, 'test', ...options, ...args], {
    cwd: ROOT,
    env: { ...env, ...variables },
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.resume();
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, stdout }));
  });
}

test('an adapter without subgroups: everything that it can run passes, the rest is counted', async () => {
  const specs = ['tests/kernels/kernels.spec.ts', 'tests/vae/golden.spec.ts'];
  const args = ['--project=node', '-g', 'vae step.*\\(1-1-1|PyTorch: one-layer|every way', ...specs];
  const { code, stdout } = await playwright(test.info(), args, { WEBGPU_VAE_WITHHOLD: 'subgroups' });
  expect(stdout).toContain(
    'NOT HERE 4 tests need what this adapter cannot run: the variant subgroup, the variant subgroup_texture',
  );
  expect(stdout).toMatch(/All 7 tests passed in \d+ s\.\n$/);
  expect(code).toBe(0);
});

test('any other skipped test fails the run', async () => {
  const folder = test.info().outputPath('specs');
  await mkdir(folder, { recursive: true });
  const config = test.info().outputPath('playwright.config.ts');
  await writeFile(config, `export default { testDir: ${JSON.stringify(folder)}, projects: [{ name: 'node' }] };`);
  await writeFile(
    `${folder}/some.spec.ts`,
    `import { test } from 'playwright/test';
     test('done', () => {});
     test('put off', () => test.info().skip(true, 'some other day'));`,
  );
  const reporter = `--reporter=${ROOT}tests/support/reporter.ts`;
  const { code, stdout } = await playwright(test.info(), [`--config=${config}`, reporter]);
  expect(stdout).toMatch(
    /NOT RUN {2}node > .*some\.spec\.ts > put off\nNOT PASSED: 0 failed, 1 not run of 2 tests, in \d+ s\.\n$/,
  );
  expect(code).toBe(1);
});
