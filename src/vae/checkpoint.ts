/** Checkpoints of the VAE. */
import * as format from '../train/checkpoint.ts';
import { vae } from './model.ts';
import type { Snapshot } from './vae.ts';

export { CheckpointError, writeCheckpoint } from '../train/checkpoint.ts';
export { readParameters } from '../train/model-file.ts';

/**
 * Reads a checkpoint of this version or an earlier one, and checks that it is as it was written, complete, and in
 * agreement with itself.
 *
 * @param bytes the whole file
 * @throws CheckpointError or SafetensorsError that says what was expected and what was found
 */
export function readCheckpoint(bytes: Uint8Array): Snapshot {
  return format.readCheckpoint(vae, bytes);
}
