import type { Tensor } from '../gpu/tensor.ts';

/**
 * How a learning rate or the weight of a loss changes from step to step: a factor in [0, 1] of its full value, computed on the
 * GPU from the number of steps done, so that a step writes nothing and a resumed run has the same bits. With t the step's number
 * from 1:
 * - `constant`: 1
 * - `warmup`: min(1, t / steps); Goyal et al. 2017 for learning rates, Sønderby et al. 2016 for the weight of the KL divergence
 * - `cyclical`: grows from 0 to 1 over the part `ratio` of every `period` steps, then stays 1: min(1, τ / ratio) with
 *   τ = ((t − 1) mod period) / period; Fu et al. 2019, "Cyclical annealing schedule", equation 6
 * - `cosine`: (1 + cos(π (t − 1 − warmup) / (steps − warmup))) / 2, 0 after `steps` steps; before that a linear warm-up over
 *   the first `warmup` steps, none if left out; Loshchilov & Hutter 2017, "SGDR", equation 5
 */
export type StepSchedule =
  | { kind: 'constant' }
  | { kind: 'warmup'; steps: number }
  | { kind: 'cyclical'; period: number; ratio: number }
  | { kind: 'cosine'; steps: number; warmup?: number };

/** The factor in the step that follows `done` finished ones, in float64: for what is reported on the CPU. */
export function stepFactor(schedule: StepSchedule, done: number): number {
  switch (schedule.kind) {
    case 'constant':
      return 1;
    case 'warmup':
      return Math.min(1, (done + 1) / schedule.steps);
    case 'cyclical':
      return Math.min(1, (done % schedule.period) / schedule.period / schedule.ratio);
    case 'cosine': {
      const { steps, warmup = 0 } = schedule;
      const progress = (Math.min(Math.max(done, warmup), steps) - warmup) / (steps - warmup);
      const rise = warmup > 0 ? Math.min(1, (done + 1) / warmup) : 1;
      return rise * Math.cos((Math.PI / 2) * progress) ** 2;
    }
  }
}

/** Whether the schedule never changes anything. */
export function isConstant(schedule: StepSchedule | undefined): boolean {
  return schedule === undefined || schedule.kind === 'constant';
}

/**
 * The values of the `override`s of shaders/step_schedule.wgsl.
 * @throws RangeError if a number of steps is no positive integer, or the ratio not in (0, 1]
 */
export function scheduleConstants(schedule: StepSchedule): Record<string, number> {
  switch (schedule.kind) {
    case 'constant':
      return {};
    case 'warmup':
      return { WARMUP: count('warmup', 'steps', schedule.steps) };
    case 'cyclical': {
      const { period, ratio } = schedule;
      if (!(ratio > 0 && ratio <= 1)) {
        throw new RangeError(
          `step schedule: ratio is ${ratio}, expected a number in (0, 1]: the part of a period that rises`,
        );
      }
      return { PERIOD: count('cyclical', 'period', period), RATIO: ratio };
    }
    case 'cosine': {
      const { steps, warmup = 0 } = schedule;
      count('cosine', 'steps', steps);
      if (!(Number.isInteger(warmup) && warmup >= 0 && warmup < steps)) {
        throw new RangeError(
          `step schedule: warmup is ${warmup} steps, expected an integer from 0 to less than ${steps}`,
        );
      }
      return { STEPS: steps, WARMUP: warmup };
    }
  }
}

function count(kind: string, name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new RangeError(`step schedule: ${name} of ${kind} is ${value}, expected a positive integer`);
}

/** What multiplies a loss in a gradient. */
export interface WeightOptions {
  /** 1 if left out. */
  weight?: number;
  /** How the weight changes from step to step, with the state whose step counts. Constant if left out. */
  schedule?: { kind: StepSchedule; state: Tensor } | undefined;
}

/** The files, constants and bindings of a scale_*.wgsl: nothing more than a number where the weight is constant. */
export function scaleOf({ schedule }: WeightOptions): {
  files: string[];
  constants: Record<string, number>;
  tensors: Record<string, Tensor>;
} {
  if (schedule === undefined || isConstant(schedule.kind)) {
    return { files: ['scale_constant.wgsl'], constants: {}, tensors: {} };
  }
  return {
    files: ['state.wgsl', 'step_schedule.wgsl', 'scale_scheduled.wgsl'],
    constants: scheduleConstants(schedule.kind),
    tensors: { clock: schedule.state },
  };
}
