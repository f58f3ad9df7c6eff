import type { Device } from '../gpu/device.ts';
import type { SettledModel } from './model.ts';

/** What one tensor may take. */
export function mostBytes({ limits }: Device): number {
  return Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
}

/**
 * Rows of a batch for looking at a model or measuring it: as many as `most`, or as the device lets a buffer hold at the model's
 * widest place, and at least one.
 */
export function rowsThatFit(device: Device, { widest }: Pick<SettledModel, 'widest'>, most: number): number {
  return Math.max(1, Math.min(most, Math.floor(mostBytes(device) / (4 * widest))));
}
