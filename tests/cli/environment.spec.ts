/** Surroundings that are not as usual: an old Node, no home, a terminal that knows little. */
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import { isColoured } from '../../src/cli/format.ts';
import { adapterOptions, outcome, PROGRAM, start, test, tinyRun, webgpuVae } from './command.ts';

/** Options for Node that run `code` before the program. */
function before(code: string): string[] {
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
}

function asNode(version: string): string[] {
  return before(`Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`);
}

test('a Node that is too old gets one sentence, the oldest that will do runs', async ({ cwd }) => {
  const { engines } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  const [, major, minor] = /^>=(\d+)\.(\d+)$/.exec(engines.node)!.map(Number) as [number, number, number];
  for (const version of [`${major}.${minor - 1}.9`, `${major - 2}.99.0`]) {
    expect(await webgpuVae(['--version'], cwd, asNode(version))).toEqual({
      code: 1,
      stdout: '',
      stderr: `error: webgpu-vae needs Node ${major}.${minor} or newer, this is Node ${version}: get one from https://nodejs.org\n`,
    });
  }
  for (const version of [`${major}.${minor}.0`, `${major + 1}.0.0`]) {
    expect(await webgpuVae(['--version'], cwd, asNode(version))).toMatchObject({ code: 0, stderr: '' });
  }
});

test('a Node that is too old can read the program as far as that sentence', async () => {
  const program = await readFile(PROGRAM, 'utf8');
  // CommonJS, modules of Node 12 and functions are what Nodes from 10 on agree on.
  const { status, stderr } = spawnSync(process.execPath, ['--check', '--input-type=commonjs', '-'], { input: program });
  expect({ status, stderr: String(stderr) }).toEqual({ status: 0, stderr: '' });
  const code = program.replace(/\/\/.*$/gm, '');
  for (const tooNew of ['?.', '??', '||=', '&&=', 'await', 'catch {', '.at(', '#private']) {
    expect(code).not.toContain(tooNew);
  }
});

/** What libuv says of a user id that the system does not know, when HOME is not set. */
const noHome = before(`
  import os from 'node:os';
  import { syncBuiltinESMExports } from 'node:module';
  os.homedir = () => { throw Object.assign(new Error('uv_os_homedir returned ENOENT'), { code: 'ERR_SYSTEM_ERROR' }); };
  syncBuiltinESMExports();`);

/** A user id without a name: root can become anybody, if that one may read the program. */
const STRANGER = { uid: 54_321, gid: 54_321 };
const canBeStranger =
  process.getuid?.() === 0 && spawnSync(process.execPath, [PROGRAM, '--version'], STRANGER).status === 0;

test('without a home the cache folder is one of its own in the temporary folder', async ({ cwd }) => {
  const TMPDIR = join(cwd, 'tmp');
  await mkdir(TMPDIR);
  await chmod(TMPDIR, 0o1777);
  const env = { TMPDIR, HOME: undefined, XDG_CACHE_HOME: undefined };
  const child = canBeStranger
    ? start(['doctor', '--list'], cwd, [], { env, ...STRANGER })
    : start(['doctor', '--list'], cwd, noHome, { env });
  const { code, stderr, stdout } = await outcome(child);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^Used: /m);
  if (process.platform !== 'linux' || process.arch !== 'x64') return; // No driver is unpacked there.
  const cache = join(TMPDIR, `webgpu-vae-${canBeStranger ? STRANGER.uid : process.getuid!()}`);
  expect((await stat(cache)).mode & 0o777).toBe(0o700);
  expect((await readdir(cache)).some((name) => name.startsWith('swiftshader-'))).toBe(true);
});

test('an empty HOME does not mean the current folder', async ({ cwd }) => {
  const TMPDIR = join(cwd, 'tmp');
  await mkdir(TMPDIR);
  const child = start(['doctor', '--list'], cwd, [], { env: { TMPDIR, HOME: '', XDG_CACHE_HOME: undefined } });
  expect(await outcome(child)).toMatchObject({ code: 0, stderr: '' });
  expect(await readdir(cwd)).toEqual(['tmp']);
});

test('colours: NO_COLOR, then FORCE_COLOR, then what the terminal knows', () => {
  expect(isColoured(true, { TERM: 'xterm' })).toBe(true);
  expect(isColoured(true, {})).toBe(true);
  expect(isColoured(false, { TERM: 'xterm' })).toBe(false);
  expect(isColoured(true, { TERM: 'dumb' })).toBe(false);
  expect(isColoured(false, { FORCE_COLOR: '1' })).toBe(true);
  expect(isColoured(true, { TERM: 'dumb', FORCE_COLOR: '3' })).toBe(true);
  expect(isColoured(true, { FORCE_COLOR: '0' })).toBe(false);
  expect(isColoured(true, { NO_COLOR: '1', FORCE_COLOR: '1' })).toBe(false);
  // https://no-color.org: an empty variable is none.
  expect(isColoured(true, { NO_COLOR: '' })).toBe(true);
});

test('a terminal that only appends gets plain lines, and colours where they are forced', async ({ cwd }) => {
  const terminal = before('process.stdout.isTTY = true');
  const args = ['train', ...tinyRun, '--out', 'run', ...adapterOptions];
  const dumb = await outcome(start(args, cwd, terminal, { env: { TERM: 'dumb' } }));
  expect(dumb.code).toBe(0);
  expect(dumb.stdout).not.toContain('\x1b');
  expect(dumb.stdout).toMatch(/^epoch 1\/1, step \d\/8: train −ELBO [\d.]+$/m);
  const forced = await outcome(start(['bogus'], cwd, [], { env: { FORCE_COLOR: '1' } }));
  expect(forced).toMatchObject({ code: 2, stderr: "\x1b[31merror:\x1b[39m unknown command 'bogus'\n" });
});
