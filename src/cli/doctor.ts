/** `webgpu-vae doctor`: what adapters there are, whether the kernels are right on the one that is used. */

import { type AdapterDescription, createDevice, type Device } from 'webgpu-vae';
import type { Check } from 'webgpu-vae/check';
import { chooseCacheFolder, hasVulkanDriver, listAdapters } from 'webgpu-vae/node';
import { adapterLine, fasterAdapter, isLavapipe, limitsLine, reasonForChoice, sourceText } from './describe.ts';
import { EXIT_FAILED, oneLine } from './errors.ts';
import { colours } from './format.ts';
import { installPlanHere, isRoot, shellLines } from './install-plan.ts';
import { createMeter } from './progress.ts';

const { bold } = colours(process.stdout);

/** What `webgpu-vae doctor` was asked for. */
export interface DoctorOptions {
  /** Part of the name of the adapter to check; the best adapter without it. */
  adapter: string | undefined;
  /** Check nothing. */
  list: boolean;
  /** Check a few cases of each operation. */
  quick: boolean;
}

/**
 * Lists the adapters, checks every kernel on the one that is used, tells how to get a better one.
 *
 * @param checks - other ones than all, for tests.
 * @returns 0, or 1 if a check failed.
 * @throws NoAdapterError if none has `options.adapter` in its name; Error if there is no adapter.
 */
export async function doctor(options: DoctorOptions, checks?: readonly Check[]): Promise<number> {
  const adapters = await listAdapters().catch((error: unknown): AdapterDescription[] => {
    print(`Looking for adapters failed: ${oneLine(error)}`);
    return [];
  });
  printAdapters(adapters);
  // A lavapipe in such a folder is not used either.
  const { passedOver } = await chooseCacheFolder().catch(() => ({ passedOver: [] }));
  for (const reason of passedOver) print(`Not used as the cache folder: ${reason}`);
  if (adapters.length === 0) {
    await printInstallation(undefined);
    throw new Error('doctor: expected a GPU or a software adapter, found none: install one as above');
  }
  const device = await createDevice(options.adapter === undefined ? {} : { adapter: options.adapter });
  try {
    print(`Used: ${bold(adapterLine(device.info))}: ${reasonForChoice(device.info, options.adapter)}.`);
    const ok = options.list || (await checkAccuracy(device, options.quick, checks));
    if (options.adapter === undefined) await printInstallation(device.info);
    return ok ? 0 : EXIT_FAILED;
  } finally {
    device.dispose();
  }
}

function printAdapters(adapters: AdapterDescription[]): void {
  print(adapters.length === 0 ? 'No adapter was found.' : 'Adapters found, best first:');
  for (const info of adapters) {
    print(`  ${bold(adapterLine(info))}, ${sourceText(info)}`);
    print(`    limits: ${limitsLine(info)}`);
    print(`    features: ${info.features.join(', ')}`);
  }
  // Dawn prints its warnings itself, and lets nobody keep it from doing so.
  const isPassedOver = process.platform === 'linux' && hasVulkanDriver();
  if (isPassedOver && adapters.length > 0 && !adapters.some(({ source }) => source === 'system')) {
    print(
      'The Vulkan driver that this system names does not work and is passed over: Dawn warns of vkCreateInstance for no other reason.',
    );
  }
}

/** All checks that the adapter can run, or a few of each operation. */
async function checkAccuracy(device: Device, quick: boolean, checks?: readonly Check[]): Promise<boolean> {
  const [{ allChecks, checksFor }, { quickChecks, runChecks }] = await Promise.all([
    import('webgpu-vae/check'),
    import('./accuracy.ts'),
  ]);
  const all = checks ?? allChecks();
  const runnable = checks ?? checksFor(device);
  const toRun = quick ? quickChecks(runnable, device) : runnable;
  const why = quick ? '--quick' : 'of variants that this adapter cannot run';
  const shorter = quick ? 'without --quick all that this adapter can run' : '--quick runs a few of each operation';
  print(`${toRun.length} checks (${shorter}).`);
  print('Largest error of each operation against float64 on the CPU, as a part of its tolerance:');
  const meter = createMeter(toRun.length);
  try {
    return await runChecks(device, { all, toRun, why }, meter);
  } finally {
    meter.stop();
  }
}

async function printInstallation(used: AdapterDescription | undefined): Promise<void> {
  if (used && !used.software) {
    print('Nothing better to install: a GPU is used.');
    return;
  }
  if (used && isLavapipe(used)) {
    print(fasterAdapter(used));
    return;
  }
  const plan = await installPlanHere();
  if ('reason' in plan) {
    print(`For a faster adapter: ${plan.reason}.`);
    return;
  }
  print(
    '`npm run setup` gets a faster adapter, lavapipe: into your cache folder, or as root for all users with these lines:',
  );
  for (const line of shellLines(plan.steps, isRoot())) print(`  ${line}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
