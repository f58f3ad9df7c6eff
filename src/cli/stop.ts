/** Stopping early: a signal, or a reader of our output that went away. */

/** The exit codes that shells expect: 128 + the signal's number. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const;

type StopReason = keyof typeof EXIT_CODES;

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
 * Watches SIGINT, SIGTERM, SIGHUP and a closed stdout. A second signal ends the process at once.
 *
 * @param onHeld - called when the first request after `hold()` arrives.
 */
export function watchForStop(onHeld: (reason: StopReason) => void): StopWatch {
  const controller = new AbortController();
  let exitCode: number | undefined;
  let held = false;
  const request = (reason: StopReason) => {
    const again = exitCode !== undefined;
    exitCode ??= EXIT_CODES[reason];
    if (again || !held) process.exit(exitCode);
    onHeld(reason);
    controller.abort();
  };
  const onClosed = () => {
    // Every further line fails in the same way, which is no second request.
    if (exitCode === undefined) request('SIGPIPE');
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, request);
  process.stdout.on('error', onClosed); // for good: lines may still be printed after dispose()
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    hold() {
      held = true;
    },
    dispose() {
      for (const signal of signals) process.off(signal, request);
    },
  };
}
