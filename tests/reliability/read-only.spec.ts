import { spawnSync } from 'node:child_process';
import { chmod, lchown, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import { adapterOptions, type Outcome, outcome, PROGRAM, start } from '../cli/command.ts';
import { recordFault } from './faults.ts';
import { expectSameRun, often, preload, settings, test, wholeRun, withEpochs } from './runs.ts';

const NOBODY = { uid: 65_534, gid: 65_534 };
const isRoot = process.getuid?.() === 0;
/** Root may write everywhere: there the command runs as nobody, whose folders these are then. */
const isNobodyAble = isRoot && spawnSync(process.execPath, [PROGRAM, '--version'], NOBODY).status === 0;

/** For root in a folder that nobody may enter: what the system would do for anyone else. */
const asTheSystemWould = preload(`
  import files from 'node:fs/promises';
  import { statSync } from 'node:fs';
  import { syncBuiltinESMExports } from 'node:module';
  import { dirname } from 'node:path';
  for (const name of ['open', 'writeFile', 'rename', 'link', 'unlink', 'rm', 'rmdir', 'mkdir', 'mkdtemp']) {
    const original = files[name];
    files[name] = async (path, ...rest) => {
      const folder = dirname(name === 'link' ? rest[0] : path);
      const changes = name !== 'open' || rest[0] !== 'r';
      if (changes && (statSync(folder, { throwIfNoEntry: false })?.mode & 0o222) === 0) {
        throw Object.assign(new Error('EACCES: permission denied, ' + name), { code: 'EACCES' });
      }
      return original(path, ...rest);
    };
  }
  syncBuiltinESMExports();`);

async function giveAway(path: string): Promise<void> {
  await lchown(path, NOBODY.uid, NOBODY.gid);
  for (const entry of await readdir(path, { recursive: true })) {
    await lchown(join(path, entry), NOBODY.uid, NOBODY.gid);
  }
}

async function asNobody(args: string[], cwd: string, nodeOptions: string[] = []): Promise<Outcome> {
  await mkdir(join(cwd, 'cache'), { recursive: true });
  if (isNobodyAble) await giveAway(cwd);
  const env = { XDG_CACHE_HOME: join(cwd, 'cache'), HOME: cwd };
  const options = [...(isRoot && !isNobodyAble ? asTheSystemWould : []), ...nodeOptions];
  return outcome(start(args, cwd, options, { ...(isNobodyAble ? NOBODY : {}), env }));
}

async function contentOf(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'base64')] as const)),
  );
}

const REFUSED = /^error: --out \S+ cannot be written: permission denied: name a folder that you may write to\n$/;

test('a run folder that is read-only, or whose parent is: an error, and nothing is touched', async ({ cwd }) => {
  const done = await asNobody(['train', ...withEpochs(1), '--quiet', '--out', 'run'], cwd);
  expect(done).toMatchObject({ code: 0, stderr: '' });
  const run = join(cwd, 'run');
  const before = await contentOf(run);
  await chmod(run, 0o555);
  const resumed = await asNobody(['train', '--resume', 'run', '--epochs', '2', ...adapterOptions], cwd);
  expect(resumed.stderr).toMatch(REFUSED);
  expect(resumed.code).toBe(1);
  expect(await contentOf(run)).toEqual(before);

  const fresh = await asNobody(['train', ...settings, '--out', 'run/within'], cwd);
  expect(fresh.stderr).toMatch(REFUSED);
  expect(fresh).toMatchObject({ code: 1, stdout: '' });
  expect(await contentOf(run)).toEqual(before);
  await chmod(run, 0o755);
  recordFault(test.info(), {
    fault: 'read-only run folder, resumed or begun in',
    injected: 2,
    outcome: 'refused with an error that says so; every file is as it was',
    lost: 'nothing',
  });
});

test('a run folder that becomes read-only before anything is learned: that is what the error says', async ({ cwd }) => {
  // As soon as metrics.csv is to be written, after config.json.
  const closing = preload(`
    import files from 'node:fs/promises';
    import { syncBuiltinESMExports } from 'node:module';
    const { open } = files;
    files.open = async (path, ...rest) => {
      if (String(path).includes('.metrics.')) await files.chmod('run', 0o555);
      return open(path, ...rest);
    };
    syncBuiltinESMExports();`);
  const { code, stderr } = await asNobody(['train', ...settings, '--out', 'run'], cwd, closing);
  expect(stderr).toMatch(REFUSED);
  expect(code).toBe(1);
  expect((await readdir(join(cwd, 'run'))).sort()).toEqual(['.lock', 'config.json']);
  await chmod(join(cwd, 'run'), 0o755);
});

test('a run folder that becomes read-only: an error, and the last checkpoint stays', async ({ cwd }) => {
  const run = join(cwd, 'run');
  // As soon as the third checkpoint is to be written.
  const closing = preload(`
    import files from 'node:fs/promises';
    import { syncBuiltinESMExports } from 'node:module';
    const { open } = files;
    let checkpoints = 0;
    files.open = async (path, ...rest) => {
      if (String(path).includes('.checkpoint.') && ++checkpoints === 3) await files.chmod('run', 0o555);
      return open(path, ...rest);
    };
    syncBuiltinESMExports();`);
  const { code, stderr } = await asNobody(['train', ...settings, ...often, '--out', 'run'], cwd, closing);
  expect(stderr).toMatch(REFUSED);
  expect(code).toBe(1);
  expect(await readdir(run)).toContain('checkpoint.safetensors');
  await chmod(run, 0o755);
  const resumed = await asNobody(['train', '--resume', 'run', ...adapterOptions], cwd);
  expect(resumed).toMatchObject({ code: 0, stderr: '' });
  await expectSameRun(run, (await wholeRun()).folder);
  recordFault(test.info(), {
    fault: 'run folder that becomes read-only while it is written to',
    injected: 1,
    outcome: 'the run ends with an error that says so; the last checkpoint is whole and resumes',
    lost: 'nothing: the steps since that checkpoint are done again, with the same bits',
  });
});
