/** The folder of a training run: config.json, metrics.csv, model.safetensors, pictures. */
import { appendFile, mkdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { EpochResult } from '../vae/vae.ts';
import { cannotWrite, writeFileAtomic } from './files.ts';

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
  /** Appends an epoch to metrics.csv; losses in nats per image. */
  appendMetrics(result: EpochResult): Promise<void>;
  /** Takes the folder and all that was written away again, and any parent folder that was made for it. */
  remove(): Promise<void>;
}

/**
 * Makes the folder with config.json and a metrics.csv that has only its header.
 *
 * @param path - a new or empty folder, checked before with `checkOutputFolder`.
 * @throws Error if it cannot be written; then nothing is left of it.
 */
export async function createRunFolder(path: string, config: object): Promise<RunFolder> {
  const written = new Set<string>();
  let firstMade: string | undefined;
  const write = async (name: string, content: Uint8Array | string) => {
    try {
      await writeFileAtomic(join(path, name), content);
      written.add(name);
    } catch (error) {
      throw cannotWrite(path, error as NodeJS.ErrnoException);
    }
  };
  const folder: RunFolder = {
    path,
    write,
    writeConfig: (value) => write(CONFIG, `${JSON.stringify(value, undefined, 2)}\n`),
    async appendMetrics(result) {
      try {
        await appendFile(join(path, METRICS), metricsRow(result));
      } catch (error) {
        throw cannotWrite(path, error as NodeJS.ErrnoException);
      }
    },
    async remove() {
      for (const name of written) await rm(join(path, name), { force: true });
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
    firstMade = await mkdir(resolve(path), { recursive: true });
  } catch (error) {
    throw cannotWrite(path, error as NodeJS.ErrnoException);
  }
  try {
    await folder.writeConfig(config);
    await write(METRICS, METRICS_HEADER);
  } catch (error) {
    await folder.remove();
    throw error;
  }
  return folder;
}

function metricsRow({ epoch, step, train, test, seconds }: EpochResult): string {
  const losses = [train, test].flatMap(({ loss, bce, kld }) => [loss, bce, kld]).map((nats) => nats.toFixed(6));
  return `${[epoch, step, ...losses, seconds.toFixed(3)].join(',')}\n`;
}
