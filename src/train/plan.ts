import { type Schedule, withoutRepeatedCopies } from '../gpu/schedule.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { finishStep } from '../kernels/finish-step.ts';
import { gather, gatherLabels, type PackedImages } from '../kernels/gather.ts';
import type { VariantChoice } from '../kernels/gemm.ts';
import { NOISE_STREAMS, type Noise } from '../kernels/reparameterize.ts';
import { PlanTape, type Value } from '../nn/tape.ts';
import type { TrainConfig } from './config.ts';
import type { WeightedTerm } from './losses.ts';
import { type Batch, pixelsOf, type SettledModel } from './model.ts';
import { optimizerCommands } from './optimizer.ts';

/** Images on the GPU, and their labels if somebody needs them. */
export interface PackedData extends PackedImages {
  /** (N) u32. */
  labels?: Tensor | undefined;
}

/** A schedule that computes losses, with the state that it advances and the ring it writes them to. */
export interface LossPlan {
  schedule: Schedule;
  /** (4) u32, see `StepState`. */
  state: Tensor;
  /** (capacity, T) f32: the loss terms of step s at s mod capacity. */
  losses: Tensor;
  /** In the order of their columns. */
  terms: readonly WeightedTerm[];
  /** A step's intermediate results in the order in which they are computed. */
  intermediates: readonly Tensor[];
}

/** A model's flat buffers, all (table.length) f32. */
export interface ModelTensors {
  param: Tensor;
  grad: Tensor;
  m: Tensor;
  v: Tensor;
}

/** Losses that the ring holds before the CPU must have read them. */
export const LOSS_CAPACITY = 4096;

/** The next batch, whose tensors are gathered when the model first looks at them. */
function batchOn(tape: PlanTape, data: PackedData, order: { shuffle: boolean; seed: number }): Batch {
  const { batch, images, state } = tape;
  const once = (make: () => Value): (() => Value) => {
    let made: Value | undefined;
    return () => {
      made ??= make();
      return made;
    };
  };
  const gathered = (binarize?: { stream: number }): Value => {
    const output = tape.tensor('x', [batch, pixelsOf(images)]);
    return tape.record({
      label: 'gather',
      inputs: [],
      output,
      forward: (pool) => [gather(pool, data, { state, x: output }, { ...order, binarize })],
    });
  };
  const x = once(() => gathered());
  const { binarize, binarizeEvaluation } = NOISE_STREAMS;
  const binarized = once(() => gathered({ stream: tape.mode === 'train' ? binarize : binarizeEvaluation }));
  const labels = once(() => {
    const allLabels = data.labels;
    if (!allLabels)
      throw new RangeError('model: its loss looks at labels, the images have none: use a data set with labels');
    const output = tape.tensor('labels', [batch], 'u32');
    const tensors = { labels: allLabels, state, out: output };
    return tape.record({
      label: 'gather labels',
      inputs: [],
      output,
      forward: (pool) => [gatherLabels(pool, tensors, order)],
    });
  });
  return {
    get x() {
      return x();
    },
    get binarized() {
      return binarized();
    },
    get labels() {
      return labels();
    },
  };
}

/** What the schedules of one model have in common. */
interface LossOptions {
  data: PackedData;
  state: Tensor;
  losses: Tensor;
  noise: Noise;
  shuffle: boolean;
  batch: number;
  variants?: VariantChoice | undefined;
}

function recordLoss<Config extends TrainConfig>(
  pool: BufferPool,
  { definition, config, images, table }: SettledModel<Config>,
  buffers: { param: Tensor; grad?: Tensor },
  { data, state, noise, shuffle, batch, variants }: LossOptions,
): PlanTape {
  const mode = buffers.grad ? 'train' : 'evaluate';
  const tape = new PlanTape({ mode, batch, images, pool, table, buffers, state, noise, variants });
  definition.loss(tape, batchOn(tape, data, { shuffle, seed: config.seed }), config);
  return tape;
}

function finish(pool: BufferPool, tape: PlanTape, { data, state, losses }: LossOptions) {
  const terms = tape.terms.map(({ partials }) => partials);
  return finishStep(pool, { terms, state, losses }, { batch: tape.batch, count: data.count });
}

/**
 * One training step: gather, forward, backward, loss sums, optimizer.
 *
 * @param options.noise where ε comes from
 * @param options.shuffle false: images in their own order
 */
export function planTraining<Config extends TrainConfig>(
  pool: BufferPool,
  model: SettledModel<Config>,
  buffers: ModelTensors,
  options: { data: PackedData; noise: Noise; shuffle: boolean; variants?: VariantChoice | undefined },
): LossPlan {
  const { batch } = model.config;
  const state = pool.tensor('state', [4], { dtype: 'u32' });
  const losses = pool.tensor('losses', [LOSS_CAPACITY, model.terms.length]);
  const all = { ...options, state, losses, batch };
  const { param, grad } = buffers;
  const tape = recordLoss(pool, model, { param, grad }, all);
  tape.backward();
  const commands = [
    ...tape.commands,
    finish(pool, tape, all),
    ...optimizerCommands(pool, model, { state, ...buffers }, options.data.count),
  ];
  const { terms, intermediates } = tape;
  return { schedule: withoutRepeatedCopies(commands), state, losses, terms, intermediates };
}

/** The losses of a batch of images in their own order, with noise of their own; changes no parameter. */
export function planEvaluation<Config extends TrainConfig>(
  pool: BufferPool,
  model: SettledModel<Config>,
  param: Tensor,
  options: Omit<LossOptions, 'shuffle' | 'variants'>,
): LossPlan {
  const { state, losses } = options;
  const all = { ...options, shuffle: false };
  const tape = recordLoss(pool, model, { param }, all);
  const schedule = withoutRepeatedCopies([...tape.commands, finish(pool, tape, all)]);
  return { schedule, state, losses, terms: tape.terms, intermediates: tape.intermediates };
}

/** A view's schedule, and where it reads and writes. */
export interface ViewPlan {
  schedule: Schedule;
  /** Its input, (B, …) f32; images are gathered into it, or it is written from outside. */
  input: Tensor;
  /** By name, (B, …) f32. */
  outputs: Readonly<Record<string, Tensor>>;
  /** Says which images are gathered, see `StepState`. */
  state: Tensor;
}

/**
 * A part of the model on a batch, without noise and without a loss.
 * @param from images to gather the input from, beginning at `state.position`; without them somebody writes `input`
 */
export function planView<Config extends TrainConfig, Views extends string>(
  pool: BufferPool,
  { definition, config, images, table }: SettledModel<Config, Views>,
  param: Tensor,
  name: Views,
  { batch, from }: { batch: number; from?: PackedImages | undefined },
): ViewPlan {
  const view = definition.views[name];
  const state = pool.tensor('view state', [4], { dtype: 'u32' });
  const tape = new PlanTape({ mode: 'infer', batch, images, pool, table, buffers: { param }, state, noise: 'zero' });
  const shape = view.shape?.(config, images) ?? [pixelsOf(images)];
  const input: Value = from
    ? batchOn(tape, from, { shuffle: false, seed: 0 }).x
    : { tensor: pool.tensor(`${name} input`, [batch, ...shape]), relu: false, needsGradient: false };
  const shown = Object.entries<Value>(view.run(tape, input, config));
  const outputs = Object.fromEntries(shown.map(([key, { tensor }]) => [key, tensor]));
  return { schedule: withoutRepeatedCopies(tape.commands), input: input.tensor, outputs, state };
}
