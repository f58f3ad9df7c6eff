/** `webgpu-vae worker`, and the processes that a sweep starts. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import { watchForStop } from '../stop.ts';
import { DATABASE_VARIABLE, type WorkerSettings } from '../sweep-command.ts';
import { openPostgres } from './database.ts';
import { databaseFiles, sharedFiles } from './files.ts';
import { connectToSweep } from './ipc.ts';
import { shownUrl } from './password.ts';
import { pause } from './pause.ts';
import { type SqlStore, StudyDatabase } from './sql-store.ts';
import { trialFolder } from './study-folder.ts';
import { runWorker, Workbench } from './worker.ts';

/** How often a worker without a trial looks for new ones. */
const LOOK_MS = 2_000;

/** Followed by the number of the process that the folder belongs to. */
const SCRATCH = 'webgpu-vae-worker-';

/**
 * @returns 0, or 128 + n if it was stopped by signal n
 * @throws UsageError, and what a device, data and a database throw
 */
export async function worker(settings: WorkerSettings): Promise<number> {
  const line = (text: string) => {
    if (!settings.quiet) process.stdout.write(`${text}\n`);
  };
  const stop = watchForStop((reason) =>
    line(`${reason}: stopping after the steps in flight; once more to stop at once.`),
  );
  const controller = new AbortController();
  stop.signal.addEventListener('abort', () => controller.abort());
  const sweep = settings.ipc ? connectToSweep(() => controller.abort()) : undefined;
  const bench = new Workbench(settings.adapter, settings.data);
  stop.hold();
  try {
    if (sweep && settings.database === undefined) {
      await runWorker(
        {
          store: sweep.store,
          adapter: settings.adapter,
          dataFolder: settings.data,
          folderOf: ({ trial }) => join(settings.out ?? '.', trialFolder(trial)),
          signal: controller.signal,
          log: line,
        },
        bench,
      );
    } else {
      await work(settings, bench, controller.signal, line);
    }
    return stop.exitCode ?? 0;
  } finally {
    bench.dispose();
    sweep?.close();
    stop.dispose();
  }
}

async function work(
  settings: WorkerSettings,
  bench: Workbench,
  signal: AbortSignal,
  line: (text: string) => void,
): Promise<void> {
  const { database: url, study: wanted, drain } = settings;
  if (url === undefined) {
    throw new UsageError(`worker: expected --database with the URL of a PostgreSQL, or ${DATABASE_VARIABLE}, got none`);
  }
  await removeOrphans();
  const scratch = await mkdtemp(join(tmpdir(), `${SCRATCH}${process.pid}-`));
  let studies: StudyDatabase | undefined;
  try {
    let said = '';
    studies = await StudyDatabase.open(await openPostgres(url), ({ message }) => {
      if (message !== said) line(`The queue: ${message}`);
      said = message;
    });
    line(`Taking trials from ${shownUrl(url)}.`);
    const stores = new Map<string, SqlStore>();
    const refused = new Set<string>();
    while (!signal.aborted) {
      const open = (await studies.studies()).filter(({ id, isCancelled }) => !isCancelled && (wanted ?? id) === id);
      let isLeft = false;
      for (const study of open) {
        if (refused.has(study.id) || signal.aborted) continue;
        const store = stores.get(study.id) ?? (await studies.study(study));
        stores.set(study.id, store);
        const files = settings.store === undefined ? databaseFiles(store) : sharedFiles(store, settings.store);
        try {
          const end = await runWorker(
            {
              store,
              adapter: settings.adapter,
              dataFolder: settings.data,
              folderOf: ({ studyId, trial, job }) =>
                join(scratch, `${studyId}-${trial}-${job.id.slice(0, 8)}-${job.retryCount}`),
              files,
              signal,
              log: (text) => line(`${study.id}: ${text}`),
            },
            bench,
            { once: true },
          );
          isLeft ||= end === 'wait';
        } catch (error) {
          // A study with other data is somebody else's; only who was to work on that one cannot go on.
          if (wanted !== undefined || !isOtherData(error)) throw error;
          refused.add(study.id);
          line(`${study.id}: not taken: ${(error as Error).message}`);
        }
      }
      if (drain && !isLeft) return;
      await pause(LOOK_MS, signal);
    }
  } finally {
    await studies?.close().catch(() => undefined);
    await rm(scratch, { recursive: true, force: true });
  }
}

function isOtherData(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('the study is about');
}

/** Deletes the folders of workers that were killed. */
async function removeOrphans(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = name.startsWith(SCRATCH) ? Number.parseInt(name.slice(SCRATCH.length), 10) : Number.NaN;
    if (pid > 0 && !isAlive(pid))
      await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
