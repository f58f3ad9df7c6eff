/** Lavapipe in the cache folder, for users who may not install packages. */

import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CacheChoice, cacheCandidates, chooseCacheFolder, LAVAPIPE_FOLDER, placeFolder } from 'webgpu-vae/node';
import { CACHED } from './describe.ts';
import { gatherLavapipe } from './gather-lavapipe.ts';
import { type AptPaths, packagesIn, type SystemFacts, shellLines, unpackedFolder, userPlan } from './install-plan.ts';
import { runProgram, runSteps } from './run-steps.ts';
import { watchForStop } from './stop.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/webgpu-vae.js', import.meta.url));

/** Begins the name of the folder that a setup works in; the number of its process follows. */
const WORK_PREFIX = `${LAVAPIPE_FOLDER}.setup-`;

/**
 * Puts lavapipe into the cache folder, with no more rights than the user has. All of it or nothing.
 *
 * @param options.dryRun - print what would be run, change nothing.
 * @returns 0, or a signal's exit code.
 * @throws Error where that is not possible.
 */
export async function setupForUser(
  facts: SystemFacts & { apt: AptPaths },
  { dryRun }: { dryRun: boolean },
): Promise<number> {
  const folder = await usableCacheFolder();
  const target = join(folder, LAVAPIPE_FOLDER);
  const plan = userPlan(facts, facts.apt, join(folder, `${WORK_PREFIX}work`));
  if ('reason' in plan) throw new Error(`setup: cannot get lavapipe: ${plan.reason}`);
  if (dryRun) {
    print('These lines get lavapipe without root; what it needs of their files is then put into');
    print(`${target}, and the rest deleted:`);
    for (const line of shellLines(plan.steps, true)) print(`  ${line.replaceAll('\n', '\n  ')}`);
    return 0;
  }
  print(`Putting lavapipe, Mesa's software adapter, into ${target}:`);
  await removeLeftovers(folder);
  const stop = watchForStop((reason) => process.stderr.write(`\n${reason}: stopping, nothing is kept.\n`));
  const work = await mkdtemp(join(folder, `${WORK_PREFIX}${process.pid}-`));
  stop.hold();
  try {
    await fill(work, target, facts, stop.signal);
    print(`Lavapipe is in ${target}; \`npm run setup -- --remove\` takes it away again.`);
    return 0;
  } catch (error) {
    if (stop.exitCode !== undefined) return stop.exitCode;
    throw error;
  } finally {
    await rm(work, { recursive: true, force: true });
    stop.dispose();
  }
}

/** Downloads, unpacks, gathers and tries in a folder of its own; only what works gets its name. */
async function fill(
  work: string,
  target: string,
  facts: SystemFacts & { apt: AptPaths },
  signal: AbortSignal,
): Promise<void> {
  const plan = userPlan(facts, facts.apt, work);
  if ('reason' in plan) throw new Error(`setup: cannot get lavapipe: ${plan.reason}`);
  await runSteps(plan.steps, signal);
  // A cache folder like the real one, for a process that is to find nothing else.
  const trial = join(work, 'webgpu-vae', LAVAPIPE_FOLDER);
  await mkdir(join(work, 'webgpu-vae'), { mode: 0o700 });
  await gatherLavapipe(unpackedFolder(work), trial, await packagesIn(work));
  const command = [process.execPath, PROGRAM, 'doctor', '--list'] as [string, ...string[]];
  const { stdout } = await runProgram(command, 'collect', { signal, env: { XDG_CACHE_HOME: work } });
  if (!stdout.includes(CACHED)) {
    throw new Error('setup: lavapipe was unpacked, but Dawn does not accept it; nothing was kept: see npm run doctor');
  }
  signal.throwIfAborted();
  // If there is one already, it is of no use: it was looked for before.
  await placeFolder(trial, target, async () => false);
}

/**
 * Takes lavapipe away from the cache folder. What was installed on the system stays.
 * @returns 0
 */
export async function removeForUser({ dryRun }: { dryRun: boolean }): Promise<number> {
  let found = false;
  for (const folder of new Set(cacheCandidates())) {
    const names = await readdir(folder).catch((): string[] => []);
    if (!dryRun) await removeLeftovers(folder);
    if (!names.includes(LAVAPIPE_FOLDER)) continue;
    found = true;
    const path = join(folder, LAVAPIPE_FOLDER);
    print(dryRun ? `rm -r ${path}` : `Removing ${path}`);
    if (dryRun) continue;
    // Nobody is to find half of it.
    const leaving = join(folder, `${WORK_PREFIX}${process.pid}-removed`);
    await rename(path, leaving);
    await rm(leaving, { recursive: true });
  }
  if (!found) print('Nothing to remove: there is no lavapipe in the cache folder.');
  return 0;
}

/** Deletes what setups have left behind that could not end by themselves. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch((): string[] => [])) {
    const pid = name.startsWith(WORK_PREFIX) ? Number.parseInt(name.slice(WORK_PREFIX.length), 10) : Number.NaN;
    if (!Number.isNaN(pid) && !isRunning(pid)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function usableCacheFolder(): Promise<string> {
  let choice: CacheChoice;
  try {
    choice = await chooseCacheFolder();
  } catch (error) {
    throw new Error(`setup: there is no folder to put lavapipe into: ${(error as Error).message}`);
  }
  for (const reason of choice.passedOver) print(`Not used: ${reason}`);
  return choice.folder;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
