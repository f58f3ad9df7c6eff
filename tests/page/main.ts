import type { CheckReport } from '../../src/check/index.ts';
import type { AdapterDescription } from '../../src/gpu/device.ts';
import { type CheckRunner, openCheckRunner } from '../support/checks.ts';

declare global {
  interface Window {
    /** What the page's adapter is and which features it has. */
    describeAdapter(): Promise<AdapterDescription>;
    /** Runs one accuracy check on the page's device, which is opened at the first call. */
    runCheck(name: string): Promise<CheckReport>;
  }
}

let runner: Promise<CheckRunner> | undefined;

function open(): Promise<CheckRunner> {
  runner ??= openCheckRunner();
  return runner;
}

window.describeAdapter = async () => (await open()).adapter;
window.runCheck = async (name) => (await open()).run(name);
