/** What is printed while a sweep runs: a bar in a terminal, a line for every trial elsewhere, nothing when quiet. */
import { canRedraw, colours, duration, minusElbo } from '../format.ts';
import { openBars } from '../progress.ts';
import { valueText } from './space.ts';
import type { TrialRow } from './store.ts';
import { countOf, ranking } from './study-folder.ts';

export interface SweepReporter {
  line(text: string): void;
  /** Tells of every trial that has ended since the last time, and how far the sweep is. */
  update(trials: readonly TrialRow[]): void;
  stop(): void;
}

/** @param keys the settings that vary */
export function createSweepReporter(quiet: boolean, keys: readonly string[]): SweepReporter {
  if (quiet) return { line() {}, update() {}, stop() {} };
  const show = canRedraw(process.stdout) ? bar() : plain();
  const begun = performance.now();
  let known: Map<number, TrialRow['state']> | undefined;
  let endedBefore = 0;
  return {
    line: show.line,
    stop: show.stop,
    update(trials) {
      const ended = countOf(trials, 'finished', 'pruned', 'failed');
      if (!known) {
        known = new Map(trials.map(({ trial, state }) => [trial, state]));
        endedBefore = ended;
      }
      const done = ended - endedBefore;
      const secondsLeft = (((performance.now() - begun) / 1000) * (trials.length - ended)) / done;
      const left = done === 0 ? '' : `about ${duration(secondsLeft)} left`;
      for (const row of trials) {
        if (known.get(row.trial) === row.state) continue;
        known.set(row.trial, row.state);
        if (row.outcome) show.line(trialLine(row, keys));
      }
      const [best] = ranking(trials);
      const running = trials.filter(({ state }) => state === 'running').map(({ trial }) => trial);
      show.state({ ended, total: trials.length, running, best, left });
    },
  };
}

/** `trial 3 (latent 8, beta 1): −ELBO 140.60, 20 epochs, 2 min 01 s`. */
function trialLine({ trial, config, outcome, deaths }: TrialRow, keys: readonly string[]): string {
  const { state, value, error, epochs, seconds } = outcome!;
  const settings = config ? ` (${keys.map((key) => `${key} ${valueText(config[key])}`).join(', ')})` : '';
  const again = deaths > 0 ? `, gone on with ${deaths === 1 ? 'once' : `${deaths} times`}` : '';
  if (state === 'failed') return `trial ${trial}${settings} failed: ${error}`;
  const end = state === 'pruned' ? 'stopped early, ' : '';
  const result = value === null ? 'no epoch' : minusElbo(value);
  return `trial ${trial}${settings}: ${end}${result}, ${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}, ${duration(seconds)}${again}`;
}

interface State {
  ended: number;
  total: number;
  running: number[];
  best: TrialRow | undefined;
  left: string;
}

interface Show {
  line(text: string): void;
  state(state: State): void;
  stop(): void;
}

function bestText(best: TrialRow | undefined): string {
  return best ? `best: trial ${best.trial}, ${minusElbo(best.outcome!.value!)}` : 'no result yet';
}

/** A line on the state whenever another trial has ended, but not oftener than a reader follows. */
const STATE_EVERY_MS = 10_000;

function plain(): Show {
  let saidAt = Number.NEGATIVE_INFINITY;
  let said = 0;
  return {
    line: (text) => void process.stdout.write(`${text}\n`),
    state({ ended, total, running, best, left }) {
      if (ended === said || performance.now() - saidAt < STATE_EVERY_MS) return;
      said = ended;
      saidAt = performance.now();
      const parts = [`${ended} of ${total} trials`, `running: ${running.join(', ') || 'none'}`, bestText(best), left];
      process.stdout.write(`${parts.filter((part) => part !== '').join('; ')}\n`);
    },
    stop() {},
  };
}

function bar(): Show {
  const { bold, dim } = colours(process.stdout);
  const bars = openBars('{bar} {value}/{total} trials, running {running}, {best} {left}');
  let one: ReturnType<typeof bars.create> | undefined;
  let isUp = true;
  const stop = () => {
    if (!isUp) return;
    isUp = false;
    bars.update();
    bars.stop();
  };
  process.once('exit', stop);
  return {
    line: (text) => (isUp && one ? bars.log(`${text}\n`) : void process.stdout.write(`${text}\n`)),
    state({ ended, total, running, best, left }) {
      const payload = { running: running.join(', ') || 'none', best: bold(bestText(best)), left: dim(left) };
      one ??= bars.create(total, ended, payload);
      one.update(ended, payload);
    },
    stop,
  };
}
