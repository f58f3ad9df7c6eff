/** The folder of a training run: config.json, metrics.csv, model.safetensors, pictures. */

import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type EpochResult, elboOf } from 'webgpu-vae';
import { CHECKPOINT, PREVIOUS_CHECKPOINT, writeCheckpointFile } from './checkpoint-file.ts';
import { UsageError } from './errors.ts';
import { cannotWrite, removeTemporaryFiles, writeFileAtomic } from './files.ts';
import { dateTime } from './format.ts';
import { LOCK_FILE, lockRunFolder, type RunLock } from './run-lock.ts';

/** The folder of runs without a name. */
export const RUNS = 'runs';
/** Runs that begin in one second; more than anybody starts. */
const MOST_RUNS = 1000;
const METRICS = 'metrics.csv';
const CONFIG = 'config.json';

/** Where a run puts its results. */
export interface RunFolder {
  readonly path: string;
  /** Writes or replaces a file, whole or not at all. */
  write(name: string, content: Uint8Array | string): Promise<void>;
  /** Replaces config.json. */
  writeConfig(config: object): Promise<void>;
  /** Replaces metrics.csv: a row for every epoch, losses in nats per image. Returns what it wrote. */
  writeMetrics(results: readonly EpochResult[]): Promise<string>;
  /** Replaces checkpoint.safetensors; what was there becomes checkpoint.previous.safetensors. */
  writeCheckpoint(bytes: Uint8Array): Promise<void>;
  /** Lets other processes write to the folder. */
  unlock(): Promise<void>;
  /**
   * Takes the folder and all that was written away again, and any parent folder that was made for it. What cannot be taken
   * away stays: the error that led here is the one to tell.
   */
  remove(): Promise<void>;
}

/**
 * Makes the folder, or goes on with one that there is, and claims it for this process.
 *
 * @param place.path - a new or empty folder, checked before with `checkOutputFolder`; when `resumed`, that of an earlier run;
 *   undefined for a new one, `runs/<date-time>`, that no other run has, though it begins in the same second.
 * @param place.force - take it from a process of another computer that shows no sign of life.
 * @throws UsageError if another process writes to it
 * @throws Error if it cannot be written; then nothing new is left of it.
 */
export async function openRunFolder(place: {
  path: string | undefined;
  resumed: boolean;
  force: boolean;
}): Promise<RunFolder> {
  const { resumed, force } = place;
  const { path, firstMade } = place.path === undefined ? await makeRunFolder() : await makeFolder(place.path);
  const written = new Set<string>();
  const failed = (error: unknown): Error => asFolderError(path, error);
  let lock: RunLock;
  try {
    lock = await lockRunFolder(path, { force });
  } catch (error) {
    throw failed(error);
  }
  const writing = async (write: () => Promise<void>, names: string[]) => {
    if (await lock.isLost()) {
      throw new Error(
        `${path} was taken over by another process, expected one trainer per folder: this one has stopped and leaves it alone`,
      );
    }
    try {
      await write();
      for (const name of names) written.add(name);
    } catch (error) {
      throw failed(error);
    }
  };
  const write = (name: string, content: Uint8Array | string) =>
    writing(() => writeFileAtomic(join(path, name), content), [name]);
  const folder: RunFolder = {
    path,
    write,
    writeConfig: (value) => write(CONFIG, `${JSON.stringify(value, undefined, 2)}\n`),
    async writeMetrics(results) {
      const text = metricsHeader(results) + results.map(metricsRow).join('');
      await write(METRICS, text);
      return text;
    },
    writeCheckpoint: (bytes) => writing(() => writeCheckpointFile(path, bytes), [CHECKPOINT, PREVIOUS_CHECKPOINT]),
    unlock: lock.release,
    async remove() {
      if (await lock.isLost()) return;
      await lock.release();
      for (const name of written) await rm(join(path, name), { force: true }).catch(() => undefined);
      if (firstMade === undefined) return;
      // Only empty folders go, so whatever somebody else put there stays.
      for (let made = resolve(path); ; made = dirname(made)) {
        if (
          !(await rmdir(made).then(
            () => true,
            () => false,
          )) ||
          made === firstMade
        )
          return;
      }
    },
  };
  try {
    if (resumed) await removeTemporaryFiles(path);
    // Between the check and the lock another process may have begun, and even ended.
    else if ((await readdir(path)).some((name) => name !== LOCK_FILE)) {
      throw new UsageError(`--out ${path} is not empty, expected a new or empty folder: name another one`);
    }
  } catch (error) {
    await folder.remove();
    throw failed(error);
  }
  return folder;
}

async function makeFolder(path: string): Promise<{ path: string; firstMade: string | undefined }> {
  try {
    return { path, firstMade: await mkdir(resolve(path), { recursive: true }) };
  } catch (error) {
    throw asFolderError(path, error);
  }
}

/** `runs/<date-time>`, with a number if other runs begin in the same second: whoever makes a folder has it. */
async function makeRunFolder(): Promise<{ path: string; firstMade: string }> {
  const first = join(RUNS, dateTime(new Date()));
  for (let i = 1; ; i++) {
    const path = i === 1 ? first : `${first}-${i}`;
    try {
      const parentMade = await mkdir(resolve(RUNS), { recursive: true });
      await mkdir(resolve(path));
      return { path, firstMade: parentMade ?? resolve(path) };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // ENOENT: a run that failed has just taken the parent away.
      if (i === MOST_RUNS || (code !== 'EEXIST' && code !== 'ENOENT')) throw asFolderError(path, error);
    }
  }
}

function asFolderError(path: string, error: unknown): Error {
  return error instanceof UsageError ? error : cannotWrite(path, error as NodeJS.ErrnoException);
}

/** The columns are named after the likelihood's term. */
function metricsHeader([first]: readonly EpochResult[]): string {
  const { term } = elboOf(first?.test ?? {});
  return `epoch,step,train_loss,train_${term},train_kl,test_loss,test_${term},test_kl,seconds\n`;
}

function metricsRow({ epoch, step, train, test, seconds }: EpochResult): string {
  const losses = [train, test].flatMap((set) => [set.loss, elboOf(set).reconstruction, elboOf(set).kld]);
  return `${[epoch, step, ...losses.map((nats) => nats.toFixed(6)), seconds.toFixed(3)].join(',')}\n`;
}
