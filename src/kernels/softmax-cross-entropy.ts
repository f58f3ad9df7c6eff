import { createDispatch, type Dispatch, linearWorkgroups } from '../gpu/kernel.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { sink } from './elementwise.ts';
import type { LossOptions } from './likelihood.ts';
import { packagedKernel } from './shaders.ts';
import { expectIndices, expectShape } from './shape.ts';
import { scaleOf } from './step-schedule.ts';

/** Threads of the workgroup that has a row, at most as many as there are classes. */
const WORKGROUP_SIZES = [8, 16, 32, 64] as const;

/**
 * −log softmax(logits)[label] in nats, one term per row, and the gradient of weight · (its mean over the batch):
 * dlogits = weight · (softmax(logits) − onehot(label)) / B. Stable for logits of any size (log-sum-exp with the largest taken out).
 * `logits`, `dlogits`, `mask` (B, K) f32, `labels` (B) u32, `terms` (B) f32. Overwrites `terms`, and `dlogits` or adds to it with
 * `accumulate`; with `mask`, the ReLU output that `logits` is, 0 where that is not positive. NaN passes through: a row with one has
 * a NaN in its term and all of its gradient. A label that is not below K makes its term NaN, so that a run stops.
 * Bishop 2006, "Pattern recognition and machine learning", section 4.3.4.
 * @throws RangeError if a shape does not fit
 */
export function softmaxCrossEntropy(
  pool: BufferPool,
  tensors: { logits: Tensor; labels: Tensor; dlogits: Tensor; terms: Tensor; mask?: Tensor | undefined },
  options: LossOptions = {},
): Dispatch {
  const operation = 'softmaxCrossEntropy';
  const { logits, labels, dlogits, terms, mask } = tensors;
  const [B, K] = logits.shape as [number, number];
  expectShape(operation, 'logits', logits, { B, K });
  expectShape(operation, 'dlogits', dlogits, { B, K });
  expectShape(operation, 'labels', labels, { B });
  expectShape(operation, 'terms', terms, { B });
  expectIndices(operation, 'labels', labels);
  const into = sink(operation, { dinp: dlogits, mask }, logits, options);
  const scale = scaleOf(options);
  const own = ['sink.wgsl', 'workgroup_sum.wgsl', 'softmax_cross_entropy.wgsl'];
  const files = ['elementwise.wgsl', 'element_scalar.wgsl', ...scale.files, ...own];
  const WORKGROUP_SIZE = WORKGROUP_SIZES.find((size) => size >= K) ?? WORKGROUP_SIZES.at(-1)!;
  return createDispatch(
    pool,
    options.label ?? operation,
    packagedKernel(pool.device, files, { WORKGROUP_SIZE, ...scale.constants }),
    { logits, labels, terms, ...into.tensors, ...scale.tensors },
    { batch: B, classes: K, ...into.params, scale: (options.weight ?? 1) / B },
    linearWorkgroups(pool.device, B, 1),
  );
}
