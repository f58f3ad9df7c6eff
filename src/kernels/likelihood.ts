import { createDispatch, type Dispatch, linearWorkgroups } from '../gpu/kernel.ts';
import type { Command } from '../gpu/schedule.ts';
import { type BufferPool, elementCount, type Tensor } from '../gpu/tensor.ts';
import { elementsOf, expectSameShape, type SinkOptions, sink } from './elementwise.ts';
import { packagedKernel } from './shaders.ts';
import { expectShape } from './shape.ts';
import { scaleOf, type WeightOptions } from './step-schedule.ts';

// Losses that are sums over the elements of a batch: B rows of any shape, here D elements each. In its forward pass each writes
// the gradient of weight · (its mean over the B rows), and partial sums of its terms, without the weight, for `finishStep`.
// Each is one dispatch; the one with a learned sigma is two.

const WORKGROUP_SIZE = 64;
const ELEMENTS_PER_THREAD = 16;

/** Where a loss's gradient goes, and what multiplies it. */
export type LossOptions = SinkOptions & WeightOptions;

/** How many partial sums a loss writes for an `x` of this shape: one per workgroup. */
export function likelihoodTerms(shape: readonly number[]): number {
  return Math.ceil(elementsOf(shape, shape.at(-1)).elements / (WORKGROUP_SIZE * ELEMENTS_PER_THREAD));
}

function likelihood(
  pool: BufferPool,
  operation: string,
  file: string,
  inputs: Record<string, Tensor> & { x: Tensor },
  { dinp, mask, terms }: { dinp: Tensor; mask?: Tensor | undefined; terms: Tensor },
  params: Record<string, number>,
  options: LossOptions,
): Dispatch {
  const { x } = inputs;
  expectShape(operation, 'terms', terms, { terms: likelihoodTerms(x.shape) });
  const { file: element, elements } = elementsOf(x.shape, x.shape.at(-1));
  const into = sink(operation, { dinp, mask }, x, options);
  const scale = scaleOf(options);
  const files = [
    'elementwise.wgsl',
    element,
    ...scale.files,
    file,
    'sink.wgsl',
    'workgroup_sum.wgsl',
    'likelihood.wgsl',
  ];
  const kernel = packagedKernel(pool.device, files, { WORKGROUP_SIZE, ...scale.constants });
  return createDispatch(
    pool,
    options.label ?? operation,
    kernel,
    { ...inputs, terms, ...into.tensors, ...scale.tensors },
    { elements, ...into.params, scale: weightPerRow(x, options), ...params },
    linearWorkgroups(pool.device, terms.shape[0]!, 1),
  );
}

function weightPerRow(x: Tensor, { weight = 1 }: LossOptions): number {
  return weight / x.shape[0]!;
}

/**
 * Squared error: (pred − x)², summed over a row; dpred = weight · 2 (pred − x) / B.
 * `pred`, `x`, `dpred`, `mask` (B, D), `terms` (likelihoodTerms), f32. Overwrites `terms`, and `dpred` or adds to it with
 * `accumulate`; with `mask`, the ReLU output that `pred` is, 0 where that is not positive. NaN passes through.
 * @throws RangeError if a shape does not fit
 */
export function squaredError(
  pool: BufferPool,
  tensors: { pred: Tensor; x: Tensor; dpred: Tensor; terms: Tensor; mask?: Tensor | undefined },
  options: LossOptions = {},
): Dispatch {
  const { pred, x, dpred } = tensors;
  expectSameShape('squaredError', { pred, dpred, x });
  const params = { quadratic: 1, constant: 0 };
  return likelihood(
    pool,
    'squaredError',
    'squared_error.wgsl',
    { pred, x },
    { ...tensors, dinp: dpred },
    params,
    options,
  );
}

/**
 * −log N(x; mean, σ²) with a given σ: ½ ((mean − x) / σ)² + log σ + ½ log 2π, summed over a row, in nats;
 * dmean = weight · (mean − x) / (σ² B).
 * `mean`, `x`, `dmean`, `mask` (B, D), `terms` (likelihoodTerms), f32. Overwrites as `squaredError` does. NaN passes through.
 * Bishop 2006, "Pattern recognition and machine learning", equation 1.46.
 * @throws RangeError if a shape does not fit, or σ is not positive
 */
export function gaussian(
  pool: BufferPool,
  tensors: { mean: Tensor; x: Tensor; dmean: Tensor; terms: Tensor; mask?: Tensor | undefined },
  options: LossOptions & { sigma: number },
): Dispatch {
  const { mean, x, dmean } = tensors;
  const { sigma } = options;
  if (!(sigma > 0 && Number.isFinite(sigma))) {
    throw new RangeError(`gaussian: sigma is ${sigma}, expected a positive number`);
  }
  expectSameShape('gaussian', { mean, dmean, x });
  const params = { quadratic: 1 / (2 * sigma ** 2), constant: Math.log(sigma) + 0.5 * Math.log(2 * Math.PI) };
  const inputs = { pred: mean, x };
  return likelihood(pool, 'gaussian', 'squared_error.wgsl', inputs, { ...tensors, dinp: dmean }, params, options);
}

/**
 * −log N(x; mean, σ²) with one learned log σ² for all elements: ½ ((mean − x)² / σ² + log σ² + log 2π), summed over a row;
 * dmean = weight · (mean − x) / (σ² B), dlogvar = weight · Σ ½ (1 − (mean − x)² / σ²) / B. Two dispatches: the second one adds
 * up the squares, in a fixed order. The optimal σ² is the mean squared error (Rybkin et al. 2021, "Simple and effective VAE
 * training with calibrated decoders").
 * `mean`, `x`, `dmean`, `mask` (B, D), `logvar` and `dlogvar` (1), `squares` (likelihoodTerms), `term` (1), f32. Overwrites
 * `squares` and `term`, and `dmean` and `dlogvar` or adds to both with `accumulate`; `accumulateLogvar` decides for `dlogvar` alone.
 * @throws RangeError if a shape does not fit
 */
export function gaussianLearned(
  pool: BufferPool,
  tensors: {
    mean: Tensor;
    x: Tensor;
    logvar: Tensor;
    dmean: Tensor;
    dlogvar: Tensor;
    squares: Tensor;
    term: Tensor;
    mask?: Tensor | undefined;
  },
  options: LossOptions & { accumulateLogvar?: boolean } = {},
): Command[] {
  const operation = 'gaussianLearned';
  const { mean, x, logvar, dmean, dlogvar, squares, term } = tensors;
  expectSameShape(operation, { mean, dmean, x });
  for (const [name, tensor] of Object.entries({ logvar, dlogvar, term }))
    expectShape(operation, name, tensor, { one: 1 });
  const { label = operation, accumulate = false, accumulateLogvar = accumulate } = options;
  const scale = scaleOf(options);
  const files = [...scale.files, 'workgroup_sum.wgsl', 'gaussian_learned_sum.wgsl'];
  return [
    likelihood(
      pool,
      operation,
      'gaussian_learned.wgsl',
      { pred: mean, x, logvar },
      { ...tensors, dinp: dmean, terms: squares },
      {},
      options,
    ),
    createDispatch(
      pool,
      `${label}, sum`,
      packagedKernel(pool.device, files, scale.constants),
      { squares, logvar, term, dlogvar, ...scale.tensors },
      {
        parts: squares.shape[0]!,
        count: elementCount(x.shape),
        accumulate: Number(accumulateLogvar),
        scale: weightPerRow(x, options),
      },
      [1, 1, 1],
    ),
  ];
}

/**
 * −log N(x; mean, σ²) with a mean and a log σ² for every element, side by side as one product makes them:
 * ½ ((mean − x)² / σ² + log σ² + log 2π), summed over a row, in nats;
 * dmean = weight · (mean − x) / (σ² B), dlogvar = weight · ½ (1 − (mean − x)² / σ²) / B.
 * `heads`, `dheads`, `mask` (B, 2 D): the means, then log σ²; `x` (B, D), `terms` (likelihoodTerms of x), f32.
 * Overwrites as `squaredError` does. NaN passes through. Nix & Weigend 1994, "Estimating the mean and variance of the target
 * probability distribution".
 * @throws RangeError if a shape does not fit
 */
export function gaussianHeads(
  pool: BufferPool,
  tensors: { heads: Tensor; x: Tensor; dheads: Tensor; terms: Tensor; mask?: Tensor | undefined },
  options: LossOptions = {},
): Dispatch {
  const operation = 'gaussianHeads';
  const { heads, x, dheads } = tensors;
  const [B, D] = x.shape as [number, number];
  expectShape(operation, 'x', x, { B, D });
  expectShape(operation, 'heads', heads, { B, '2D': 2 * D });
  expectShape(operation, 'dheads', dheads, { B, '2D': 2 * D });
  const params = { columns: D / elementsOf(x.shape, D).width };
  return likelihood(
    pool,
    operation,
    'gaussian_heads.wgsl',
    { heads, x },
    { ...tensors, dinp: dheads },
    params,
    options,
  );
}

/**
 * −log Bernoulli(x; s(logits)), also called binary cross-entropy: max(l, 0) − l x + log(1 + e^−|l|), summed over a row, in nats;
 * dlogits = weight · (s(l) − x) / B. For logits that are no product's: `denseSigmoidBce` has the same loss in one dispatch less.
 * `logits`, `x` in [0, 1], `dlogits`, `mask` (B, D), `terms` (likelihoodTerms), f32. Overwrites as `squaredError` does. NaN
 * passes through.
 * @throws RangeError if a shape does not fit
 */
export function bernoulli(
  pool: BufferPool,
  tensors: { logits: Tensor; x: Tensor; dlogits: Tensor; terms: Tensor; mask?: Tensor | undefined },
  options: LossOptions = {},
): Dispatch {
  const { logits, x, dlogits } = tensors;
  expectSameShape('bernoulli', { logits, dlogits, x });
  return likelihood(pool, 'bernoulli', 'bernoulli.wgsl', { logits, x }, { ...tensors, dinp: dlogits }, {}, options);
}
