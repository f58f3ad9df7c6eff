import { formatShape, type Tensor } from '../gpu/tensor.ts';
import * as kernels from '../kernels/importance.ts';
import { expectConstant, type Tape, type Value } from './tape.ts';

export type { RowLikelihood } from '../kernels/importance.ts';

/** K samples of every image's q(z|x), and what the bound is made of. */
export interface ImportanceSamples {
  /** (B K, L): rows b K + k are image b's samples. */
  readonly z: Value;
  /** K. */
  readonly samples: number;
  /** (B K): log p(z) − log q(z|x). */
  readonly ratio: Tensor;
  /** (B K): how much each sample counts in the gradient; `importanceBound` writes them. */
  readonly weights: Tensor;
}

/**
 * z = μ + exp(log σ² / 2) ε, `samples` of them for every image, with ε of the tape's own: the first half of the importance-weighted
 * bound of Burda et al. 2016, whose other half is `importanceBound`. Nothing is trained by one without the other.
 * `heads` (B, 2 L): μ, then log σ².
 */
export function importanceSamples(tape: Tape, heads: Value, { samples }: { samples: number }): ImportanceSamples {
  const [B, width] = heads.tensor.shape as [number, number];
  const L = width / 2;
  if (!Number.isInteger(L)) {
    const got = `importanceSamples: ${heads.tensor.label} has ${width} columns`;
    throw new RangeError(`${got}, expected 2 L: μ, then log σ²`);
  }
  if (!(Number.isInteger(samples) && samples >= 1)) {
    throw new RangeError(`importanceSamples: samples is ${String(samples)}, expected a whole number from 1`);
  }
  const rows = B * samples;
  const z = tape.tensor('z', [rows, L]);
  const ratio = tape.tensor('ratio', [rows]);
  const weights = tape.tensor('weights', [rows]);
  const { state } = tape;
  const noise = tape.noise();
  const value = tape.record({
    label: 'importance sample',
    inputs: [heads],
    output: z,
    forward: (pool) => [kernels.importanceSample(pool, { heads: heads.tensor, state, z, ratio }, noise)],
    backward: (pool, dz, [dheads]) => {
      const tensors = { heads: heads.tensor, state, dz: dz!, weights, dheads: dheads!.tensor };
      return [kernels.importanceSampleBackward(pool, tensors, noise)];
    },
  });
  return { z: value, samples, ratio, weights };
}

/**
 * The term `iwae`, −log(1/K Σ_k p(x|z_k) p(z_k) / q(z_k|x)) in nats, mean over the batch: never below −log p(x) in expectation, and the
 * nearer to it the more samples there are. Besides, with weight 0, what −ELBO consists of: the means over the samples of −log p(x|z) and
 * of log q(z|x) − log p(z), the terms `bce` (or `nll`) and `kld`.
 * `inp` (B K, D): logits or, for a Gaussian distribution, means; `x` (B, D).
 */
export function importanceBound(
  tape: Tape,
  { ratio, weights, samples }: Omit<ImportanceSamples, 'z'>,
  inp: Value,
  x: Value,
  likelihood: kernels.RowLikelihood,
): void {
  expectConstant('importanceBound', 'x', x);
  const [B, D] = x.tensor.shape as [number, number];
  const rows = B * samples;
  const got = inp.tensor.shape;
  if (got.join() !== `${rows},${D}`) {
    throw new RangeError(
      `importanceBound: ${inp.tensor.label} is ${formatShape(got)}, expected (B K=${rows}, D=${D}), ${samples} rows for each of x`,
    );
  }
  const reconstruction = likelihood.kind === 'bernoulli' ? 'bce' : 'nll';
  const repeated = tape.tensor('x, repeated', [rows, D]);
  const nll = tape.tensor(`${reconstruction} of samples`, [rows]);
  const perImage = (label: string): Tensor => tape.tensor(label, [B]);
  const [bound, nllMean, kldMean] = [perImage('iwae'), perImage(reconstruction), perImage('kld')];
  tape.term('iwae', bound);
  tape.term(reconstruction, nllMean, 0);
  tape.term('kld', kldMean, 0);
  const read = { inp: inp.tensor, x: repeated, nll, weights };
  tape.record({
    label: 'iwae',
    inputs: [inp],
    fuses: { mask: true, accumulate: true },
    forward: (pool) => [
      kernels.repeatRows(pool, { inp: x.tensor, out: repeated }),
      kernels.likelihoodRows(pool, likelihood, read, { label: reconstruction, batch: B }),
      kernels.importanceWeights(pool, { ratio, nll, weights, bound, nllMean, kldMean }),
    ],
    backward: (pool, _dout, [sink]) => {
      const { tensor: dinp, mask, accumulate } = sink!;
      const options = { label: `${reconstruction} backward`, batch: B, accumulate };
      return [kernels.likelihoodRows(pool, likelihood, { ...read, dinp, mask }, options)];
    },
  });
}
