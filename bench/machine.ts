import { availableParallelism, cpus } from 'node:os';
import type { AdapterDescription } from '../src/gpu/device.ts';

/** What a measurement was taken on. */
export interface Machine {
  /** ISO 8601, UTC. */
  date: string;
  cpu: string;
  cores: number;
  platform: string;
  node: string;
}

/** The machine that this process runs on, now. */
export function describeMachine(): Machine {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
  };
}

/** An adapter without its lists of features and limits. */
export function shortDescription({
  features,
  limits,
  ...rest
}: AdapterDescription): Omit<AdapterDescription, 'features' | 'limits'> {
  return rest;
}

/** One line for people: adapter, machine, date. */
export function machineLine(adapter: string, { cpu, cores, date }: Machine): string {
  return `${adapter}; ${cores} x ${cpu}; ${date.slice(0, 10)}`;
}
