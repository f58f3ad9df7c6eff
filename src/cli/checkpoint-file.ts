/** Checkpoints on disk: the last one and the one before it. */

import { readFile, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  CheckpointError,
  ConfigError,
  type NamedTensor,
  readCheckpoint,
  readParameters,
  SafetensorsError,
  type Snapshot,
} from 'webgpu-vae';
import { UsageError } from './errors.ts';
import { writeFileAtomic } from './files.ts';

export const CHECKPOINT = 'checkpoint.safetensors';
export const PREVIOUS_CHECKPOINT = 'checkpoint.previous.safetensors';
/** What Node reads in one piece; a model of 178 million parameters. */
const MAX_BYTES = 2 ** 31 - 1;

/** A checkpoint that was found. */
export interface FoundCheckpoint {
  snapshot: Snapshot;
  path: string;
  /** The run folder that it belongs to, if it lies in one. */
  folder: string | undefined;
  /** Why the last checkpoint is not the one. */
  trouble: string | undefined;
}

/**
 * Replaces the checkpoint of a folder and keeps the one that was there. A crash at any moment leaves at least one of
 * the two whole, a full disk both.
 *
 * @throws the file system's error
 */
export async function writeCheckpointFile(folder: string, bytes: Uint8Array): Promise<void> {
  await writeFileAtomic(join(folder, CHECKPOINT), bytes, async () => {
    await rename(join(folder, CHECKPOINT), join(folder, PREVIOUS_CHECKPOINT)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  });
}

/**
 * Reads a checkpoint.
 * @param path a file, or a run folder: there the last one, or the one before if the last is missing or damaged
 * @throws UsageError if there is none; CheckpointError, SafetensorsError if it is damaged
 */
export async function findCheckpoint(path: string): Promise<FoundCheckpoint> {
  if (!(await isFolder(path))) {
    const folder = [CHECKPOINT, PREVIOUS_CHECKPOINT].includes(basename(path)) ? dirname(path) : undefined;
    return { snapshot: await readFrom(path, readCheckpoint), path, folder, trouble: undefined };
  }
  const last = join(path, CHECKPOINT);
  try {
    return { snapshot: await readFrom(last, readCheckpoint), path: last, folder: path, trouble: undefined };
  } catch (error) {
    const previous = join(path, PREVIOUS_CHECKPOINT);
    const snapshot = await readFrom(previous, readCheckpoint).catch(() => {
      throw error;
    });
    return { snapshot, path: previous, folder: path, trouble: (error as Error).message };
  }
}

/**
 * The parameters of a model's file or a checkpoint, and what the user should know of them.
 * @throws UsageError, SafetensorsError; CheckpointError if it is a damaged checkpoint
 */
export async function readParameterFile(path: string): Promise<{ parameters: NamedTensor[]; notices: string[] }> {
  const notices: string[] = [];
  const parameters = await readFrom(path, (bytes) => readParameters(bytes, (line) => notices.push(line)));
  return { parameters, notices };
}

export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/**
 * What `parse` makes of a file.
 * @throws UsageError if it cannot be read; what `parse` throws of a file that is no model, with the path before it
 */
export async function readFrom<T>(path: string, parse: (bytes: Uint8Array) => T): Promise<T> {
  let bytes: Uint8Array;
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) throw new UsageError(`${path} has ${size} bytes, expected at most ${MAX_BYTES}`);
    bytes = await readFile(path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const got = code === 'ENOENT' ? 'there is none' : code === 'EISDIR' ? 'it is a folder' : message;
    throw new UsageError(`expected a safetensors file at ${path}, ${got}: name another one`, { cause: error });
  }
  try {
    return parse(bytes);
  } catch (error) {
    if (error instanceof CheckpointError || error instanceof SafetensorsError || error instanceof ConfigError)
      error.message = `${path}: ${error.message}`;
    throw error;
  }
}
