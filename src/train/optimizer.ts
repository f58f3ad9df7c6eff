import type { Command } from '../gpu/schedule.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { elementCount } from '../gpu/tensor.ts';
import { ADAM_DEFAULTS } from '../kernels/adam.ts';
import { adamW, type DecayRange, decayTable } from '../kernels/adamw.ts';
import { clipNorm, clipNormParts } from '../kernels/clip-norm.ts';
import type { StepSchedule } from '../kernels/step-schedule.ts';
import type { ParameterTable } from '../nn/parameters.ts';
import { ConfigError, type TrainConfig } from './config.ts';
import { epochEnd } from './epochs.ts';
import type { SettledModel } from './model.ts';

/**
 * How the learning rate changes from step to step.
 * @param count N, training images
 * @throws ConfigError if the warm-up is longer than a run that ends with the schedule
 */
function learningRateSchedule(
  { batch, epochs, lrSchedule, lrWarmup }: TrainConfig,
  count: number,
): StepSchedule | undefined {
  if (lrSchedule === 'constant') return lrWarmup > 0 ? { kind: 'warmup', steps: lrWarmup } : undefined;
  const steps = epochEnd(epochs, { count, batch });
  if (lrWarmup >= steps) {
    throw new ConfigError(
      `config: lrWarmup: is ${lrWarmup} steps, expected less than the run's ${steps} since lrSchedule is cosine`,
    );
  }
  return { kind: 'cosine', steps, warmup: lrWarmup };
}

/**
 * The end of a training step: what turns the gradients into the next parameters. One dispatch; with clipping three.
 * @param buffers the model's, each (table.length) f32, and `state` (4) u32
 * @param count N, training images
 * @throws ConfigError for a schedule that cannot be
 */
export function optimizerCommands<Config extends TrainConfig>(
  pool: BufferPool,
  { config, table }: SettledModel<Config>,
  buffers: Record<'param' | 'grad' | 'm' | 'v' | 'state', Tensor>,
  count: number,
): Command[] {
  const { optimizer, learningRate, weightDecay, clipNorm: maxNorm } = config;
  const schedule = learningRateSchedule(config, count);
  const commands: Command[] = [];
  let clip: Tensor | undefined;
  if (maxNorm > 0) {
    clip = pool.tensor('clipping: factor and norm', [2]);
    const squares = pool.tensor('clipping: squares', [clipNormParts(table.length)]);
    commands.push(...clipNorm(pool, { grad: buffers.grad, squares, clip }, { maxNorm }));
  }
  const decay =
    optimizer === 'adamw' && weightDecay > 0 ? decayTable(table.length, decayRanges(table, weightDecay)) : undefined;
  const tensors = {
    ...buffers,
    clip,
    decay: decay && pool.tensor('weight decay', [decay.length], { data: decay }),
  };
  return [...commands, adamW(pool, tensors, { ...ADAM_DEFAULTS, learningRate, schedule })];
}

/** Where parameters lie that shrink. */
function decayRanges({ modules }: ParameterTable, decay: number): DecayRange[] {
  return [...modules.values()].flatMap(({ spec, offsets }) =>
    Object.entries(spec.parameters)
      .filter(([, { shape, decay: shrinks = shape.length > 1 }]) => shrinks)
      .map(([key, { shape }]) => ({ offset: offsets[key]!, length: elementCount(shape), decay })),
  );
}
