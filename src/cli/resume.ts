/** Where a training begins: from nothing, from given weights, or where a checkpoint was taken. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdapterDescription } from '../gpu/device.ts';
import { ConfigError } from '../vae/config.ts';
import { resumedConfig, type Snapshot } from '../vae/snapshot.ts';
import type { CreateOptions } from '../vae/vae.ts';
import { findCheckpoint, readParameterFile } from './checkpoint-file.ts';
import { UsageError } from './errors.ts';
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
  const { trainCount } = snapshot.data;
  if (settings.trainSize !== undefined && settings.trainSize !== trainCount) {
    throw new UsageError(
      `resume: --train-size is ${settings.trainSize}, the checkpoint has ${trainCount}: leave it out to go on with that`,
    );
  }
  const data = settings.data ?? (await dataOf(snapshot, folder));
  const lines = [`Resuming ${path} after step ${snapshot.step}.`];
  if (trouble !== undefined)
    lines.unshift(`Warning: the last checkpoint is of no use (${trouble}); the one before it is.`);
  return {
    settings: { ...settings, config, data, trainSize: trainCount },
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
async function dataOf(snapshot: Snapshot, folder: string | undefined): Promise<string | undefined> {
  const directory = folder === undefined ? undefined : await recordedData(join(folder, 'config.json'));
  const { name } = snapshot.data;
  if (directory !== undefined || name === EMBEDDED) return directory;
  throw new UsageError(
    `resume: the checkpoint was made with the data set ${JSON.stringify(name)}, expected --data with its folder, got none`,
  );
}

async function recordedData(path: string): Promise<string | undefined> {
  try {
    const { data } = JSON.parse(await readFile(path, 'utf8')) as { data?: unknown };
    return typeof data === 'string' && data !== EMBEDDED ? data : undefined;
  } catch {
    return undefined;
  }
}
