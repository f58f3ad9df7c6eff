import { packState } from '../kernels/finish-step.ts';
import { squaredError } from '../kernels/likelihood.ts';
import type { StepSchedule } from '../kernels/step-schedule.ts';
import { type Check, runKernels } from './check.ts';
import { SCHEDULE_ERROR, scheduleFactor } from './reference/step-schedule.ts';

const SCHEDULES: StepSchedule[] = [
  { kind: 'constant' },
  { kind: 'warmup', steps: 1 },
  { kind: 'warmup', steps: 469 },
  { kind: 'cyclical', period: 100, ratio: 0.5 },
  { kind: 'cyclical', period: 7, ratio: 1 },
  { kind: 'cosine', steps: 9380 },
  { kind: 'cosine', steps: 200, warmup: 63 },
];

/** Steps done: the first ones, around every bend above, long after the last. */
const DONE = [0, 1, 5, 6, 7, 49, 50, 62, 63, 64, 99, 100, 101, 199, 200, 468, 469, 4690, 9379, 9380, 1_000_000];

/** A loss whose gradient is the schedule's factor: ½ (1 − 0)² · 2, one number. */
export function stepScheduleChecks(): Check[] {
  return SCHEDULES.map((schedule): Check => {
    const { kind, ...numbers } = schedule;
    const settings = Object.entries(numbers).map(([key, value]) => `, ${key}=${value}`);
    const name = `step schedule (${kind}${settings.join('')})`;
    return {
      name,
      op: 'step schedule',
      run: (device) =>
        runKernels(name, device, (pool) => {
          const pred = pool.tensor('pred', [1, 1], { data: Float32Array.of(1) });
          const x = pool.tensor('x', [1, 1]);
          const parts = DONE.map((done) => {
            const words = packState({ step: done, epoch: 0, position: 0, halted: 0 });
            const state = pool.tensor('state', [4], { dtype: 'u32', data: words });
            const dpred = pool.tensor(`factor after ${done} steps`, [1, 1]);
            const terms = pool.tensor('terms', [1]);
            const value = scheduleFactor(schedule, done);
            return {
              command: squaredError(
                pool,
                { pred, x, dpred, terms },
                { weight: 0.5, schedule: { kind: schedule, state } },
              ),
              output: [
                dpred,
                { values: Float64Array.of(value), tolerance: Float64Array.of(SCHEDULE_ERROR * value) },
              ] as const,
            };
          });
          return { commands: parts.map(({ command }) => command), outputs: parts.map(({ output }) => output) };
        }),
    };
  });
}
