/** `webgpu-vae setup`: installs lavapipe where it may, or puts it into the user's cache folder. */

import { fileURLToPath } from 'node:url';
import type { AdapterDescription } from 'webgpu-vae';
import { listAdapters } from 'webgpu-vae/node';
import { adapterLine, isLavapipe } from './describe.ts';
import { oneLine } from './errors.ts';
import { factsHere, type InstallStep, installPlan, isRoot, shellLines } from './install-plan.ts';
import { runProgram, runSteps } from './run-steps.ts';
import { removeForUser, setupForUser } from './user-setup.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/webgpu-vae.js', import.meta.url));

/** What the command line asks for. */
export interface SetupOptions {
  /** Print what would be run, change nothing. */
  dryRun: boolean;
  /** As root: into the cache folder nevertheless. */
  user: boolean;
  /** Take away what is in the cache folder. */
  remove: boolean;
}

/**
 * Gets lavapipe on Debian and Ubuntu, unless an adapter as good is there already: as root it is installed for all users, for
 * everybody else it is put into the cache folder. May be run again.
 *
 * @returns 0, or a signal's exit code.
 * @throws Error where it cannot be had.
 */
export async function setup({ dryRun, user, remove }: SetupOptions): Promise<number> {
  if (remove) return removeForUser({ dryRun });
  const good = (await adaptersOrNone()).find((info) => !info.software || isLavapipe(info));
  if (good) {
    print(
      `Nothing to install: ${adapterLine(good)} is there${good.software ? '' : ', which is faster than lavapipe'}.`,
    );
    if (!dryRun) return 0;
  }
  const facts = await factsHere();
  const forAll = isRoot() && !user;
  const plan = installPlan(facts);
  if ('reason' in plan) throw new Error(`setup: cannot install lavapipe: ${plan.reason}`);
  if (!dryRun) return forAll ? installForAll(plan.steps) : setupForUser(facts, { dryRun });
  if (!forAll) await setupForUser(facts, { dryRun });
  print(`These lines install lavapipe for all users${good ? ', where it is missing' : ''}:`);
  for (const line of shellLines(plan.steps, isRoot())) print(`  ${line}`);
  return 0;
}

async function installForAll(steps: InstallStep[]): Promise<number> {
  print("Installing lavapipe, Mesa's software adapter:");
  await runSteps(steps);
  // A new process, because this one has already looked for drivers.
  const command = [process.execPath, PROGRAM, 'doctor', '--list', '--adapter', 'lavapipe'] as [string, ...string[]];
  const { code, stdout } = await runProgram(command, 'collect');
  process.stdout.write(stdout);
  if (code !== 0) throw new Error('setup: lavapipe was installed but Dawn does not accept it: see npm run doctor');
  return 0;
}

/** That adapters cannot even be looked for is one more reason to install one. */
async function adaptersOrNone(): Promise<AdapterDescription[]> {
  try {
    return await listAdapters();
  } catch (error) {
    print(oneLine(error));
    return [];
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
