/**
 * Losses of values that no product makes, or whose product has no loss of its own. Each is a term of the model's loss: sums over
 * the elements of an image, mean over the batch, times a weight.
 */
import type { Command } from '../gpu/schedule.ts';
import { type BufferPool, formatShape, type Tensor } from '../gpu/tensor.ts';
import * as kernels from '../kernels/likelihood.ts';
import * as softmax from '../kernels/softmax-cross-entropy.ts';
import { expectConstant, type Sink, type Tape, type Value } from './tape.ts';
import { type Weight, weightOptions } from './weight.ts';

/** Of every loss. */
export interface LossOptions {
  /** The term's name. */
  term?: string;
  /** Default 1. */
  weight?: Weight;
}

type Fused = kernels.LossOptions;

/**
 * Records a loss whose kernel writes sums and gradients at once: while training that is in the backward pass, when it is known
 * where the gradients go; else in the forward pass, for the sums.
 * @param terms how many partial sums it writes
 */
function recordLoss(
  tape: Tape,
  inputs: readonly Value[],
  { term, weight, terms }: { term: string; weight: Weight; terms: number },
  compute: (pool: BufferPool, partials: Tensor, into: readonly Sink[], options: Fused) => Command[],
): void {
  const partials = tape.tensor(term, [terms]);
  tape.term(term, partials, weight);
  const options = weightOptions(weight, tape.state);
  const isTraining = tape.mode === 'train';
  const scratch = (values: readonly Value[], sinks: readonly (Sink | undefined)[] = []): Sink[] =>
    values.map(
      ({ tensor }, i) =>
        sinks[i] ?? {
          tensor: tape.tensor(`d${tensor.label}, unused`, tensor.shape),
          mask: undefined,
          accumulate: false,
        },
    );
  tape.record({
    label: term,
    inputs,
    fuses: { mask: true, accumulate: true },
    forward: (pool) => (isTraining ? [] : compute(pool, partials, scratch(inputs), options)),
    backward: (pool, _dout, into) => compute(pool, partials, scratch(inputs, into), options),
  });
}

/** A loss compares a value with a constant of the same shape. */
function expectComparable(operation: string, name: string, value: Value, x: Value): void {
  expectConstant(operation, 'x', x);
  const [got, expected] = [value.tensor.shape, x.tensor.shape];
  if (got.join() === expected.join()) return;
  throw new RangeError(
    `${operation}: ${name} is ${formatShape(got)}, expected ${formatShape(expected)}, the shape of x`,
  );
}

/** The term `squared_error`, Σ (pred − x)². `pred` and `x` (B, D). */
export function squaredError(tape: Tape, pred: Value, x: Value, options: LossOptions = {}): void {
  expectComparable('squaredError', 'pred', pred, x);
  const { term = 'squared_error', weight = 1 } = options;
  const terms = kernels.likelihoodTerms(x.tensor.shape);
  recordLoss(tape, [pred], { term, weight, terms }, (pool, partials, [sink], weighted) => {
    const { tensor: dpred, mask, accumulate } = sink!;
    const tensors = { pred: pred.tensor, x: x.tensor, dpred, terms: partials, mask };
    return [kernels.squaredError(pool, tensors, { ...weighted, label: term, accumulate })];
  });
}

/** The term `bce`, −log Bernoulli(x; sigmoid(logits)) in nats. `logits` and `x` (B, D). `denseBernoulli` is faster after a layer. */
export function bernoulli(tape: Tape, logits: Value, x: Value, options: LossOptions = {}): void {
  expectComparable('bernoulli', 'logits', logits, x);
  const { term = 'bce', weight = 1 } = options;
  const terms = kernels.likelihoodTerms(x.tensor.shape);
  recordLoss(tape, [logits], { term, weight, terms }, (pool, partials, [sink], weighted) => {
    const { tensor: dlogits, mask, accumulate } = sink!;
    const tensors = { logits: logits.tensor, x: x.tensor, dlogits, terms: partials, mask };
    return [kernels.bernoulli(pool, tensors, { ...weighted, label: term, accumulate })];
  });
}

/**
 * The term `nll`, −log N(x; mean, σ²) in nats. `mean` and `x` (B, D).
 * @param options.sigma a number; or `'learned'`: one log σ² for all elements, the parameter `log_variance.value`, which begins
 * at 0
 */
export function gaussian(
  tape: Tape,
  mean: Value,
  x: Value,
  { sigma, term = 'nll', weight = 1 }: LossOptions & { sigma: number | 'learned' },
): void {
  expectComparable('gaussian', 'mean', mean, x);
  const terms = kernels.likelihoodTerms(x.tensor.shape);
  if (sigma !== 'learned') {
    recordLoss(tape, [mean], { term, weight, terms }, (pool, partials, [sink], weighted) => {
      const { tensor: dmean, mask, accumulate } = sink!;
      const tensors = { mean: mean.tensor, x: x.tensor, dmean, terms: partials, mask };
      return [kernels.gaussian(pool, tensors, { ...weighted, label: term, accumulate, sigma })];
    });
    return;
  }
  const module = { name: 'log_variance', parameters: { value: { shape: [1], init: { constant: 0 } } } };
  const logvar = tape.module(module).value!;
  const squares = tape.tensor(`squares of ${term}`, [terms]);
  recordLoss(tape, [mean, logvar], { term, weight, terms: 1 }, (pool, sum, [sink, ofLogvar], weighted) => {
    const { tensor: dmean, mask, accumulate } = sink!;
    const { tensor: dlogvar, accumulate: accumulateLogvar } = ofLogvar!;
    const inputs = { mean: mean.tensor, x: x.tensor, logvar: logvar.tensor };
    const tensors = { ...inputs, dmean, dlogvar, squares, term: sum, mask };
    return kernels.gaussianLearned(pool, tensors, { ...weighted, label: term, accumulate, accumulateLogvar });
  });
}

/** The term `nll`, −log N(x; mean, σ²) in nats with a mean and a log σ² for every element. `heads` (B, 2 D): the means, then log σ². */
export function gaussianHeads(
  tape: Tape,
  heads: Value,
  x: Value,
  { term = 'nll', weight = 1 }: LossOptions = {},
): void {
  expectConstant('gaussianHeads', 'x', x);
  const terms = kernels.likelihoodTerms(x.tensor.shape);
  recordLoss(tape, [heads], { term, weight, terms }, (pool, partials, [sink], weighted) => {
    const { tensor: dheads, mask, accumulate } = sink!;
    const tensors = { heads: heads.tensor, x: x.tensor, dheads, terms: partials, mask };
    return [kernels.gaussianHeads(pool, tensors, { ...weighted, label: term, accumulate })];
  });
}

/** The term `cross_entropy`, −log softmax(logits)[label] in nats. `logits` (B, K), `labels` (B) u32, each below K. */
export function softmaxCrossEntropy(tape: Tape, logits: Value, labels: Value, options: LossOptions = {}): void {
  const { term = 'cross_entropy', weight = 1 } = options;
  const [B] = logits.tensor.shape as [number];
  recordLoss(tape, [logits], { term, weight, terms: B }, (pool, partials, [sink], weighted) => {
    const { tensor: dlogits, mask, accumulate } = sink!;
    const tensors = { logits: logits.tensor, labels: labels.tensor, dlogits, terms: partials, mask };
    return [softmax.softmaxCrossEntropy(pool, tensors, { ...weighted, label: term, accumulate })];
  });
}
