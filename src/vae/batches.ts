import type { Device } from '../gpu/device.ts';
import type { ParameterTable } from './parameters.ts';

/** What one tensor may take. */
export function mostBytes({ limits }: Device): number {
  return Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
}

/**
 * Rows of a batch for looking at a model or measuring it: as many as `most`, or as the device lets a buffer hold at the model's
 * widest place, and at least one.
 */
export function rowsThatFit(device: Device, { encoder, heads, decoder }: ParameterTable, most: number): number {
  const widest = Math.max(...[...encoder, heads, ...decoder].map(({ inputs, outputs }) => Math.max(inputs, outputs)));
  return Math.max(1, Math.min(most, Math.floor(mostBytes(device) / (4 * widest))));
}
