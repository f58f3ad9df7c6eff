/** Where a training begins: from nothing, from given weights, or where a checkpoint was taken. */

import { join } from 'node:path';
import { type AdapterDescription, ConfigError, type CreateOptions, resumedConfig, type Snapshot } from 'webgpu-vae';
import { findCheckpoint, readParameterFile } from './checkpoint-file.ts';
import { UsageError } from './errors.ts';
import { type RunRecord, readRecord } from './open-model.ts';
import type { TrainSettings } from './train-command.ts';

/** The name of the data set that comes with the program. */
const EMBEDDED = 'MNIST';

/** What `--resume` and `--init` say, read and checked. */
export interface Beginning {
  /** With all that a checkpoint settles filled in. */
  settings: TrainSettings;
  options: Pick<CreateOptions, 'snapshot' | 'parameters'>;
  /** The run folder to go on with. */
  folder: string | undefined;
  /** What the user should know. */
  lines: string[];
}

/** @throws UsageError for flags that contradict a checkpoint or each other; CheckpointError, SafetensorsError */
export async function readBeginning(settings: TrainSettings): Promise<Beginning> {
  const { resume, init } = settings;
  if (resume !== undefined && init !== undefined) {
    throw new UsageError(`--init ${init} contradicts --resume ${resume}, which has its own weights: leave one out`);
  }
  if (init !== undefined) {
    const { parameters, notices } = await readParameterFile(init);
    return {
      settings,
      options: { parameters },
      folder: undefined,
      lines: [`Beginning with the weights of ${init}.`, ...notices],
    };
  }
  if (resume === undefined) return { settings, options: {}, folder: undefined, lines: [] };

  const { snapshot, path, folder, trouble } = await findCheckpoint(resume);
  const config = asUsage(() => resumedConfig(snapshot, settings.given));
  const { trainCount, testCount } = snapshot.data;
  if (settings.trainSize !== undefined && settings.trainSize !== trainCount) {
    throw new UsageError(
      `resume: --train-size is ${settings.trainSize}, the checkpoint has ${trainCount}: leave it out to go on with that`,
    );
  }
  if (settings.testSize !== undefined && settings.testSize !== testCount) {
    throw new UsageError(
      `resume: --test-size is ${settings.testSize}, the checkpoint has ${testCount}: leave it out to go on with that`,
    );
  }
  const recorded = folder === undefined ? {} : await readRecord(join(folder, 'config.json'));
  const validation = typeof recorded.validation === 'number' ? recorded.validation : undefined;
  if (settings.validation !== undefined && settings.validation !== validation) {
    throw new UsageError(
      `resume: --validation is ${settings.validation}, the run has ${validation ?? 'none'}: leave it out to go on with that`,
    );
  }
  const patience = settings.patience ?? (typeof recorded.patience === 'number' ? recorded.patience : undefined);
  const data = settings.data ?? dataOf(snapshot, recorded);
  const transpose = settings.transpose || recorded.transpose === true;
  const lines = [`Resuming ${path} after step ${snapshot.step}.`];
  if (trouble !== undefined)
    lines.unshift(`Warning: the last checkpoint is of no use (${trouble}); the one before it is.`);
  return {
    settings: {
      ...settings,
      config,
      data,
      transpose,
      validation,
      patience,
      trainSize: trainCount,
      testSize: testCount,
    },
    options: { snapshot },
    folder: settings.out === undefined ? folder : undefined,
    lines,
  };
}

export function isSameAdapter({ adapter }: Pick<Snapshot, 'adapter'>, { name, backend }: AdapterDescription): boolean {
  return adapter.name === name && adapter.backend === backend;
}

/** A warning when the adapter is not the checkpoint's: results will differ in their last bits. */
export function otherAdapter({ snapshot }: Beginning['options'], info: AdapterDescription): string[] {
  if (!snapshot || isSameAdapter(snapshot, info)) return [];
  return [
    `Warning: the checkpoint was made on ${snapshot.adapter.name} (${snapshot.adapter.backend}), this is ${info.name} (${info.backend}): training goes on, but not bit for bit as it would have there.`,
  ];
}

/** Runs `check`; what is wrong with the settings is wrong with the command line. */
export function asUsage<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw toUsage(error);
  }
}

/** A ConfigError as a UsageError, anything else as it is. */
export function toUsage(error: unknown): unknown {
  return error instanceof ConfigError ? new UsageError(error.message, { cause: error }) : error;
}

/** Where the images of a checkpoint are: in the folder that config.json beside it names, or in the program. */
function dataOf(snapshot: Snapshot, { data }: RunRecord): string | undefined {
  const { name } = snapshot.data;
  if (typeof data === 'string' && data !== EMBEDDED) return data;
  if (name === EMBEDDED) return undefined;
  throw new UsageError(
    `resume: the checkpoint was made with the data set ${JSON.stringify(name)}, expected --data with its folder, got none`,
  );
}
