/** The accuracy checks as `webgpu-vae doctor` runs them: all or a few, with a line per operation. */

import type { Device, GemmVariant } from 'webgpu-vae';
import { type Check, type CheckReport, runCheck } from 'webgpu-vae/check';
import { defaultVariant, ruleOf } from 'webgpu-vae/kernels';
import { oneLine } from './errors.ts';
import { colours, duration } from './format.ts';
import type { Meter } from './progress.ts';

const { dim, green, red } = colours(process.stdout);

/** Cases of each operation in a quick check. */
const QUICK_CASES = 15;
/** C × OC of a small layer and of a large one, for which an adapter may have different kernels. */
const LAYERS = [
  { C: 1, OC: 1 },
  { C: 784, OC: 512 },
] as const;

/** For each operation a few cases, evenly spread over its list, of the kernels that training uses by default. */
export function quickChecks(checks: readonly Check[], device: Device): Check[] {
  const used = new Set<GemmVariant>(LAYERS.map((layer) => defaultVariant(device, layer)));
  return [...byOperation(checks.filter(({ variant }) => !variant || used.has(variant))).values()].flatMap((cases) => {
    const count = Math.min(QUICK_CASES, cases.length);
    const last = cases.length - 1;
    return Array.from({ length: count }, (_, i) => cases[Math.round((i * last) / Math.max(1, count - 1))]!);
  });
}

/**
 * Runs checks and prints a line for each operation: the largest error in units of its tolerance, how many cases there were,
 * and what failed.
 *
 * @param toRun - those of `all` to run.
 * @param why - says of the others why they are not run.
 * @returns whether none failed
 * @throws DeviceLostError
 */
export async function runChecks(
  device: Device,
  { all, toRun, why }: { all: readonly Check[]; toRun: readonly Check[]; why: string },
  meter: Meter,
): Promise<boolean> {
  const start = performance.now();
  const chosen = new Set(toRun.map(({ name }) => name));
  const totalCost = toRun.reduce((sum, check) => sum + costOf(check), 0);
  const operations = byOperation(all);
  const width = Math.max(...[...operations.keys()].map((op) => op.length));
  let cost = 0;
  let done = 0;
  let failed = 0;
  for (const [op, cases] of operations) {
    const reports: CheckReport[] = [];
    for (const check of cases.filter(({ name }) => chosen.has(name))) {
      reports.push(await runCheck(check, device));
      done++;
      cost += costOf(check);
      meter.update(done, cost / totalCost);
    }
    const failures = reports.filter(({ ok }) => !ok);
    failed += failures.length;
    const verdict = failures.length === 0 ? green('ok    ') : red('FAILED');
    const notRun = cases.length - reports.length;
    const counts = `${reports.length} cases${notRun === 0 ? '' : `, ${notRun} not run: ${why}`}`;
    meter.line(`  ${verdict} ${op.padEnd(width)} ${largestError(reports).padStart(8)}  ${dim(counts)}`);
    for (const { message } of failures) meter.line(`         ${oneLine(message)}`);
  }
  meter.stop();
  meter.line(`${done - failed} checks passed, ${failed} failed, in ${duration((performance.now() - start) / 1000)}.`);
  return failed === 0;
}

function byOperation(checks: readonly Check[]): Map<string, Check[]> {
  const operations = new Map<string, Check[]>();
  for (const check of checks) operations.set(check.op, [...(operations.get(check.op) ?? []), check]);
  return operations;
}

/** What checks take on average, relative to each other, measured on SwiftShader: only good enough for the time left. */
function costOf({ op, variant }: Check): number {
  if (variant && ruleOf(variant).splitsK) return 16; // large products only
  if (op === 'vae step') return 8;
  return op.startsWith('dense') ? 2 : 1;
}

/** The largest ratio of error to tolerance, `-` if nothing was compared. */
function largestError(reports: CheckReport[]): string {
  const ratios = reports.flatMap(({ worst }) => (worst ? [worst.error === 0 ? 0 : worst.error / worst.tolerance] : []));
  // Math.max passes NaN on, which is right: it is the worst error there is.
  return ratios.length === 0 ? '-' : Math.max(...ratios).toPrecision(2);
}
