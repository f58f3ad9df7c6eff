import { readdir } from 'node:fs/promises';
import { expect } from 'playwright/test';
import { adapterOptions, test, webgpuVae } from './command.ts';

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
