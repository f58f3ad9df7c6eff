import type { TestInfo } from 'playwright/test';
import { createDevice, type Device, type NamedTensor } from '../../src/index.ts';

export { tinyData } from './tiny-data.ts';

/** True in the long version, which injects more of everything: `npm run reliability`. */
export const isNightly = process.env.WEBGPU_VAE_NIGHTLY === '1';

/** How often to inject a fault: often enough to notice in every test run, and oftener at night. */
export function times(quick: number, nightly: number): number {
  return isNightly ? nightly : quick;
}

/** One row of docs/reliability.md. */
export interface FaultReport {
  fault: string;
  injected: number;
  /** What happened each time. */
  outcome: string;
  /** What was lost, in words; `nothing` is the aim. */
  lost: string;
}

/** Leaves a row for docs/reliability.md in the test's results. */
export function recordFault(info: TestInfo, report: FaultReport): void {
  info.annotations.push({ type: 'fault', description: JSON.stringify(report) });
}

/** A device of the test's own, on the adapter under test. */
export function ownDevice(): Promise<Device> {
  const { WEBGPU_VAE_ADAPTER: adapter } = process.env;
  return createDevice(adapter ? { adapter } : {});
}

/** Leaves the adapter's name in the test's results. */
export function recordAdapter(info: TestInfo, { info: { name, backend } }: Device): void {
  info.annotations.push({ type: 'adapter', description: `${name}, ${backend}` });
}

/** All values' bits, to compare runs with. */
export function bitsOf(tensors: NamedTensor[]): Buffer {
  return Buffer.concat(tensors.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)));
}
