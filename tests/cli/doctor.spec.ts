import { readdir } from 'node:fs/promises';
import { expect } from 'playwright/test';
import { allChecks, type Check, checksFor } from '../../src/check/index.ts';
import { quickChecks } from '../../src/cli/accuracy.ts';
import { doctor } from '../../src/cli/doctor.ts';
import { plainMeter } from '../../src/cli/progress.ts';
import { defaultVariant } from '../../src/kernels/gemm.ts';
import { test as deviceTest } from '../support/fixtures.ts';
import { adapterOptions, outcome, start, test, webgpuVae } from './command.ts';

test('doctor --list tells the adapters, their limits and features, and which one is used', async ({ cwd }) => {
  const { code, stdout } = await webgpuVae(['doctor', '--list', ...adapterOptions], cwd);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Adapters found, best first:\n {2}\S.+\n {4}limits: .*threads.*\n {4}features: \S+/);
  expect(stdout).toMatch(/^Used: .+: .+\.$/m);
});

test('doctor refuses an adapter that is not there', async ({ cwd }) => {
  const { code, stderr } = await webgpuVae(['doctor', '--adapter', 'no-such-adapter'], cwd);
  expect(stderr).toMatch(/^error: .*no-such-adapter.*\n$/);
  expect(code).toBe(1);
});

test('setup --dry-run changes nothing and prints the lines, or why there are none', async ({ cwd }) => {
  const { code, stdout, stderr } = await webgpuVae(['setup', '--dry-run'], cwd);
  if (code === 0) expect(stdout).toMatch(/^ {2}(sudo )?apt-get install -y .*mesa-vulkan-drivers libvulkan1$/m);
  else
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^error: setup: cannot install.*\n$/) });
  expect(await readdir(cwd)).toEqual([]);
});

test('where no driver is installed Dawn warns of nothing', async ({ cwd }) => {
  const nowhere = { XDG_DATA_DIRS: cwd, XDG_DATA_HOME: cwd, XDG_CONFIG_DIRS: cwd, XDG_CONFIG_HOME: cwd };
  const { code, stdout, stderr } = await outcome(start(['doctor', '--list'], cwd, [], { env: nowhere }));
  expect(stderr).not.toContain('vkCreateInstance');
  if (stdout.startsWith('No adapter')) expect(code).toBe(1);
  else expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test('no driver is lost that only the Vulkan loader knows of', async ({ cwd }) => {
  const hidden = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const { readdirSync } = fs;
    fs.readdirSync = (path, ...rest) => (String(path).endsWith('icd.d') ? [] : readdirSync(path, ...rest));
    syncBuiltinESMExports();`;
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(hidden)}`];
  const known = await webgpuVae(['doctor', '--list'], cwd);
  const unknown = await webgpuVae(['doctor', '--list'], cwd, preload);
  expect(unknown).toEqual(known);
});

test('a driver that is named and does not work is explained', async ({ cwd }) => {
  const explanation =
    /^The Vulkan driver that this system names does not work and is passed over: Dawn warns of vkCreate/m;
  const env = { VK_DRIVER_FILES: '/nonexistent.json', VK_ICD_FILENAMES: '/nonexistent.json' };
  const broken = await outcome(start(['doctor', '--list'], cwd, [], { env }));
  expect(explanation.test(broken.stdout)).toBe(
    process.platform === 'linux' && broken.stdout.startsWith('Adapters found'),
  );
  const { stdout } = await webgpuVae(['doctor', '--list'], cwd);
  expect(stdout).not.toMatch(explanation);
});

deviceTest('--quick: some checks of every operation, of the kernels that train begins with', ({ device }) => {
  const all = checksFor(device);
  const quick = quickChecks(all, device);
  expect(new Set(quick).size).toBe(quick.length);
  expect(all).toEqual(expect.arrayContaining(quick));
  expect(new Set(quick.map(({ op }) => op))).toEqual(new Set(allChecks().map(({ op }) => op)));
  expect(quick.length).toBeLessThan(all.length / 4);
  const used = [defaultVariant(device, { C: 784, OC: 512 }), defaultVariant(device, { C: 2, OC: 3 })];
  expect(new Set(quick.flatMap(({ variant }) => variant ?? []))).toEqual(new Set(used));
});

deviceTest('a check that fails, or throws, is a failure of doctor', async () => {
  const check = (name: string, run: Check['run']): Check => ({ name, op: 'made up', run });
  const good = { name: 'good', ok: true, elements: 1, worst: null, message: '' };
  const fine = check('good', async () => good);
  const options = { adapter: process.env.WEBGPU_VAE_ADAPTER || undefined, list: false, quick: false };
  expect(await doctor(options, [fine])).toBe(0);
  expect(await doctor(options, [fine, check('bad', async () => ({ ...good, name: 'bad', ok: false }))])).toBe(1);
  const broken = check('broken', () => Promise.reject(new Error('made to fail')));
  expect(await doctor(options, [broken, fine])).toBe(1);
});

test('in a log doctor tells now and then how far it is, and not on stdout', () => {
  const lines: string[] = [];
  let now = 0;
  const { update } = plainMeter(100, { now: () => now, print: (line) => void lines.push(line) });
  for (let done = 1; done <= 100; done++) {
    now += 1000;
    update(done, done / 100);
  }
  expect(lines).toEqual([
    '15 of 100 checks, about 1 min 25 s left',
    '30 of 100 checks, about 1 min 10 s left',
    '45 of 100 checks, about 55 s left',
    '60 of 100 checks, about 40 s left',
    '75 of 100 checks, about 25 s left',
    '90 of 100 checks, about 10 s left',
  ]);
});
