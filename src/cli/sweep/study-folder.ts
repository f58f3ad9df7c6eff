/** A study's folder: what everybody may look at while a sweep runs and after it. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';
import { Journal } from './journal.ts';
import { valueText } from './space.ts';
import { type StudySpec, specSchema } from './spec.ts';
import type { TrialRow } from './store.ts';

const STUDY = 'study.json';
const TRIALS = 'trials.csv';
const JOURNAL = 'journal.log';
export const REPORT = 'report.html';

const stateSchema = z.enum(['waiting', 'running', 'finished', 'pruned', 'failed']);

const trialSchema = z.object({
  trial: z.int().min(0),
  state: stateSchema,
  config: z.record(z.string(), z.unknown()).nullable(),
  point: z.array(z.unknown()).nullable(),
  worker: z.string().nullable(),
  deaths: z.int(),
  startedMs: z.number().nullable(),
  endedMs: z.number().nullable(),
  outcome: z
    .object({
      state: z.enum(['finished', 'pruned', 'failed']),
      value: z.number().nullable(),
      losses: z.record(z.string(), z.number()),
      epochs: z.int(),
      step: z.int(),
      seconds: z.number(),
      adapter: z.string(),
      error: z.string().nullable(),
    })
    .nullable(),
  reports: z.array(z.tuple([z.int(), z.number()])),
});

const fileSchema = z.object({
  id: z.string(),
  status: z.enum(['running', 'stopped', 'finished', 'cancelled']),
  /** Where the trials are kept: `embedded`, or the database's URL without its password. */
  database: z.string(),
  created: z.string(),
  spec: specSchema,
  trials: z.array(trialSchema),
});

/** study.json. */
export type StudyFile = z.output<typeof fileSchema>;

/** The folder of a trial's run, below the study's. */
export function trialFolder(trial: number): string {
  return join('trials', String(trial).padStart(4, '0'));
}

/** @throws UsageError if there is no study in the folder */
export async function readStudy(folder: string): Promise<StudyFile> {
  const found = await findStudy(folder);
  if (!found)
    throw new UsageError(`expected a study's folder with ${STUDY}, found none in ${folder}: name another one`);
  return found;
}

/** Undefined if there is none. @throws UsageError if it cannot be read as one */
export async function findStudy(folder: string): Promise<StudyFile | undefined> {
  const path = join(folder, STUDY);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return fileSchema.parse(JSON.parse(text));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    throw new UsageError(`${path}: expected a study, got something else (${why.split('\n')[0]})`, { cause: error });
  }
}

/** Writes the folder's files, as far as anything has changed. */
export class StudyFolder {
  readonly path: string;
  readonly #journal: Journal;
  #last = '';

  private constructor(path: string, journal: Journal) {
    this.path = path;
    this.#journal = journal;
  }

  static async open(path: string, id: string, spec: StudySpec): Promise<StudyFolder> {
    await mkdir(join(path, 'trials'), { recursive: true });
    const journal = new Journal(join(path, JOURNAL), id, spec);
    await journal.open();
    return new StudyFolder(path, journal);
  }

  async write(study: StudyFile): Promise<void> {
    const text = `${JSON.stringify(study)}\n`;
    if (text === this.#last) return;
    this.#last = text;
    await writeFileAtomic(join(this.path, STUDY), text);
    await writeFileAtomic(join(this.path, TRIALS), trialsCsv(study));
    await this.#journal.write(study.trials);
  }

  async writeReport(html: string): Promise<void> {
    await writeFileAtomic(join(this.path, REPORT), html);
  }
}

/** One line a trial: state, settings, result. */
export function trialsCsv({ spec, trials }: Pick<StudyFile, 'spec' | 'trials'>): string {
  const keys = spec.space.map(({ key }) => key).filter((key) => key !== 'seed');
  const terms = [...new Set(trials.flatMap(({ outcome }) => Object.keys(outcome?.losses ?? {})))];
  const header = ['trial', 'state', ...keys, 'seed', 'test_minus_elbo', ...terms.map((term) => `test_${term}`)];
  const rows = trials.map((row) => {
    const { outcome } = row;
    const number = (value: number | null | undefined) => (value == null ? '' : value.toFixed(6));
    return [
      row.trial,
      row.state,
      ...keys.map((key) => (row.config ? valueText(row.config[key]) : '')),
      row.config?.seed ?? '',
      number(outcome?.value),
      ...terms.map((term) => number(outcome?.losses[term])),
      outcome?.epochs ?? row.reports.length,
      outcome?.step ?? '',
      outcome ? outcome.seconds.toFixed(3) : '',
      row.deaths,
      row.worker ?? '',
      outcome?.adapter ?? '',
      row.config ? trialFolder(row.trial) : '',
      outcome?.error ?? '',
    ];
  });
  const ends = ['epochs', 'step', 'seconds', 'deaths', 'worker', 'adapter', 'folder', 'error'];
  return [[...header, ...ends], ...rows].map((cells) => `${cells.map(csvCell).join(',')}\n`).join('');
}

function csvCell(value: unknown): string {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The finished trials, the best first. */
export function ranking(trials: readonly TrialRow[]): TrialRow[] {
  return trials
    .filter(({ state, outcome }) => state === 'finished' && outcome?.value != null)
    .sort((a, b) => a.outcome!.value! - b.outcome!.value! || a.trial - b.trial);
}

export function countOf(trials: readonly TrialRow[], ...states: TrialRow['state'][]): number {
  return trials.filter(({ state }) => states.includes(state)).length;
}
