import { createDispatch, type Dispatch, linearWorkgroups } from '../gpu/kernel.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { elementsOf, elementwise, expectSameShape, type SinkOptions, sink } from './elementwise.ts';
import { type Noise, noiseFiles, noiseParams, noiseTensors } from './reparameterize.ts';
import { packagedKernel } from './shaders.ts';
import { expectShape } from './shape.ts';

// The importance-weighted bound of Burda et al. 2016, "Importance weighted autoencoders": K samples z of every image's q(z|x), and
// log w = log p(x|z) + log p(z) - log q(z|x) of each. Rows b K + k are image b's sample k.

const WORKGROUP_SIZE = 64;

/** How many samples there are of every image: rows of `many` for each of `one`. */
function samplesOf(operation: string, many: Tensor, one: Tensor): number {
  const samples = many.shape[0]! / one.shape[0]!;
  if (Number.isInteger(samples) && samples >= 1) return samples;
  throw new RangeError(
    `${operation}: ${many.label} has ${many.shape[0]} rows, ${one.label} ${one.shape[0]}: expected K rows for each of them`,
  );
}

/**
 * Every row K times, one after the other: out[b K + k] = inp[b]. `inp` (B, D), `out` (B K, D), f32. Overwrites `out`.
 * @throws RangeError if a shape does not fit
 */
export function repeatRows(pool: BufferPool, tensors: { inp: Tensor; out: Tensor }): Dispatch {
  const { inp, out } = tensors;
  const samples = samplesOf('repeatRows', out, inp);
  const [, D] = inp.shape as [number, number];
  expectShape('repeatRows', 'out', out, { 'B K': inp.shape[0]! * samples, D });
  const params = { columns: D / elementsOf(out.shape, D).width, samples };
  return elementwise(pool, 'repeat rows', out.shape, ['repeat_rows.wgsl'], tensors, { params, rowSize: D });
}

/**
 * z = μ + exp(log σ² / 2) ε for K samples of every image, and how much more likely each is under p(z) = N(0, I) than under q(z|x):
 * ratio = log p(z) − log q(z|x) = Σ ½ (ε² + log σ² − z²), in nats.
 * `heads` (B, 2 L): μ, then log σ²; `state` (4) u32; `z` (B K, L), `ratio` (B K), f32. Overwrites both.
 * @throws RangeError if a shape does not fit
 */
export function importanceSample(
  pool: BufferPool,
  tensors: { heads: Tensor; state: Tensor; z: Tensor; ratio: Tensor },
  noise: Noise,
): Dispatch {
  const { heads, z, ratio } = tensors;
  const operation = 'importanceSample';
  const { params, threads } = sizesOf(operation, heads, z, ratio, noise);
  const files = ['elementwise.wgsl', 'state.wgsl', ...noiseFiles(noise), 'importance_sample.wgsl'];
  return createDispatch(
    pool,
    'importance sample',
    packagedKernel(pool.device, files, { WORKGROUP_SIZE }),
    { ...tensors, ...noiseTensors(noise) },
    params,
    linearWorkgroups(pool.device, threads.forward, WORKGROUP_SIZE),
  );
}

/**
 * Backward of `importanceSample` for weight · (the mean of the bounds over the images): with g = dz + weight / B · w z, w from
 * `importanceWeights`, dμ = Σ_k g and dlog σ² = ½ (Σ_k g σ ε − weight / B). The noise must be the forward pass's.
 * `heads` and `dheads` (B, 2 L), `dz` (B K, L), which carries w and weight / B already, `weights` (B K). Overwrites `dheads`.
 * @throws RangeError if a shape does not fit
 */
export function importanceSampleBackward(
  pool: BufferPool,
  tensors: { heads: Tensor; state: Tensor; dz: Tensor; weights: Tensor; dheads: Tensor },
  noise: Noise,
  weight = 1,
): Dispatch {
  const { heads, dz, weights, dheads } = tensors;
  const operation = 'importanceSampleBackward';
  const { params, threads } = sizesOf(operation, heads, dz, weights, noise);
  expectSameShape(operation, { dheads, heads });
  const files = ['elementwise.wgsl', 'state.wgsl', ...noiseFiles(noise), 'importance_sample_backward.wgsl'];
  return createDispatch(
    pool,
    'importance sample backward',
    packagedKernel(pool.device, files, { WORKGROUP_SIZE }),
    { ...tensors, ...noiseTensors(noise) },
    { ...params, scale: weight / heads.shape[0]! },
    linearWorkgroups(pool.device, threads.backward, WORKGROUP_SIZE),
  );
}

function sizesOf(operation: string, heads: Tensor, z: Tensor, row: Tensor, noise: Noise) {
  const [rows, L] = z.shape as [number, number];
  const samples = samplesOf(operation, z, heads);
  expectShape(operation, 'heads', heads, { B: rows / samples, '2L': 2 * L });
  expectShape(operation, row.label, row, { 'B K': rows });
  const params = { batch: rows, latent: L, samples, ...noiseParams(noise) };
  return { params, threads: { forward: rows, backward: (rows / samples) * L } };
}

/**
 * From log w = ratio − nll of its K samples the bound of every image, −log(Σ w / K), in nats, and how much each sample counts in its
 * gradient, w / Σ w; and what the bound with one sample, −ELBO, is a sum of: the means of nll and of −ratio.
 * `ratio`, `nll`, `weights` (B K), `bound`, `nllMean`, `kldMean` (B), f32. Overwrites the last four. NaN passes through.
 * Burda et al. 2016, equations 8 and 14.
 * @throws RangeError if a shape does not fit
 */
export function importanceWeights(
  pool: BufferPool,
  tensors: { ratio: Tensor; nll: Tensor; weights: Tensor; bound: Tensor; nllMean: Tensor; kldMean: Tensor },
  label = 'importance weights',
): Dispatch {
  const operation = 'importanceWeights';
  const { ratio, nll, weights, bound, nllMean, kldMean } = tensors;
  const [B] = bound.shape as [number];
  const samples = samplesOf(operation, ratio, bound);
  for (const [name, tensor] of Object.entries({ ratio, nll, weights })) {
    expectShape(operation, name, tensor, { 'B K': B * samples });
  }
  for (const [name, tensor] of Object.entries({ bound, nllMean, kldMean })) expectShape(operation, name, tensor, { B });
  const files = ['elementwise.wgsl', 'workgroup_sum.wgsl', 'importance_weights.wgsl'];
  return createDispatch(
    pool,
    label,
    packagedKernel(pool.device, files, { WORKGROUP_SIZE }),
    { ratio, nll, weights, bound, nll_mean: nllMean, kld_mean: kldMean },
    { batch: B, samples },
    linearWorkgroups(pool.device, B, 1),
  );
}

/** p(x|z) of `likelihoodRows`; the formulas are those of src/kernels/likelihood.ts. */
export type RowLikelihood = { kind: 'bernoulli' } | { kind: 'gaussian'; sigma: number };

function likelihoodOf(of: RowLikelihood): { file: string; params: Record<string, number>; input: string } {
  if (of.kind === 'bernoulli') return { file: 'bernoulli.wgsl', params: {}, input: 'logits' };
  const { sigma } = of;
  if (!(sigma > 0 && Number.isFinite(sigma))) {
    throw new RangeError(`likelihoodRows: sigma is ${sigma}, expected a positive number`);
  }
  const params = { quadratic: 1 / (2 * sigma ** 2), constant: Math.log(sigma) + 0.5 * Math.log(2 * Math.PI) };
  return { file: 'squared_error.wgsl', params, input: 'pred' };
}

/**
 * −log p(x|z) row by row, in nats: of a Bernoulli distribution from logits, or of a Gaussian one with a given σ from means. With
 * `dinp` also its gradient, row r's times weights[r] · weight / B, as `importanceWeights` gives the weights.
 * `inp`, `x`, `dinp`, `mask` (B K, D), `nll` and `weights` (B K), f32. Overwrites `nll`, and `dinp` or adds to it with `accumulate`;
 * with `mask`, the ReLU output that `inp` is, 0 where that is not positive. NaN passes through. Without `dinp` the weights are not used.
 * @param options.batch B, images
 * @throws RangeError if a shape does not fit, or σ is not positive
 */
export function likelihoodRows(
  pool: BufferPool,
  of: RowLikelihood,
  tensors: { inp: Tensor; x: Tensor; nll: Tensor; weights: Tensor; dinp?: Tensor; mask?: Tensor | undefined },
  options: SinkOptions & { batch: number; weight?: number },
): Dispatch {
  const operation = 'likelihoodRows';
  const { inp, x, nll, weights, dinp, mask } = tensors;
  const [rows, D] = x.shape as [number, number];
  expectSameShape(operation, { inp, ...(dinp && { dinp }), x });
  expectShape(operation, 'nll', nll, { 'B K': rows });
  expectShape(operation, 'weights', weights, { 'B K': rows });
  const { file, params, input } = likelihoodOf(of);
  const { file: element, elements, width } = elementsOf(x.shape, D);
  const into = dinp
    ? sink(operation, { dinp, mask }, x, options)
    : { tensors: {}, params: { masked: 0, accumulate: 0 } };
  const end = [dinp ? 'sink.wgsl' : 'sink_none.wgsl', 'workgroup_sum.wgsl', 'likelihood_rows.wgsl'];
  return createDispatch(
    pool,
    options.label ?? operation,
    packagedKernel(pool.device, ['elementwise.wgsl', element, file, ...end], { WORKGROUP_SIZE, COLUMNS: D / width }),
    { [input]: inp, x, terms: nll, weights, ...into.tensors },
    { elements, ...into.params, scale: (options.weight ?? 1) / options.batch, ...params },
    linearWorkgroups(pool.device, rows, 1),
  );
}
