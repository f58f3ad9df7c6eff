import { checks, type Mutation, STEP, settings } from './mutation.ts';

const CONSUMERS = checks('tape: a value with three consumers');
const LEFT_TO_THE_TAPE = checks('tape: a ReLU with two consumers that neither mask nor add');
const USED_TWICE = checks('tape: one layer used twice');

/** Mistakes in what plans a model, and in what its settings do. */
export const TAPE_MUTATIONS: Mutation[] = [
  {
    name: 'the backward pass is played forwards',
    file: 'src/nn/tape.ts',
    search: 'this.#records.toReversed()',
    replace: 'this.#records',
    target: STEP,
  },
  {
    name: "the second consumer's gradient overwrites the first one's",
    file: 'src/nn/tape.ts',
    search: 'const again = this.#written.has(whole);',
    replace: 'const again = this.#written.has(whole) && value.relu;',
    target: CONSUMERS,
  },
  {
    name: 'an operation that cannot add to a gradient overwrites it',
    file: 'src/nn/tape.ts',
    search: 'if (!again || accumulate) return sink;',
    replace: 'return sink;',
    target: USED_TWICE,
  },
  {
    name: "an activation's own slope is not handed on",
    file: 'src/nn/elementwise.ts',
    search: 'const fused = { ...options, label:',
    replace: 'const fused = { label:',
    target: checks('recorder of leaky_relu with a slope'),
  },
  {
    name: 'a term of the loss beside an output that nobody uses has no gradient',
    file: 'src/nn/tape.ts',
    search: 'if (output && !dout && !op.hasTerm) continue;',
    replace: 'if (output && !dout) continue;',
    target: checks('recorder of the KL term'),
  },
  {
    name: "layer norm's bias is added to where its weight is",
    file: 'src/nn/layers.ts',
    search: 'accumulateBias: dbias!.accumulate,',
    replace: 'accumulateBias: dweight!.accumulate,',
    target: checks('recorder of layer norm'),
  },
  {
    name: 'a gradient that was computed apart is never added',
    file: 'src/nn/tape.ts',
    search: 'after.push(addBackward(this.pool, { dout: scratch, dinp: gradient }, sum));',
    replace: '',
    target: USED_TWICE,
  },
  {
    name: 'what an operation does not mask nobody masks',
    file: 'src/nn/tape.ts',
    search: 'if (value.relu && !mask) this.#unmasked.add(whole);',
    replace: '',
    target: LEFT_TO_THE_TAPE,
  },
  {
    name: 'a layer is not told to mask the gradient of its input',
    file: 'src/nn/dense.ts',
    search: 'relu: dinp.mask !== undefined',
    replace: 'relu: false',
    target: STEP,
  },
  {
    name: 'every place of a model draws the same noise',
    file: 'src/nn/tape.ts',
    search: 'stream: this.#noise.stream + STREAMS_APART * place',
    replace: 'stream: this.#noise.stream + 0 * place',
    target: { spec: 'tests/nn/tape.spec.ts', grep: 'place for noise' },
  },
  {
    name: 'a loss ignores its weight in the gradient',
    file: 'src/nn/weight.ts',
    search: "typeof weight === 'number' ? { weight } :",
    replace: "typeof weight === 'number' ? { weight: 1 } :",
    target: checks('tape: two losses of one value'),
  },
  {
    name: 'a loss in the kernel of its layer ignores its weight in the gradient',
    file: 'src/kernels/dense.ts',
    search: 'scale: termWeight / B',
    replace: 'scale: 1 / B',
    target: checks('recorder of dense bernoulli, weighted'),
  },
  {
    name: 'the loss is reported with the beta of the step after',
    file: 'src/nn/weight.ts',
    search: 'weight.value * stepFactor(weight.schedule, done)',
    replace: 'weight.value * stepFactor(weight.schedule, done + 1)',
    target: settings('beta (that grows|in cycles)'),
  },
  {
    name: 'the loss of an evaluation has the beta of the first step',
    file: 'src/train/evaluator.ts',
    search: 'weight: fullWeight(weight) }',
    replace: 'weight }',
    target: settings('beta that grows'),
  },
  {
    name: 'evaluation gives bits away too',
    file: 'src/nn/reparameterize.ts',
    search: "floor > 0 && tape.mode !== 'evaluate'",
    replace: 'floor > 0',
    target: settings(': free bits'),
  },
  {
    name: 'training and evaluation binarize alike',
    file: 'src/train/plan.ts',
    search: "tape.mode === 'train' ? binarize : binarizeEvaluation",
    replace: "tape.mode === 'train' ? binarize : binarize + 0 * binarizeEvaluation",
    target: settings('binarized'),
  },
  {
    name: 'labels are not shuffled with their images',
    file: 'src/train/plan.ts',
    search: 'gatherLabels(pool, tensors, order)',
    replace: 'gatherLabels(pool, tensors, { ...order, shuffle: false })',
    target: settings('its own label'),
  },
  {
    name: 'biases shrink, too',
    file: 'src/train/optimizer.ts',
    search: 'decay: shrinks = shape.length > 1',
    replace: 'decay: shrinks = shape.length > 0',
    target: settings('AdamW'),
  },
  {
    name: 'gradients are clipped from a norm of 1 on only',
    file: 'src/train/optimizer.ts',
    search: 'if (maxNorm > 0) {',
    replace: 'if (maxNorm >= 1) {',
    target: settings('AdamW'),
  },
  {
    name: 'the cosine begins without its warm-up',
    file: 'src/train/optimizer.ts',
    search: 'warmup: lrWarmup };',
    replace: 'warmup: 0 * lrWarmup };',
    target: settings('AdamW'),
  },
];
