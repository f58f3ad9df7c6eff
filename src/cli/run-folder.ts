/** The folder of a training run: config.json, metrics.csv, model.safetensors, pictures. */
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { EpochResult } from '../vae/vae.ts';
import { CHECKPOINT, PREVIOUS_CHECKPOINT, writeCheckpointFile } from './checkpoint-file.ts';
import { UsageError } from './errors.ts';
import { cannotWrite, removeTemporaryFiles, writeFileAtomic } from './files.ts';
import { LOCK_FILE, lockRunFolder } from './run-lock.ts';

const METRICS = 'metrics.csv';
const METRICS_HEADER = 'epoch,step,train_loss,train_bce,train_kl,test_loss,test_bce,test_kl,seconds\n';
const CONFIG = 'config.json';

/** Where a run puts its results. */
export interface RunFolder {
  readonly path: string;
  /** Writes or replaces a file, whole or not at all. */
  write(name: string, content: Uint8Array | string): Promise<void>;
  /** Replaces config.json. */
  writeConfig(config: object): Promise<void>;
  /** Replaces metrics.csv: a row for every epoch, losses in nats per image. */
  writeMetrics(results: readonly EpochResult[]): Promise<void>;
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
 * @param path - a new or empty folder, checked before with `checkOutputFolder`; when `resumed`, that of an earlier run.
 * @throws UsageError if another process writes to it
 * @throws Error if it cannot be written; then nothing new is left of it.
 */
export async function openRunFolder(path: string, resumed: boolean): Promise<RunFolder> {
  const written = new Set<string>();
  const failed = (error: unknown): Error =>
    error instanceof UsageError ? error : cannotWrite(path, error as NodeJS.ErrnoException);
  const write = async (name: string, content: Uint8Array | string) => {
    try {
      await writeFileAtomic(join(path, name), content);
      written.add(name);
    } catch (error) {
      throw failed(error);
    }
  };
  let firstMade: string | undefined;
  let unlock: () => Promise<void>;
  try {
    firstMade = await mkdir(resolve(path), { recursive: true });
    unlock = await lockRunFolder(path);
  } catch (error) {
    throw failed(error);
  }
  const folder: RunFolder = {
    path,
    write,
    writeConfig: (value) => write(CONFIG, `${JSON.stringify(value, undefined, 2)}\n`),
    writeMetrics: (results) => write(METRICS, METRICS_HEADER + results.map(metricsRow).join('')),
    async writeCheckpoint(bytes) {
      try {
        await writeCheckpointFile(path, bytes);
        for (const name of [CHECKPOINT, PREVIOUS_CHECKPOINT]) written.add(name);
      } catch (error) {
        throw failed(error);
      }
    },
    unlock,
    async remove() {
      await unlock();
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

function metricsRow({ epoch, step, train, test, seconds }: EpochResult): string {
  const losses = [train, test].flatMap(({ loss, bce, kld }) => [loss, bce, kld]).map((nats) => nats.toFixed(6));
  return `${[epoch, step, ...losses, seconds.toFixed(3)].join(',')}\n`;
}
