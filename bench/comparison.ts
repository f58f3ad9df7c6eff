import type { ColdStartResult } from './cold-start.ts';
import type { shortDescription } from './machine.ts';
import { median, significant } from './statistics.ts';
import type { StepResult } from './step.ts';

/** What `bench --json` of one checkout says. */
interface Measured {
  adapter: ReturnType<typeof shortDescription>;
  step?: StepResult[];
  cold_start_ms?: ColdStartResult;
}

/** Both checkouts, measured right after each other. */
export interface Round {
  here: Measured;
  there: Measured;
}

/** One number of both checkouts. */
export interface Comparison {
  what: string;
  /** Milliseconds, the median over the rounds; also the next. */
  here: number;
  there: number;
  /** Here over there, within a round: what slows the machine down for minutes cancels out. */
  ratio: { median: number; min: number; max: number };
  dispatches?: { here: number; there: number };
}

/** What both checkouts have measured in every round. */
export function compareRounds(rounds: readonly Round[]): Comparison[] {
  const [first] = rounds;
  if (!first) throw new RangeError('compareRounds: expected at least one round, got none');
  const comparisons: Comparison[] = [];
  const add = (what: string, numberOf: (measured: Measured) => number | undefined, extra: Partial<Comparison> = {}) => {
    const known = rounds.flatMap((round) => {
      const [here, there] = [numberOf(round.here), numberOf(round.there)];
      return here === undefined || there === undefined ? [] : [{ here, there }];
    });
    if (known.length < rounds.length) return;
    const ratios = known.map(({ here, there }) => here / there);
    comparisons.push({
      what,
      here: significant(median(known.map(({ here }) => here))),
      there: significant(median(known.map(({ there }) => there))),
      ratio: {
        median: significant(median(ratios), 3),
        min: significant(Math.min(...ratios), 3),
        max: significant(Math.max(...ratios), 3),
      },
      ...extra,
    });
  };
  for (const { model, batch, dispatches } of first.here.step ?? []) {
    const stepOf = ({ step }: Measured) => step?.find((each) => each.model === model && each.batch === batch);
    const other = stepOf(first.there);
    const counted = other ? { dispatches: { here: dispatches, there: other.dispatches } } : {};
    add(`${model}, batch ${batch}: ms per step`, (measured) => stepOf(measured)?.ms_per_step.median, counted);
  }
  add('first loss, empty shader cache: ms', ({ cold_start_ms }) => cold_start_ms?.cold);
  add('first loss, filled shader cache: ms', ({ cold_start_ms }) => cold_start_ms?.warm);
  return comparisons;
}
