/** Takes trials and runs them, one after the other, on one device. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createDevice, type DataSet, type Device } from 'webgpu-vae';
import { oneLine } from '../errors.ts';
import { loadData } from '../train.ts';
import { pause } from './pause.ts';
import type { StudySpec } from './spec.ts';
import type { Claim, Outcome, TrialStore } from './store.ts';
import { type Bench, dataIdentity, runTrial, TrialLostError } from './trial.ts';

const BEAT_MS = 5_000;
/** How long to wait where others run what is left. */
const WAIT_MS = 500;
/** How long a database may be away, while a trial waits to write to it. */
const PATIENCE_MS = 120_000;
const RETRY_MS = 1_000;
/** Checkpoints take at most this part of the time. */
const CHECKPOINT_SHARE = 0.1;

/** Where a trial's files go besides its folder, so that another computer can go on with it. */
export interface TrialFiles {
  /** @returns false if the trial is another worker's by now */
  put(claim: Claim, name: string, content: Uint8Array): Promise<boolean>;
  /** Everything that is kept of a trial. */
  getAll(claim: Claim): Promise<{ name: string; content: Uint8Array }[]>;
}

export interface WorkerOptions {
  store: TrialStore;
  adapter: string | undefined;
  dataFolder: string | undefined;
  /** The folder of a trial. */
  folderOf(claim: Claim): string;
  /** None where folders are on one computer. */
  files?: TrialFiles;
  signal: AbortSignal;
  log(line: string): void;
}

/** A name for people to find a worker by. */
export function workerName(): string {
  return `${hostname()}:${process.pid}`;
}

/** One process's device and data, made when the first trial needs them. */
export class Workbench {
  readonly #adapter: string | undefined;
  readonly #dataFolder: string | undefined;
  #device: Device | undefined;
  #data: { key: string; data: DataSet } | undefined;

  constructor(adapter: string | undefined, dataFolder: string | undefined) {
    this.#adapter = adapter;
    this.#dataFolder = dataFolder;
  }

  /** @throws Error if the data are not those of the study; what opening a device and reading data throw */
  async prepare(spec: StudySpec): Promise<Bench> {
    const data = await this.#load(spec);
    const reopen = async (): Promise<Device> => {
      this.#device?.dispose();
      this.#device = await createDevice(this.#adapter === undefined ? {} : { adapter: this.#adapter });
      return this.#device;
    };
    if (!this.#device) await reopen();
    const figures = await import('../figures.ts');
    return {
      device: () => this.#device!,
      reopen,
      adapter: this.#adapter,
      dataFolder: this.#dataFolder,
      data,
      figures,
    };
  }

  dispose(): void {
    this.#device?.dispose();
    this.#device = undefined;
  }

  async #load(spec: StudySpec): Promise<DataSet> {
    const key = JSON.stringify([spec.transpose, spec.trainSize, spec.testSize, spec.data]);
    if (this.#data?.key === key) return this.#data.data;
    const data = await loadStudyData(spec, this.#dataFolder);
    this.#data = { key, data };
    return data;
  }
}

/** @throws Error if the images are not those that the study is about; UsageError, DataError */
async function loadStudyData(spec: StudySpec, folder: string | undefined): Promise<DataSet> {
  const { transpose, trainSize, testSize } = spec;
  const data = await loadData({
    data: folder,
    transpose,
    trainSize: trainSize ?? undefined,
    testSize: testSize ?? undefined,
    validation: undefined,
    patience: undefined,
    batch: 1,
  });
  const own = dataIdentity(data);
  const { name, ...images } = own;
  const { name: wantedName, ...wanted } = spec.data;
  if (JSON.stringify(images) !== JSON.stringify(wanted)) {
    throw new Error(
      `the study is about ${wanted.trainCount} + ${wanted.testCount} images of ${JSON.stringify(wantedName)}, got ${own.trainCount} + ${own.testCount} other ones of ${JSON.stringify(name)}: name the folder of its data set with --data`,
    );
  }
  return data;
}

/**
 * Runs trials until there are none, or until `signal`.
 * @returns `done`, `stopped`, or `wait` if others run the last ones and `once` is set
 */
export async function runWorker(
  options: WorkerOptions,
  bench: Workbench,
  { once = false } = {},
): Promise<'done' | 'stopped' | 'wait'> {
  const { store, signal, log } = options;
  const name = workerName();
  while (!signal.aborted) {
    const claim = await patiently(() => store.take(name), signal);
    if (claim === 'done') return 'done';
    if (claim === 'wait') {
      if (once) return 'wait';
      await pause(WAIT_MS, signal);
      continue;
    }
    log(`trial ${claim.trial}: ${claim.deaths > 0 ? 'going on with it' : 'begun'}`);
    const end = await runClaim(options, bench, claim);
    log(`trial ${claim.trial}: ${end}`);
  }
  return 'stopped';
}

/** @returns how it ended, in a word or two */
async function runClaim(options: WorkerOptions, workbench: Workbench, claim: Claim): Promise<string> {
  const { store, files, folderOf, signal } = options;
  const path = folderOf(claim);
  const controller = new AbortController();
  let lost: string | undefined;
  const lose = (why: string) => {
    lost ??= why;
    controller.abort();
  };
  const stop = () => controller.abort();
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  const heart = setInterval(() => {
    store.beat(claim).then(
      (answer) => {
        if (answer === 'lost') lose('lost to another worker');
        else if (answer === 'cancelled') lose('cancelled');
      },
      // A database that is away for a moment says nothing of the claim.
      () => undefined,
    );
  }, BEAT_MS);
  /** What must not be lost; what fails for long ends the trial here, for somebody else to go on with. */
  const insist = async <T>(work: () => Promise<T>): Promise<T> => {
    if (lost !== undefined) throw new TrialLostError(lost);
    try {
      return await patiently(work, controller.signal);
    } catch (error) {
      throw new TrialLostError(oneLine(error), { cause: error });
    }
  };
  try {
    const bench = await workbench.prepare(claim.spec);
    if (files) await fetchFiles(files, claim, path);
    const onFile = files && uploader(files, claim, insist, lose);
    const outcome = await runTrial({
      claim,
      path,
      signal: controller.signal,
      bench,
      ...(onFile && { onFile: onFile.put }),
      onEpoch: (epoch, value) => insist(() => store.report(claim, epoch, value)),
    });
    if (lost !== undefined) throw new TrialLostError(lost);
    if (!outcome) {
      await onFile?.flush();
      await store.release(claim);
      return 'stopped, to be gone on with';
    }
    return (await patiently(() => store.finish(claim, outcome), signal)) ? describe(outcome) : 'lost to another worker';
  } catch (error) {
    if (!(error instanceof TrialLostError)) {
      await store.release(claim).catch(() => undefined);
      throw error;
    }
    // Cancelled or cut off: whoever asks for it again may have it.
    await store.release(claim).catch(() => undefined);
    return error.message;
  } finally {
    clearInterval(heart);
    signal.removeEventListener('abort', stop);
    if (files) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

function describe({ state, value, error }: Outcome): string {
  if (state === 'failed') return `failed: ${error}`;
  const end = state === 'pruned' ? 'stopped early' : 'finished';
  return value === null ? end : `${end} with \u2212ELBO ${value.toFixed(2)}`;
}

async function fetchFiles(files: TrialFiles, claim: Claim, path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  const kept = await files.getAll(claim);
  if (!kept.some(({ name }) => name.startsWith('checkpoint'))) return;
  await mkdir(path, { recursive: true });
  for (const { name, content } of kept) await writeFile(join(path, name), content);
}

/** Keeps every file elsewhere, too; of checkpoints, which are large, as many as there is time for, and the last. */
function uploader(
  files: TrialFiles,
  claim: Claim,
  insist: <T>(work: () => Promise<T>) => Promise<T>,
  lose: (why: string) => void,
): { put(name: string, content: Uint8Array | string): Promise<void>; flush(): Promise<void> } {
  let nextCheckpointMs = 0;
  let waiting: { name: string; content: Uint8Array } | undefined;
  const send = async (name: string, content: Uint8Array) => {
    if (!(await insist(() => files.put(claim, name, content)))) {
      lose('lost to another worker');
      throw new TrialLostError('lost to another worker');
    }
  };
  return {
    async put(name, text) {
      const content = typeof text === 'string' ? new TextEncoder().encode(text) : text;
      if (!name.startsWith('checkpoint')) return send(name, content);
      const begun = performance.now();
      if (begun < nextCheckpointMs) {
        waiting = { name, content };
        return;
      }
      waiting = undefined;
      await send(name, content);
      const now = performance.now();
      nextCheckpointMs = now + (now - begun) / CHECKPOINT_SHARE;
    },
    async flush() {
      // The signal has stopped everything else by now; what cannot be kept is done again.
      if (waiting) await files.put(claim, waiting.name, waiting.content).catch(() => false);
    },
  };
}

/** Tries again for a while what fails because a database or a network is away. */
async function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isAway(error) || signal.aborted || performance.now() > until) throw error;
      await pause(RETRY_MS, signal);
    }
  }
}

/** Whether it is the connection that failed, and not what was asked: classes 08 and 57 of SQL's states, and sockets. */
function isAway(error: unknown): boolean {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  return (
    /^(08|57)/.test(code) ||
    /^E(CONN|PIPE|TIMEDOUT|NETUNREACH|HOSTUNREACH|AI_AGAIN)/.test(code) ||
    /connection (terminated|ended|timeout)|timeout exceeded when trying to connect/i.test(message)
  );
}
