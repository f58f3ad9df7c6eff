/** `webgpu-vae setup`: installs lavapipe where it may. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type AdapterDescription, listAdapters } from '../host/node.ts';
import { adapterLine, isLavapipe } from './describe.ts';
import { oneLine } from './errors.ts';
import { type InstallStep, installPlanHere, isRoot, shellLines } from './install-plan.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/webgpu-vae.js', import.meta.url));

/**
 * Installs lavapipe on Debian and Ubuntu as root, unless an adapter as good is there already. May be run again.
 *
 * @param options.dryRun - print what would be run, change nothing.
 * @returns 0.
 * @throws Error where it cannot install; as another user than root after printing the lines with sudo.
 */
export async function setup(options: { dryRun: boolean }): Promise<number> {
  const good = (await adaptersOrNone()).find((info) => !info.software || isLavapipe(info));
  if (good) {
    print(
      `Nothing to install: ${adapterLine(good)} is there${good.software ? '' : ', which is faster than lavapipe'}.`,
    );
    if (!options.dryRun) return 0;
  }
  const plan = await installPlanHere();
  if ('reason' in plan) throw new Error(`setup: cannot install lavapipe: ${plan.reason}`);
  const root = isRoot();
  if (options.dryRun || !root) {
    print(good ? 'Where it is missing, these lines install lavapipe:' : 'These lines install lavapipe:');
    for (const line of shellLines(plan.steps, root)) print(`  ${line}`);
    if (options.dryRun) return 0;
    throw new Error('setup: installing needs root, nothing was changed: run the lines above');
  }
  print("Installing lavapipe, Mesa's software adapter:");
  for (const step of plan.steps) await runStep(step);
  // A new process, because this one has already looked for drivers.
  const code = await run(process.execPath, [PROGRAM, 'doctor', '--list', '--adapter', 'lavapipe'], 'ignore');
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

async function runStep(step: InstallStep): Promise<void> {
  const [line] = shellLines([step], true);
  print(`$ ${line}`);
  if ('write' in step) {
    await writeFile(step.write, step.content);
    return;
  }
  const [program, ...args] = step.run;
  const code = await run(program, args);
  if (code !== 0) throw new Error(`setup: \`${line}\` exited with ${code}: see its messages above`);
}

function run(
  program: string,
  args: string[],
  stderr: 'inherit' | 'ignore' = 'inherit',
): Promise<number | NodeJS.Signals> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const child = spawn(program, args, { stdio: ['inherit', 'inherit', stderr], env });
    child.on('error', (error) => reject(new Error(`setup: cannot run ${program}: ${error.message}`)));
    child.on('exit', (code, signal) => resolve(code ?? signal ?? 1));
  });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
