/** What is printed while something takes long: a bar in a terminal, plain lines elsewhere, nothing when quiet. */

import cliProgress from 'cli-progress';
import { type EpochResult, elboOf, type Progress } from 'webgpu-vae';
import { canRedraw, colours, duration, minusElbo, rate } from './format.ts';

/** Prints a run's progress on stdout. */
export interface Reporter {
  /** One line of text, above the bar where there is one. */
  line(text: string): void;
  progress(progress: Progress): void;
  epoch(result: EpochResult, epochs: number): void;
  /** Takes the bar down. May be called again. */
  stop(): void;
}

/** Picks the kind of reporter that fits stdout. */
export function createReporter(quiet: boolean): Reporter {
  if (quiet) return { line() {}, progress() {}, epoch() {}, stop() {} };
  return canRedraw(process.stdout) ? barReporter() : plainReporter();
}

/** `epoch 3/20: test −ELBO 152.40 (BCE 146.61, KL 5.79), train 153.06, 1 min 20 s`; 80 columns hold it. */
function epochLine({ epoch, train, test, seconds }: EpochResult, epochs: number): string {
  const elbo = elboOf(test);
  const parts = `${elbo.term.toUpperCase()} ${elbo.reconstruction.toFixed(2)}, KL ${elbo.kld.toFixed(2)}`;
  const trainElbo = elboOf(train).minusElbo.toFixed(2);
  return `epoch ${epoch}/${epochs}: test ${minusElbo(elbo.minusElbo)} (${parts}), train ${trainElbo}, ${duration(seconds)}`;
}

/** How long the first steps must have lasted before their pace, compiling included, says something of the rest. */
const PACE_AFTER_MS = 5000;

/** One line with the first loss, so that a log shows early that training works, one with the pace, then one per epoch. */
function plainReporter(): Reporter {
  let firstAt: number | undefined;
  let paced = false;
  const line = (text: string) => void process.stdout.write(`${text}\n`);
  return {
    line,
    progress({ epoch, epochs, step, steps, train, stepsPerSecond, secondsLeft }) {
      const text = `epoch ${epoch}/${epochs}, step ${step}/${steps}: train ${minusElbo(elboOf(train).minusElbo)}`;
      if (firstAt === undefined) {
        firstAt = performance.now();
        line(text);
      } else if (!paced && performance.now() - firstAt > PACE_AFTER_MS) {
        paced = true;
        line(`${text}, ${rate(stepsPerSecond)} steps/s, about ${duration(secondsLeft)} left`);
      }
    },
    epoch: (result, epochs) => line(epochLine(result, epochs)),
    stop() {},
  };
}

export function openBars(format: string): cliProgress.MultiBar {
  return new cliProgress.MultiBar({
    stream: process.stdout,
    format,
    // Short enough for the whole line to fit into 80 columns in a usual run.
    barsize: 10,
    barCompleteChar: '\u2588',
    barIncompleteChar: '\u2591',
    forceRedraw: true, // a line printed above the bar erases it
    clearOnComplete: true,
    // The command handles signals itself; this would leave the terminal to two owners.
    gracefulExit: false,
  });
}

function barReporter(): Reporter {
  const { bold, dim } = colours(process.stdout);
  let bars: cliProgress.MultiBar | undefined;
  let bar: cliProgress.SingleBar | undefined;
  const stop = () => {
    if (!bars) return;
    bars.update(); // prints the lines that are still waiting
    bars.stop();
    bars = undefined;
  };
  const line = (text: string) => {
    if (bars) bars.log(`${text}\n`);
    else process.stdout.write(`${text}\n`);
  };
  return {
    line,
    progress({ epoch, epochs, step, steps, train, stepsPerSecond, secondsLeft }) {
      const payload = {
        epoch: `${epoch}/${epochs}`,
        elbo: bold(minusElbo(elboOf(train).minusElbo)),
        pace: `${rate(stepsPerSecond)} steps/s`,
        left: dim(`${duration(secondsLeft)} left`),
      };
      if (!bars) {
        bars = openBars('epoch {epoch} {bar} step {value}/{total} {elbo} {pace} {left}');
        // A bar switches line wrapping off; a process that ends at once must not leave the terminal so.
        process.once('exit', stop);
        bar = bars.create(steps, step, payload);
      }
      bar?.update(step, payload);
    },
    epoch: (result, epochs) => line(epochLine(result, epochs)),
    stop,
  };
}

/** Tells how far a number of checks has come. */
export interface Meter {
  /** One line of the result, on stdout. */
  line(text: string): void;
  /** @param part - of the time that all take together, 0 to 1 */
  update(done: number, part: number): void;
  /** Takes the bar down. May be called again. */
  stop(): void;
}

/** How often a log hears that it still goes on. */
const METER_LINE_MS = 15_000;

/** A bar below the lines in a terminal; elsewhere a line on stderr now and then, so that stdout is the result alone. */
export function createMeter(total: number): Meter {
  return canRedraw(process.stdout) ? barMeter(total) : plainMeter(total);
}

const SYSTEM = {
  /** A clock in ms. */
  now: () => performance.now(),
  print: (line: string): void => void process.stderr.write(`${line}\n`),
};

/** The meter for logs. */
export function plainMeter(total: number, { now, print } = SYSTEM): Meter {
  const begun = now();
  let printed = begun;
  return {
    line: (text) => void process.stdout.write(`${text}\n`),
    update(done, part) {
      if (now() - printed < METER_LINE_MS || done === total) return;
      printed = now();
      print(`${done} of ${total} checks, ${timeLeft(now() - begun, part)}`);
    },
    stop() {},
  };
}

function barMeter(total: number): Meter {
  const begun = performance.now();
  const bars = openBars('{bar} {value} of {total} checks, {left}');
  const bar = bars.create(total, 0, { left: 'time left: ?' });
  let running = true;
  const stop = () => {
    if (!running) return;
    running = false;
    bars.update();
    bars.stop();
  };
  process.once('exit', stop);
  return {
    line: (text) => (running ? bars.log(`${text}\n`) : void process.stdout.write(`${text}\n`)),
    update: (done, part) => bar.update(done, { left: timeLeft(performance.now() - begun, part) }),
    stop,
  };
}

function timeLeft(elapsedMs: number, part: number): string {
  return `about ${duration(((elapsedMs / 1000) * (1 - part)) / part)} left`;
}

/** Tells which of several parts of a command is at work, and how far that is. */
export interface PhaseMeter {
  /** One line of the result, on stdout. */
  line(text: string): void;
  /** @param part - of this part of the work, 0 to 1 */
  update(what: string, part: number): void;
  /** Takes the bar down. May be called again. */
  stop(): void;
}

/** A bar for the part at work in a terminal; elsewhere a line on stderr now and then. */
export function createPhaseMeter(): PhaseMeter {
  let [phase, begun] = ['', performance.now()];
  let printed = begun;
  let bars: cliProgress.MultiBar | undefined;
  let bar: cliProgress.SingleBar | undefined;
  const stop = () => {
    bars?.update();
    bars?.stop();
    bars = undefined;
    bar = undefined;
  };
  return {
    line: (text) => (bars ? bars.log(`${text}\n`) : void process.stdout.write(`${text}\n`)),
    update(what, part) {
      const now = performance.now();
      if (what !== phase) [phase, begun] = [what, now];
      const left = part > 0 ? timeLeft(now - begun, part) : 'time left: ?';
      if (canRedraw(process.stdout)) {
        if (!bars) {
          bars = openBars('{bar} {what}, {left}');
          process.once('exit', stop);
          bar = bars.create(1, 0, { what, left });
        }
        bar!.update(part, { what, left });
      } else if (now - printed >= METER_LINE_MS) {
        printed = now;
        process.stderr.write(`${what}: ${(100 * part).toFixed(0)} %, ${left}\n`);
      }
    },
    stop,
  };
}
