/** `webgpu-vae sweep`: from lists of settings to a folder of results. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import { checkWritable } from '../files.ts';
import { colours, duration, minusElbo } from '../format.ts';
import { lockRunFolder } from '../run-lock.ts';
import { watchForStop } from '../stop.ts';
import type { StudyPlace, SweepSettings } from '../sweep-command.ts';
import { DATABASE_VARIABLE } from '../sweep-command.ts';
import { loadData } from '../train.ts';
import { checkUrl, type Database, openEmbedded, openPostgres } from './database.ts';
import { databaseFiles, fetchTrial, sharedFiles } from './files.ts';
import { askToStop, serveWorker } from './ipc.ts';
import { shownUrl } from './password.ts';
import { pause } from './pause.ts';
import { planStudy } from './plan.ts';
import { createSweepReporter, type SweepReporter } from './progress.ts';
import { writeReport } from './report.ts';
import { valueText } from './space.ts';
import { type StudySpec, studyId } from './spec.ts';
import { type SqlStore, StudyDatabase } from './sql-store.ts';
import type { TrialRow } from './store.ts';
import { countOf, findStudy, ranking, readStudy, type StudyFile, StudyFolder, trialFolder } from './study-folder.ts';
import { dataIdentity } from './trial.ts';

const SWEEPS = 'sweeps';
const EMBEDDED = 'db';
/** Written by `sweep cancel` for the process that has the embedded database. */
const CANCEL = 'cancel';
/** How often the database is looked at, and the folder's files written. */
const LOOK_MS = 500;
/** A large study's files take long to write: at most this part of the time. */
const WRITE_SHARE = 0.1;
/** Workers that die without a trial, one after the other: something is wrong that no other worker mends. */
const MOST_EMPTY_DEATHS = 3;
const BEST_SHOWN = 5;

/**
 * Runs a sweep, or goes on with one.
 * @returns 0, 1 if a trial failed, or 128 + n if it was stopped by signal n
 * @throws UsageError, DataError, Error for the database, files and workers
 */
export async function sweep(settings: SweepSettings): Promise<number> {
  const { database: url, jobs, quiet } = settings;
  if (jobs === 0 && url === undefined) {
    throw new UsageError('--jobs 0: without --database nobody else can run the trials: give 1 or more');
  }
  if (url !== undefined) checkUrl(url);
  if (settings.store !== undefined && url === undefined) {
    throw new UsageError("--store has no effect without --database: the trials' folders are on this computer anyway");
  }
  const { data, transpose, trainSize, testSize } = settings;
  const spec = await planStudy(settings, async () =>
    dataIdentity(
      await loadData({ data, transpose, trainSize, testSize, validation: undefined, patience: undefined, batch: 1 }),
    ),
  );
  const id = studyId(spec);
  const folder = settings.out ?? join(SWEEPS, id);
  const found = await findStudy(folder);
  if (found && found.id !== id) {
    throw new UsageError(
      `--out ${folder} has a study with other settings, expected a new folder or the same settings: name another one`,
    );
  }
  if (!found && (await exists(join(folder, 'trials')))) {
    throw new UsageError(`--out ${folder} is not empty, expected a new folder: name another one`);
  }
  if (found?.status === 'cancelled') {
    throw new UsageError(`${folder} was cancelled, expected a study that may go on: name another folder with --out`);
  }
  const reporter = createSweepReporter(
    quiet,
    spec.space.map(({ key }) => key),
  );
  if (found?.status === 'finished') {
    reporter.line(`${folder} has all of its ${spec.trials} trials.`);
    return printEnd(folder, found.trials, quiet);
  }
  await checkWritable(folder);
  const made = await mkdir(folder, { recursive: true });
  const lock = await lockRunFolder(folder);
  const stop = watchForStop((reason) => {
    reporter.line(`${reason}: stopping after the steps in flight; once more to stop at once.`);
  });
  let studies: StudyDatabase | undefined;
  try {
    const database = url === undefined ? await openEmbedded(join(folder, EMBEDDED)) : await openPostgres(url);
    studies = await openStudies(database, reporter);
    const store = await studies.create(spec, settings.heartbeat);
    if (url === undefined) await studies.requeueAll(id);
    else if (await store.isCancelled()) {
      throw new UsageError(`${folder} was cancelled, expected a study that may go on: change a setting`);
    }
    reporter.line(studyLine(spec, folder, url));
    stop.hold();
    const run = new SweepRun({ settings, spec, store, folder, reporter, signal: stop.signal });
    const file = await run.toTheEnd(await StudyFolder.open(folder, id, spec), found?.created);
    reporter.stop();
    await studies.close();
    studies = undefined;
    // study.json has all that the embedded database had.
    if (url === undefined && file.status === 'finished') await rm(join(folder, EMBEDDED), { recursive: true });
    if (file.status === 'finished') return printEnd(folder, file.trials, quiet);
    const ended = countOf(file.trials, 'finished', 'pruned', 'failed');
    if (quiet) process.stdout.write(`${folder}\n`);
    else if (file.status === 'cancelled')
      process.stdout.write(`Cancelled after ${ended} of ${spec.trials} trials: ${folder}\n`);
    else process.stdout.write(`Stopped after ${ended} of ${spec.trials} trials; the same command goes on: ${folder}\n`);
    return stop.exitCode ?? 0;
  } finally {
    reporter.stop();
    await studies?.close().catch(() => undefined);
    await lock.release();
    stop.dispose();
    // A database that cannot be opened leaves no study.
    if (made !== undefined && !(await exists(join(folder, 'trials')))) {
      await rm(join(folder, EMBEDDED), { recursive: true, force: true });
      await rmdir(folder).catch(() => undefined);
    }
  }
}

/** What pg-boss has to say when a connection is away is said once, not every second. */
async function openStudies(database: Database, reporter: Pick<SweepReporter, 'line'>): Promise<StudyDatabase> {
  let said = '';
  try {
    return await StudyDatabase.open(database, ({ message }) => {
      if (message !== said) reporter.line(`The queue: ${message}`);
      said = message;
    });
  } catch (error) {
    await database.close().catch(() => undefined);
    throw error;
  }
}

interface SweepParts {
  settings: SweepSettings;
  spec: StudySpec;
  store: SqlStore;
  folder: string;
  reporter: SweepReporter;
  signal: AbortSignal;
}

/** One sweep while it runs: its workers, and the folder's files. */
class SweepRun {
  readonly #parts: SweepParts;
  readonly #workers = new Set<ChildProcess>();
  readonly #fetched = new Set<number>();
  #emptyDeaths = 0;
  #isCancelled = false;
  #failure: Error | undefined;

  constructor(parts: SweepParts) {
    this.#parts = parts;
  }

  async toTheEnd(files: StudyFolder, created = new Date().toISOString()): Promise<StudyFile> {
    const { settings, spec, store, folder, reporter, signal } = this.#parts;
    const database = settings.database === undefined ? 'embedded' : shownUrl(settings.database);
    let trials = await store.trials();
    const study = (status: StudyFile['status']): StudyFile => ({
      id: store.id,
      status,
      database,
      created,
      spec,
      trials,
    });
    reporter.update(trials);
    await files.write(study('running'));
    const stopWorkers = () => this.#workers.forEach(askToStop);
    signal.addEventListener('abort', stopWorkers);
    try {
      for (let i = 0; i < settings.jobs; i++) this.#startWorker();
      for (;;) {
        const begun = performance.now();
        trials = await store.trials();
        const isDone = countOf(trials, 'waiting', 'running') === 0;
        await this.#fetch(trials);
        await files.write(study('running'));
        reporter.update(trials);
        if (!this.#isCancelled && (await this.#wasCancelled())) {
          this.#isCancelled = true;
          stopWorkers();
        }
        if (this.#failure) stopWorkers();
        const isLast = isDone || signal.aborted || this.#isCancelled || this.#failure !== undefined;
        if (this.#workers.size === 0 && isLast) break;
        // Once it is to stop, the workers are what it waits for.
        await pause(Math.max(LOOK_MS, (performance.now() - begun) / WRITE_SHARE), signal.aborted ? undefined : signal);
      }
    } finally {
      signal.removeEventListener('abort', stopWorkers);
      for (const worker of this.#workers) worker.kill();
    }
    trials = await store.trials();
    await this.#fetch(trials);
    const isDone = countOf(trials, 'waiting', 'running') === 0;
    const status = isDone ? 'finished' : this.#isCancelled ? 'cancelled' : 'stopped';
    await files.write(study(status));
    await files.writeReport(await writeReport(folder, study(status)));
    if (this.#isCancelled) await rm(join(folder, CANCEL), { force: true });
    if (this.#failure) throw this.#failure;
    return study(status);
  }

  async #wasCancelled(): Promise<boolean> {
    const { store, folder } = this.#parts;
    if (await exists(join(folder, CANCEL))) await store.cancel();
    return store.isCancelled();
  }

  /** Brings the run folders of trials that ended elsewhere here. */
  async #fetch(trials: readonly TrialRow[]): Promise<void> {
    const { settings, store, folder } = this.#parts;
    if (settings.database === undefined) return;
    const files = settings.store === undefined ? databaseFiles(store) : sharedFiles(store, settings.store);
    for (const { trial, state } of trials) {
      if (this.#fetched.has(trial) || (state !== 'finished' && state !== 'pruned' && state !== 'failed')) continue;
      await fetchTrial(files, { studyId: store.id, trial }, join(folder, trialFolder(trial)));
      this.#fetched.add(trial);
    }
  }

  #startWorker(): void {
    const { settings, store, folder, reporter, signal } = this.#parts;
    const options = (name: string, value: string | undefined) => (value === undefined ? [] : [name, value]);
    const args = [
      'worker',
      '--ipc',
      '--quiet',
      ...options('--adapter', settings.adapter),
      ...options('--data', settings.data),
      ...(settings.database === undefined
        ? ['--out', folder]
        : ['--drain', '--study', store.id, ...options('--store', settings.store)]),
    ];
    const child = fork(process.argv[1]!, args, {
      // What runs Node itself, such as a debugger, is not meant for its workers.
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, ...(settings.database !== undefined && { [DATABASE_VARIABLE]: settings.database }) },
    });
    this.#workers.add(child);
    let errors = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-10_000);
    });
    const current = serveWorker(child, store, () => undefined);
    child.on('error', (error) => {
      this.#failure ??= error;
    });
    child.on('close', (code, killer) => {
      void (async () => {
        const claim = settings.database === undefined ? await current() : undefined;
        if (claim) await store.died(claim);
        if (code === 0 || signal.aborted || this.#isCancelled || this.#failure) return;
        const why = /^(?:\S*)?error:\S* (.*)$/m.exec(errors)?.[1];
        if (!claim && why !== undefined) throw new Error(why);
        const how = killer ?? `exit code ${code}`;
        this.#emptyDeaths = claim ? 0 : this.#emptyDeaths + 1;
        if (this.#emptyDeaths >= MOST_EMPTY_DEATHS) {
          throw new Error(
            `a worker ended with ${how} ${this.#emptyDeaths} times without a trial: see webgpu-vae doctor`,
          );
        }
        reporter.line(`A worker died (${how})${claim ? ` in trial ${claim.trial}` : ''}; another one goes on.`);
        this.#startWorker();
      })()
        .catch((error: Error) => {
          this.#failure ??= error;
        })
        .finally(() => this.#workers.delete(child));
    });
  }
}

function studyLine({ trials, seeds, search, space, stop }: StudySpec, folder: string, url: string | undefined): string {
  const axes = space.map((axis) =>
    'values' in axis
      ? `${axis.key} ${axis.values.map(valueText).join(', ')}`
      : `${axis.key} ${axis.from} to ${axis.to}`,
  );
  const parts = [
    `${trials} ${trials === 1 ? 'trial' : 'trials'}: ${axes.join('; ')}`,
    ...(seeds > 1 ? [`${seeds} seeds each`] : []),
    ...(search === 'grid' ? [] : [`search: ${search}`]),
    ...(stop ? ['early stopping'] : []),
  ];
  return `Study: ${parts.join('; ')}. Folder: ${folder}${url === undefined ? '' : `, trials in ${shownUrl(url)}`}`;
}

function printEnd(folder: string, trials: readonly TrialRow[], quiet: boolean): number {
  const failed = countOf(trials, 'failed');
  if (quiet) process.stdout.write(`${folder}\n`);
  else {
    process.stdout.write(rankingText(trials));
    process.stdout.write(`Results: ${join(folder, 'trials.csv')} and ${join(folder, 'report.html')}\n`);
  }
  return failed > 0 ? 1 : 0;
}

/** The best trials, and those that failed. */
function rankingText(trials: readonly TrialRow[]): string {
  const { bold } = colours(process.stdout);
  const best = ranking(trials);
  const lines = best.slice(0, BEST_SHOWN).map(({ trial, point, config, outcome }, i) => {
    const line = `${minusElbo(outcome!.value!)}  trial ${trial}  ${(point ?? []).map(valueText).join('  ')}  seed ${config?.seed}`;
    return i === 0 ? bold(line) : line;
  });
  const pruned = countOf(trials, 'pruned');
  if (pruned > 0) lines.push(`${pruned} ${pruned === 1 ? 'trial was' : 'trials were'} stopped early.`);
  for (const { trial, state, outcome } of trials) {
    if (state === 'failed') lines.push(`trial ${trial} failed: ${outcome?.error}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** `sweep status`. */
export async function status({ folder }: StudyPlace): Promise<number> {
  const study = await readStudy(folder);
  const { trials, spec } = study;
  const count = (...states: TrialRow['state'][]) => countOf(trials, ...states);
  const counts = (['finished', 'pruned', 'failed', 'running', 'waiting'] as const)
    .filter((state) => count(state) > 0)
    .map((state) => `${count(state)} ${state}`);
  process.stdout.write(`${folder}: ${await stateNow(folder, study)}, ${spec.trials} trials: ${counts.join(', ')}\n`);
  process.stdout.write(rankingText(trials));
  return 0;
}

/** `running` stands in the file of a sweep that was killed, too. */
async function stateNow(folder: string, { status: state }: StudyFile): Promise<string> {
  if (state !== 'running') return state;
  const lock = await lockRunFolder(folder).catch(() => undefined);
  if (!lock) return 'running';
  await lock.release();
  return 'interrupted, the same command goes on';
}

/** `sweep report`. */
export async function report({ folder }: StudyPlace): Promise<number> {
  const study = await readStudy(folder);
  const files = await StudyFolder.open(folder, study.id, study.spec);
  await files.writeReport(await writeReport(folder, study));
  process.stdout.write(`${join(folder, 'report.html')}\n`);
  return 0;
}

const CANCEL_WAIT_MS = 60_000;

/** `sweep cancel`. */
export async function cancel({ folder, database: url }: StudyPlace): Promise<number> {
  const study = await readStudy(folder);
  if (study.status === 'finished' || study.status === 'cancelled') {
    throw new UsageError(`${folder} is ${study.status}, expected a study that goes on: there is nothing to cancel`);
  }
  if (study.database !== 'embedded') {
    if (url === undefined) {
      throw new UsageError(
        `sweep cancel: the trials are in ${study.database}, expected --database with its URL, got none`,
      );
    }
    const studies = await openStudies(await openPostgres(url), { line: () => undefined });
    try {
      await (await studies.study(study)).cancel();
    } finally {
      await studies.close();
    }
  }
  const lock = await lockRunFolder(folder).catch(() => undefined);
  if (lock) {
    try {
      const files = await StudyFolder.open(folder, study.id, study.spec);
      await files.write({ ...study, status: 'cancelled' });
      await rm(join(folder, EMBEDDED), { recursive: true, force: true });
    } finally {
      await lock.release();
    }
  } else {
    // Its process looks for this file.
    const { writeFileAtomic } = await import('../files.ts');
    await writeFileAtomic(join(folder, CANCEL), '');
    const until = performance.now() + CANCEL_WAIT_MS;
    while ((await exists(join(folder, CANCEL))) && performance.now() < until) await pause(LOOK_MS);
    if (await exists(join(folder, CANCEL))) {
      throw new Error(
        `sweep cancel: the sweep has not stopped within ${duration(CANCEL_WAIT_MS / 1000)}: stop its process`,
      );
    }
  }
  process.stdout.write(`${folder} is cancelled; its results stay.\n`);
  return 0;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
