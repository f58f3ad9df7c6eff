import type { StepSchedule } from '../../kernels/step-schedule.ts';

/** The factor of a schedule after `done` finished steps, straight from the papers' formulas, apart from `stepFactor`. */
export function scheduleFactor(schedule: StepSchedule, done: number): number {
  const t = done + 1;
  if (schedule.kind === 'constant') return 1;
  if (schedule.kind === 'warmup') return t < schedule.steps ? t / schedule.steps : 1;
  if (schedule.kind === 'cyclical') {
    // Fu et al. 2019, equations 6 and 7, with T / M = period, R = ratio and f linear.
    const tau = ((t - 1) % schedule.period) / schedule.period;
    return tau <= schedule.ratio ? tau / schedule.ratio : 1;
  }
  // Loshchilov & Hutter 2017, equation 5 with a minimum of 0, behind a linear warm-up.
  const { steps, warmup = 0 } = schedule;
  if (done >= steps) return 0;
  if (done < warmup) return t / warmup;
  return (1 + Math.cos((Math.PI * (done - warmup)) / (steps - warmup))) / 2;
}

/** How far a schedule's factor in f32 may be off, relative to itself: two divisions, and a polynomial that is squared. */
export const SCHEDULE_ERROR = 32 * 2 ** -24;
