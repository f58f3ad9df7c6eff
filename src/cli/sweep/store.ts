/** What a worker and a sweep ask of the place where a study is kept. */
import type { StudySpec } from './spec.ts';

export type TrialState = 'waiting' | 'running' | 'finished' | 'pruned' | 'failed';

/** A trial that belongs to a worker until it ends, or until the worker gives no sign of life for too long. */
export interface Claim {
  studyId: string;
  spec: StudySpec;
  trial: number;
  /** As it stands in the database: to be checked. */
  config: unknown;
  /** The job that was fetched, and which attempt at it: with both a worker that lost its claim can change nothing. */
  job: { id: string; retryCount: number };
  /** How often a worker died over this trial. */
  deaths: number;
  /** That the trial is to end early was settled, but not written, by a worker before. */
  isPruned: boolean;
}

/** How a trial ended. */
export interface Outcome {
  state: 'finished' | 'pruned' | 'failed';
  /** Test −ELBO after the last epoch, nats per image. */
  value: number | null;
  /** Losses of the last epoch. */
  losses: Record<string, number>;
  epochs: number;
  step: number;
  seconds: number;
  adapter: string;
  error: string | null;
}

/** What a worker needs. */
export interface TrialStore {
  /** The next trial; `wait` if others run the last ones, which may come back; `done` if nothing will come any more. */
  take(worker: string): Promise<Claim | 'wait' | 'done'>;
  /** A sign of life. @returns whether the claim still stands, or the study was cancelled */
  beat(claim: Claim): Promise<'go on' | 'lost' | 'cancelled'>;
  /** The test −ELBO after an epoch. @returns whether the trial is to end there */
  report(claim: Claim, epoch: number, value: number): Promise<boolean>;
  /** The one result of a trial. @returns false if the claim was lost: then it is not written */
  finish(claim: Claim, outcome: Outcome): Promise<boolean>;
  /** Gives the trial back, to be gone on with by somebody. */
  release(claim: Claim): Promise<void>;
}

/** A trial as the sweep sees it. */
export interface TrialRow {
  trial: number;
  state: TrialState;
  config: Record<string, unknown> | null;
  point: unknown[] | null;
  worker: string | null;
  deaths: number;
  startedMs: number | null;
  endedMs: number | null;
  outcome: Outcome | null;
  /** Test −ELBO by epoch, from the first. */
  reports: [epoch: number, value: number][];
}

export interface StudyRow {
  id: string;
  spec: StudySpec;
  isCancelled: boolean;
}
