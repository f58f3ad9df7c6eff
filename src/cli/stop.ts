/** Stopping early: a signal, or output that nobody gets. */
import { onBrokenOutput } from './output.ts';

/** The exit codes that shells expect: 128 + the signal's number. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

type StopReason = keyof typeof EXIT_CODES | 'No output';

/** Listens for requests to stop, from its creation to `dispose()`. */
export interface StopWatch {
  /** Aborted by the first request after `hold()`. */
  readonly signal: AbortSignal;
  /** Set once a request came. */
  readonly exitCode: number | undefined;
  /** From now on the first request only aborts `signal`, so that work can be saved; before, it ends the process at once. */
  hold(): void;
  dispose(): void;
}

/**
 * Watches SIGINT, SIGTERM, SIGHUP and a stdout that cannot be written any more. A second signal ends the process at once.
 *
 * @param onHeld - called when the first request after `hold()` arrives.
 */
export function watchForStop(onHeld: (reason: StopReason) => void): StopWatch {
  const controller = new AbortController();
  let exitCode: number | undefined;
  let held = false;
  const request = (reason: StopReason, code: number) => {
    const again = exitCode !== undefined;
    exitCode ??= code;
    if (again || !held) process.exit(exitCode);
    onHeld(reason);
    controller.abort();
  };
  const onSignal = (signal: keyof typeof EXIT_CODES) => request(signal, EXIT_CODES[signal]);
  const signals = Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[];
  for (const signal of signals) process.on(signal, onSignal);
  const release = onBrokenOutput((code) => {
    // Ctrl-C also ends the reader of a pipe, which is no second request.
    if (exitCode === undefined) request('No output', code);
  });
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    hold() {
      held = true;
    },
    dispose() {
      for (const signal of signals) process.off(signal, onSignal);
      release();
    },
  };
}
