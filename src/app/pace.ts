/** Steps per second are a mean over this time. */
const WINDOW_MS = 5000;

/** How fast training goes, with everything that comes between steps. */
export class Pace {
  #reports: { atMs: number; step: number }[] = [];

  /** Training begins, or goes on, at this step. */
  begin(atMs: number, step: number): void {
    this.#reports = [{ atMs, step }];
  }

  /**
   * @param atMs when the step was reported
   * @returns undefined when no earlier report is of an earlier step
   */
  stepsPerSecond(atMs: number, step: number): number | undefined {
    // After a recovery steps are done again.
    const earlier = this.#reports.filter((past) => past.step < step && past.atMs < atMs);
    // However long the last report is ago, it counts: else a slow step would have no pace.
    this.#reports = earlier.filter((past, i) => atMs - past.atMs < WINDOW_MS || i === earlier.length - 1);
    const first = this.#reports[0];
    this.#reports.push({ atMs, step });
    return first && (1000 * (step - first.step)) / (atMs - first.atMs);
  }
}
