/** The one way in which commands find a trained model: by its file, by a checkpoint, or by a run's folder. */

import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readVae, type VaeFile } from 'webgpu-vae';
import { CHECKPOINT, isFolder, PREVIOUS_CHECKPOINT, readFrom } from './checkpoint-file.ts';
import { UsageError } from './errors.ts';

export const MODEL = 'model.safetensors';
const CONFIG = 'config.json';

/** A model that was found. */
export interface FoundModel extends VaeFile {
  /** The file that it was read from. */
  path: string;
  /** What the run's config.json beside it says, unchecked; empty if there is none. */
  record: RunRecord;
}

/** What config.json says of a run, unchecked: the file may be missing, or anybody's. */
export type RunRecord = Readonly<Record<string, unknown>>;

/**
 * Reads a trained model.
 * @param path a file, or a run's folder: there the model or, while it trains for the first time, the last checkpoint
 * @throws UsageError if there is none; SafetensorsError, CheckpointError, ConfigError that begin with the file's path
 */
export async function findModel(path: string): Promise<FoundModel> {
  if (!(await isFolder(path))) return found(path, dirname(path));
  const names = await readdir(path);
  const name = [MODEL, CHECKPOINT, PREVIOUS_CHECKPOINT].find((each) => names.includes(each));
  if (name === undefined) {
    throw new UsageError(
      `--model ${path}: expected the folder of a run, found neither ${MODEL} nor ${CHECKPOINT} in it: name the run's folder or a file`,
    );
  }
  return found(join(path, name), path);
}

async function found(file: string, folder: string): Promise<FoundModel> {
  return { ...(await readFrom(file, readVae)), path: file, record: await readRecord(join(folder, CONFIG)) };
}

export async function readRecord(path: string): Promise<RunRecord> {
  try {
    return Object(JSON.parse(await readFile(path, 'utf8'))) as RunRecord;
  } catch {
    return {};
  }
}
