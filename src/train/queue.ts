/** The model was disposed of: there is nothing left to compute with. */
export class DisposedError extends Error {
  override name = 'DisposedError';
}

/** The model can't do this now and will not wait for it, because whoever asks may be what it would wait for. */
export class BusyError extends Error {
  override name = 'BusyError';
}

interface Job {
  /** Does it; what is returned tells the caller how it ended. */
  work: () => Promise<() => void>;
  reject: (reason: Error) => void;
}

/**
 * Does one job at a time, in the order in which they were asked for, so that none sees what another has half done. A job must
 * not wait for a later one. One that is long is cut into several: it ends early when others are `waiting`, and asks again.
 */
export class JobQueue {
  /** The first one is running. */
  #jobs: Job[] = [];
  /** Those who learn at once that the queue was closed. */
  #guarded = new Set<(reason: Error) => void>();
  #end = new AbortController();
  #whenIdle = () => {};

  /** Aborted, with the reason, when the queue is closed. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Jobs that wait for the one that is running. */
  get waiting(): number {
    return Math.max(0, this.#jobs.length - 1);
  }

  /**
   * Does `work` when its turn has come: at once, before this returns, if nothing else is being done.
   * @throws the reason of `close`
   */
  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.signal.aborted) return Promise.reject(this.signal.reason);
    return new Promise((resolve, reject) => {
      const job = async (): Promise<() => void> => {
        try {
          const result = await work();
          return () => resolve(result);
        } catch (error) {
          return () => reject(error);
        }
      };
      this.#jobs.push({ work: job, reject });
      if (this.#jobs.length === 1) void this.#serve();
    });
  }

  /**
   * What `work`, which may consist of many jobs, comes to; or the reason of `close`, as soon as that is called.
   */
  async guard<T>(work: Promise<T>): Promise<T> {
    let closed: (reason: Error) => void;
    const closing = new Promise<never>((_, reject) => {
      closed = reject;
    });
    this.#guarded.add(closed!);
    try {
      return await Promise.race([work, closing]);
    } finally {
      this.#guarded.delete(closed!);
    }
  }

  /**
   * Rejects whatever is asked for, was asked for, or is running. What is running goes on until it looks at `signal`, and gives
   * its result to nobody.
   * @param whenIdle called when nothing is running any more: at once if nothing is
   */
  close(reason: Error, whenIdle: () => void): void {
    if (this.signal.aborted) return;
    this.#end.abort(reason);
    for (const { reject } of this.#jobs) reject(reason);
    for (const closed of this.#guarded) closed(reason);
    this.#jobs.splice(1);
    if (this.#jobs.length === 0) whenIdle();
    else this.#whenIdle = whenIdle;
  }

  async #serve(): Promise<void> {
    for (let job = this.#jobs[0]; job; job = this.#jobs[0]) {
      const tell = await job.work();
      // Who hears that a job is done finds the queue without it.
      this.#jobs.shift();
      tell();
    }
    this.#whenIdle();
  }
}
