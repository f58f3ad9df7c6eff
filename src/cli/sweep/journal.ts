/** `journal.log`: the study as Optuna's journal storage has it, for optuna-dashboard and Optuna itself. */
import { appendFile, readFile } from 'node:fs/promises';
import { type Axis, isRange, valueText } from './space.ts';
import { placeOf, type StudySpec } from './spec.ts';
import type { TrialRow } from './store.ts';

/** Optuna's operations and states (optuna/storages/journal/_storage.py, optuna/trial/_state.py). */
const OP = { createStudy: 0, createTrial: 4, setParameter: 5, setState: 6, setIntermediate: 7 } as const;
const STATE = { running: 0, finished: 1, pruned: 2, failed: 3, waiting: 4 } as const;
const MINIMIZE = 1;

const WORKER = 'webgpu-vae';

type Line = { op_code: number; [key: string]: unknown };

/** What of a trial is in the file. */
interface Written {
  parameters: boolean;
  reports: number;
  state: TrialRow['state'];
}

/** Appends what is new. The file's lines are numbered by their place, so none is ever changed. */
export class Journal {
  readonly #path: string;
  readonly #study: string;
  readonly #spec: StudySpec;
  readonly #written: Written[] = [];
  #hasStudy = false;

  constructor(path: string, study: string, spec: StudySpec) {
    this.#path = path;
    this.#study = study;
    this.#spec = spec;
  }

  /** Reads what an earlier sweep has written; a last line that is no whole one is ended. */
  async open(): Promise<void> {
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    for (const line of text.split('\n')) {
      try {
        this.#note(JSON.parse(line) as Line);
      } catch {
        // The end of the file, or where a process was killed: Optuna passes over it, too.
      }
    }
    if (text !== '' && !text.endsWith('\n')) await appendFile(this.#path, '\n');
  }

  async write(trials: readonly TrialRow[]): Promise<void> {
    const lines: Line[] = [];
    const add = (line: Line) => {
      this.#note(line);
      lines.push(line);
    };
    if (!this.#hasStudy) add({ op_code: OP.createStudy, study_name: this.#study, directions: [MINIMIZE] });
    for (const row of trials) this.#addTrial(row, add);
    if (lines.length === 0) return;
    const text = lines.map((line) => `${JSON.stringify({ ...line, worker_id: WORKER })}\n`).join('');
    await appendFile(this.#path, text);
  }

  #addTrial(row: TrialRow, add: (line: Line) => void): void {
    const { trial, state } = row;
    while (this.#written.length <= trial)
      add({ op_code: OP.createTrial, study_id: 0, state: STATE.waiting, datetime_start: null });
    const written = this.#written[trial]!;
    const isEnded = ['finished', 'pruned', 'failed'].includes(written.state);
    if (isEnded) return;
    if (state !== 'waiting' && written.state === 'waiting') {
      add({
        op_code: OP.setState,
        trial_id: trial,
        state: STATE.running,
        values: null,
        datetime_start: date(row.startedMs),
      });
    }
    if (row.point && !written.parameters && state !== 'waiting') {
      const { space, seeds } = this.#spec;
      for (const [i, axis] of space.entries()) add(parameterLine(trial, axis, row.point[i]));
      if (seeds > 1) {
        const seedAxis: Axis = { key: 'seedIndex', values: [...Array(seeds).keys()] };
        add(parameterLine(trial, seedAxis, placeOf(this.#spec, trial).seedIndex));
      }
      written.parameters = true;
    }
    for (const [epoch, value] of row.reports.slice(written.reports)) {
      add({ op_code: OP.setIntermediate, trial_id: trial, step: epoch, intermediate_value: value });
    }
    if (state === 'finished' || state === 'pruned' || state === 'failed') {
      const values = state === 'failed' || row.outcome?.value == null ? null : [row.outcome.value];
      const end = values === null && state === 'finished' ? STATE.failed : STATE[state];
      add({ op_code: OP.setState, trial_id: trial, state: end, values, datetime_complete: date(row.endedMs) });
    }
  }

  #note({ op_code, trial_id, state }: Line): void {
    if (op_code === OP.createStudy) this.#hasStudy = true;
    if (op_code === OP.createTrial) this.#written.push({ parameters: false, reports: 0, state: 'waiting' });
    const written = this.#written[Number(trial_id)];
    if (!written) return;
    if (op_code === OP.setParameter) written.parameters = true;
    if (op_code === OP.setIntermediate) written.reports++;
    if (op_code === OP.setState) {
      const names = Object.keys(STATE) as (keyof typeof STATE)[];
      written.state = names.find((name) => STATE[name] === state) ?? written.state;
    }
  }
}

function parameterLine(trial: number, axis: Axis, value: unknown): Line {
  const line = { op_code: OP.setParameter, trial_id: trial, param_name: axis.key };
  if (isRange(axis)) {
    const name = axis.integer ? 'IntDistribution' : 'FloatDistribution';
    const { from: low, to: high, scale, integer } = axis;
    const attributes = { low, high, log: scale === 'log', step: integer ? 1 : null };
    return { ...line, param_value_internal: Number(value), distribution: JSON.stringify({ name, attributes }) };
  }
  const choices = axis.values.map((each) => (typeof each === 'number' ? each : valueText(each)));
  const own = typeof value === 'number' ? value : valueText(value);
  const distribution = JSON.stringify({ name: 'CategoricalDistribution', attributes: { choices } });
  return { ...line, param_value_internal: choices.indexOf(own), distribution };
}

/** As Optuna has them, in UTC. */
function date(ms: number | null): string {
  return new Date(ms ?? Date.now()).toISOString().replace('Z', '000+00:00');
}
