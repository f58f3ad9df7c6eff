/** `webgpu-vae doctor`: what adapters there are, whether the kernels are right on the one that is used. */
import { performance } from 'node:perf_hooks';
import type { Check, CheckReport } from '../check/index.ts';
import type { Device } from '../gpu/device.ts';
import { chooseCacheFolder } from '../host/cache-folder.ts';
import { type AdapterDescription, listAdapters } from '../host/node.ts';
import { createDevice } from '../index.ts';
import { adapterLine, fasterAdapter, isLavapipe, limitsLine, reasonForChoice, sourceText } from './describe.ts';
import { EXIT_FAILED, oneLine } from './errors.ts';
import { colours, duration } from './format.ts';
import { installPlanHere, isRoot, shellLines } from './install-plan.ts';

const { bold, dim, green, red } = colours(process.stdout);

/**
 * Lists the adapters, checks every kernel on the one that is used, tells how to get a better one.
 *
 * @param options.adapter - part of the name of the adapter to use.
 * @param options.list - check nothing.
 * @returns 0, or 1 if a check failed.
 * @throws NoAdapterError if none has `options.adapter` in its name; Error if there is no adapter.
 */
export async function doctor(options: { adapter: string | undefined; list: boolean }): Promise<number> {
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
    const ok = options.list || (await runChecks(device));
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
}

/** One line per operation: the largest error in units of its tolerance, the number of cases, and what failed. */
async function runChecks(device: Device): Promise<boolean> {
  const { allChecks, checksFor, runCheck } = await import('../check/index.ts');
  const runnable = new Set(checksFor(device).map(({ name }) => name));
  print('Largest error of each operation against float64 on the CPU, as a part of its tolerance:');
  const start = performance.now();
  const ops = new Map<string, Check[]>();
  for (const check of allChecks()) ops.set(check.op, [...(ops.get(check.op) ?? []), check]);
  const width = Math.max(...[...ops.keys()].map((op) => op.length));
  let passed = 0;
  let failed = 0;
  for (const [op, checks] of ops) {
    const reports: CheckReport[] = [];
    for (const check of checks.filter(({ name }) => runnable.has(name))) {
      reports.push(await runCheck(check, device));
    }
    const failures = reports.filter(({ ok }) => !ok);
    passed += reports.length - failures.length;
    failed += failures.length;
    const verdict = failures.length === 0 ? green('ok    ') : red('FAILED');
    const notRun = checks.length - reports.length;
    const cases = `${reports.length} cases${notRun === 0 ? '' : `, ${notRun} not run: of variants that this adapter cannot run`}`;
    print(`  ${verdict} ${op.padEnd(width)} ${largestError(reports).padStart(8)}  ${dim(cases)}`);
    for (const { message } of failures) print(`         ${oneLine(message)}`);
  }
  const seconds = (performance.now() - start) / 1000;
  print(`${passed} checks passed, ${failed} failed, in ${duration(seconds)}.`);
  return failed === 0;
}

/** The largest ratio of error to tolerance, `-` if nothing was compared. */
function largestError(reports: CheckReport[]): string {
  const ratios = reports.flatMap(({ worst }) => (worst ? [worst.error === 0 ? 0 : worst.error / worst.tolerance] : []));
  // Math.max passes NaN on, which is right: it is the worst error there is.
  return ratios.length === 0 ? '-' : Math.max(...ratios).toPrecision(2);
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
