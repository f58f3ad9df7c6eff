import { readFileSync } from 'node:fs';
import { type Command, runSchedule } from '../../src/gpu/schedule.ts';
import { BufferPool, download, type Tensor, view } from '../../src/gpu/tensor.ts';
import { activationBackward, activationForward } from '../../src/kernels/activation.ts';
import { ADAM_DEFAULTS } from '../../src/kernels/adam.ts';
import { adamW, decayTable } from '../../src/kernels/adamw.ts';
import { add, addBackward, multiply, multiplyBackward } from '../../src/kernels/arithmetic.ts';
import { clipNorm, clipNormParts } from '../../src/kernels/clip-norm.ts';
import { denseBackward, denseBackwardWeight, denseForward } from '../../src/kernels/dense.ts';
import { embeddingBackward, embeddingForward } from '../../src/kernels/embedding.ts';
import { finishStep } from '../../src/kernels/finish-step.ts';
import { groupNormBackward, groupNormForward } from '../../src/kernels/group-norm.ts';
import { layerNormBackward, layerNormForward } from '../../src/kernels/layer-norm.ts';
import {
  bernoulli,
  gaussian,
  gaussianHeads,
  gaussianLearned,
  likelihoodTerms,
  squaredError,
} from '../../src/kernels/likelihood.ts';
import {
  averagePoolBackward,
  averagePoolForward,
  upsampleBackward,
  upsampleForward,
} from '../../src/kernels/resample.ts';
import { softmaxCrossEntropy } from '../../src/kernels/softmax-cross-entropy.ts';
import type { StepSchedule } from '../../src/kernels/step-schedule.ts';
import { expect, test } from '../support/fixtures.ts';

// Whole models of the operations, trained for 200 steps: losses and weights of PyTorch, see tests/golden/make_operations.py.
// PyTorch's float32 differs from its float64 by `float32Difference`; a GPU may round each exp and division a few ULP worse and
// adds in another order, so it is granted eight times as much, and one ULP of the largest value besides.
const ROUNDING = 8;
const ULP = 2 ** -23;

interface NamedValues {
  name: string;
  shape: number[];
  data: number[];
}

type Loss = 'squared_error' | 'gaussian' | 'gaussian_learned' | 'gaussian_heads' | 'bernoulli';

interface GoldenCase {
  config: {
    model: 'classifier' | 'images' | Loss;
    learningRate: number;
    weightDecay?: number;
    maxNorm?: number;
    schedule?: StepSchedule;
  };
  initial: NamedValues[];
  losses: number[];
  weights: NamedValues[];
  float32Difference: { losses: number; weights: Record<string, number> };
}

const golden = JSON.parse(readFileSync(new URL('../golden/operations.json', import.meta.url), 'utf8')) as {
  steps: number;
  every: number;
  batch: { x: number[][]; tokens: number[]; labels: number[] };
  cases: Record<string, GoldenCase>;
};

const B = golden.batch.x.length;
const D = golden.batch.x[0]!.length;

/** Parameters in one flat buffer, each at a multiple of 64 elements, with their gradients and where each one lies. */
function flatBuffers(pool: BufferPool, initial: NamedValues[]) {
  let end = 0;
  const places = initial.map(({ name, shape, data }) => {
    const offset = end;
    end = Math.ceil((offset + data.length) / 64) * 64;
    return { name, shape, offset, data };
  });
  const flat = new Float32Array(end);
  for (const { offset, data } of places) flat.set(data, offset);
  const tensors = {
    param: pool.tensor('param', [end], { data: flat }),
    grad: pool.tensor('grad', [end]),
    m: pool.tensor('m', [end]),
    v: pool.tensor('v', [end]),
  };
  const find = (buffer: Tensor) => (name: string) => {
    const { shape, offset } = places.find((place) => place.name === name)!;
    return view(buffer, name, shape, offset);
  };
  return { places, length: end, ...tensors, value: find(tensors.param), gradient: find(tensors.grad) };
}

type Flat = ReturnType<typeof flatBuffers>;

/** s = dense + embedding, logits = dense(gelu(norm(s)) · tanh(s)): the commands of a step, and its loss terms. */
function classifier(pool: BufferPool, { value, gradient }: Flat, x: Tensor): { commands: Command[]; terms: Tensor } {
  const [H, K] = [12, 4];
  const indices = (name: 'tokens' | 'labels') =>
    pool.tensor(name, [B], { dtype: 'u32', data: Uint32Array.from(golden.batch[name]) });
  const [tokens, labels] = [indices('tokens'), indices('labels')];
  const hidden = (name: string) => pool.tensor(name, [B, H]);
  const [linear, looked, s, norm, gelu, tanh, product] = ['linear', 'looked', 's', 'norm', 'gelu', 'tanh', 'p'].map(
    hidden,
  ) as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  const [ds, dnorm, dgelu, dtanh, dproduct] = ['ds', 'dnorm', 'dgelu', 'dtanh', 'dp'].map(hidden) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const dlinear = hidden('dlinear');
  const [mean, rstd] = [pool.tensor('mean', [B]), pool.tensor('rstd', [B])];
  const [logits, dlogits] = [pool.tensor('logits', [B, K]), pool.tensor('dlogits', [B, K])];
  const terms = pool.tensor('terms', [B]);
  const dense = (name: string) => ({ weight: value(`${name}.weight`), bias: value(`${name}.bias`) });
  const ddense = (name: string) => ({ dweight: gradient(`${name}.weight`), dbias: gradient(`${name}.bias`) });
  const commands = [
    ...denseForward(pool, { inp: x, ...dense('inp'), out: linear }),
    embeddingForward(pool, { indices: tokens, weight: value('embedding.weight'), out: looked }),
    add(pool, { a: linear, b: looked, out: s }),
    layerNormForward(pool, { inp: s, ...dense('norm'), out: norm, mean, rstd }),
    activationForward(pool, { inp: norm, out: gelu }, 'gelu'),
    activationForward(pool, { inp: s, out: tanh }, 'tanh'),
    multiply(pool, { a: gelu, b: tanh, out: product }),
    ...denseForward(pool, { inp: product, ...dense('out'), out: logits }),
    softmaxCrossEntropy(pool, { logits, labels, dlogits, terms }),
    ...denseBackward(pool, {
      dout: dlogits,
      inp: product,
      weight: value('out.weight'),
      ...ddense('out'),
      dinp: dproduct,
    }),
    multiplyBackward(pool, { dout: dproduct, other: tanh, dinp: dgelu }),
    multiplyBackward(pool, { dout: dproduct, other: gelu, dinp: dtanh }),
    // Two consumers of s: the second one's gradient is added to the first one's.
    activationBackward(pool, { dout: dtanh, inp: s, dinp: ds }, 'tanh'),
    activationBackward(pool, { dout: dgelu, inp: norm, dinp: dnorm }, 'gelu'),
    ...layerNormBackward(
      pool,
      { dout: dnorm, inp: s, weight: value('norm.weight'), mean, rstd, ...ddense('norm'), dinp: ds },
      { accumulate: true },
    ),
    embeddingBackward(pool, { dout: ds, indices: tokens, dweight: gradient('embedding.weight') }),
    addBackward(pool, { dout: ds, dinp: dlinear }),
    ...denseBackwardWeight(pool, { dout: dlinear, inp: x, ...ddense('inp') }),
  ];
  return { commands, terms };
}

/** dense, SiLU, dense, GELU with tanh, dense, and a loss on x. */
function autoencoder(
  pool: BufferPool,
  { value, gradient }: Flat,
  x: Tensor,
  loss: Loss,
): { commands: Command[]; terms: Tensor } {
  const tensor = (name: string, columns: number) => pool.tensor(name, [B, columns]);
  const names = ['first', 'second', 'last'] as const;
  const widths = names.map((name) => value(`${name}.weight`).shape[0]!);
  const activations = ['silu', 'gelu_tanh'] as const;
  const outs = names.map((name, i) => tensor(`${name} output`, widths[i]!));
  const activated = activations.map((name, i) => tensor(name, widths[i]!));
  const inputs = [x, ...activated];
  const commands: Command[] = [];
  for (const [i, name] of names.entries()) {
    const tensors = { inp: inputs[i]!, weight: value(`${name}.weight`), bias: value(`${name}.bias`), out: outs[i]! };
    commands.push(...denseForward(pool, tensors));
    const activation = activations[i];
    if (activation) commands.push(activationForward(pool, { inp: outs[i]!, out: activated[i]! }, activation));
  }
  const pred = outs[2]!;
  const dpred = tensor('dpred', widths[2]!);
  let terms = pool.tensor('terms', [likelihoodTerms(x.shape)]);
  if (loss === 'squared_error') commands.push(squaredError(pool, { pred, x, dpred, terms }));
  if (loss === 'gaussian') commands.push(gaussian(pool, { mean: pred, x, dmean: dpred, terms }, { sigma: 0.3 }));
  if (loss === 'gaussian_heads') commands.push(gaussianHeads(pool, { heads: pred, x, dheads: dpred, terms }));
  if (loss === 'bernoulli') commands.push(bernoulli(pool, { logits: pred, x, dlogits: dpred, terms }));
  if (loss === 'gaussian_learned') {
    const squares = terms;
    terms = pool.tensor('term', [1]);
    const parameter = { logvar: value('logvar'), dlogvar: gradient('logvar') };
    commands.push(...gaussianLearned(pool, { mean: pred, x, dmean: dpred, squares, term: terms, ...parameter }));
  }
  let dout = dpred;
  for (const [i, name] of [...names.entries()].reverse()) {
    const ddense = { dweight: gradient(`${name}.weight`), dbias: gradient(`${name}.bias`) };
    if (i === 0) {
      commands.push(...denseBackwardWeight(pool, { dout, inp: x, ...ddense }));
      break;
    }
    const dactivated = tensor(`d${name} input`, widths[i - 1]!);
    const before = tensor(`d${names[i - 1]} output`, widths[i - 1]!);
    const weight = value(`${name}.weight`);
    commands.push(...denseBackward(pool, { dout, inp: inputs[i]!, weight, ...ddense, dinp: dactivated }));
    commands.push(activationBackward(pool, { dout: dactivated, inp: outs[i - 1]!, dinp: before }, activations[i - 1]!));
    dout = before;
  }
  return { commands, terms };
}

/** The same numbers, in another shape. */
function reshaped(tensor: Tensor, shape: readonly number[]): Tensor {
  return view(tensor, `${tensor.label}, reshaped`, shape, 0);
}

/** dense as images, group norm with SiLU, up-sampling, average pooling with a rest, group norm, dense, cross-entropy. */
function images(pool: BufferPool, { value, gradient }: Flat, x: Tensor): { commands: Command[]; terms: Tensor } {
  const labels = pool.tensor('labels', [B], { dtype: 'u32', data: Uint32Array.from(golden.batch.labels) });
  const image = (name: string, size: number) => pool.tensor(name, [B, size, size, 4]);
  const [s, ds, t, dt] = [image('s', 3), image('ds', 3), image('t', 3), image('dt', 3)];
  const [large, dlarge] = [image('large', 9), image('dlarge', 9)];
  const [pooled, dpooled, n, dn] = [image('pooled', 4), image('dpooled', 4), image('n', 4), image('dn', 4)];
  const [logits, dlogits, terms] = [
    pool.tensor('logits', [B, 4]),
    pool.tensor('dlogits', [B, 4]),
    pool.tensor('terms', [B]),
  ];
  const of = (name: string) => ({ weight: value(`${name}.weight`), bias: value(`${name}.bias`) });
  const dof = (name: string) => ({ dweight: gradient(`${name}.weight`), dbias: gradient(`${name}.bias`) });
  const moments = { first: pool.tensor('moments 1', [B, 2, 2]), second: pool.tensor('moments 2', [B, 1, 2]) };
  const [first, second] = [{ groups: 2, activation: 'silu' as const }, { groups: 1 }];
  const norm1 = { inp: s, ...of('norm1'), moments: moments.first };
  const norm2 = { inp: pooled, ...of('norm2'), moments: moments.second };
  const out = { inp: reshaped(n, [B, 64]), weight: value('out.weight') };
  const commands = [
    ...denseForward(pool, { inp: x, ...of('inp'), out: reshaped(s, [B, 36]) }),
    groupNormForward(pool, { ...norm1, out: t }, first),
    upsampleForward(pool, { inp: t, out: large }, { factor: 3 }),
    averagePoolForward(pool, { inp: large, out: pooled }, { size: 2 }),
    groupNormForward(pool, { ...norm2, out: n }, second),
    ...denseForward(pool, { ...out, bias: value('out.bias'), out: logits }),
    softmaxCrossEntropy(pool, { logits, labels, dlogits, terms }),
    ...denseBackward(pool, { dout: dlogits, ...out, ...dof('out'), dinp: reshaped(dn, [B, 64]) }),
    ...groupNormBackward(pool, { ...norm2, dout: dn, ...dof('norm2'), dinp: dpooled }, second),
    averagePoolBackward(pool, { dout: dpooled, dinp: dlarge }, { size: 2 }),
    upsampleBackward(pool, { dout: dlarge, dinp: dt }, { factor: 3 }),
    ...groupNormBackward(pool, { ...norm1, dout: dt, ...dof('norm1'), dinp: ds }, first),
    ...denseBackwardWeight(pool, { dout: reshaped(ds, [B, 36]), inp: x, ...dof('inp') }),
  ];
  return { commands, terms };
}

/** The commands of a step of the model that a case names, and its loss terms. */
function stepOf(pool: BufferPool, flat: Flat, x: Tensor, model: GoldenCase['config']['model']) {
  if (model === 'classifier') return classifier(pool, flat, x);
  return model === 'images' ? images(pool, flat, x) : autoencoder(pool, flat, x, model);
}

/** Clipping where the case has it, and the step of Adam or AdamW. */
function optimizer(pool: BufferPool, flat: Flat, state: Tensor, config: GoldenCase['config']): Command[] {
  const { learningRate, weightDecay, maxNorm, schedule } = config;
  const { param, grad, m, v, places, length } = flat;
  const isDecayed = (name: string) => name.endsWith('weight') && !name.startsWith('norm');
  const ranges = places
    .filter(({ name }) => isDecayed(name))
    .map(({ offset, data }) => ({ offset, length: data.length, decay: weightDecay ?? 0 }));
  const table = decayTable(length, ranges);
  const decay = weightDecay === undefined ? undefined : pool.tensor('decay', [table.length], { data: table });
  const clip = maxNorm === undefined ? undefined : pool.tensor('clip', [2]);
  const squares = pool.tensor('squares', [clipNormParts(length)]);
  return [
    ...(clip && maxNorm !== undefined ? clipNorm(pool, { grad, squares, clip }, { maxNorm }) : []),
    adamW(pool, { grad, state, param, m, v, decay, clip }, { ...ADAM_DEFAULTS, learningRate, schedule }),
  ];
}

for (const [name, { config, initial, losses, weights, float32Difference }] of Object.entries(golden.cases)) {
  test(`two hundred steps of PyTorch: ${name}`, async ({ device }) => {
    const pool = new BufferPool(device);
    try {
      const flat = flatBuffers(pool, initial);
      const state = pool.tensor('state', [4], { dtype: 'u32' });
      const ring = pool.tensor('losses', [golden.steps, 1]);
      const x = pool.tensor('x', [B, D], { data: Float32Array.from(golden.batch.x.flat()) });
      const step = stepOf(pool, flat, x, config.model);
      const schedule = [
        ...step.commands,
        finishStep(pool, { terms: [step.terms], state, losses: ring }, { batch: B, count: B }),
        ...optimizer(pool, flat, state, config),
      ];
      await device.checked(name, () => runSchedule(device, schedule, golden.steps));

      const got = await download(device, ring);
      const seen = [...got].filter((_, i) => i % golden.every === 0 || i === golden.steps - 1);
      expect(seen.length).toBe(losses.length);
      const largest = Math.max(...losses.map(Math.abs));
      for (const [i, loss] of losses.entries()) {
        const tolerance = ROUNDING * float32Difference.losses + ULP * largest;
        expect(Math.abs(seen[i]! - loss), `loss ${i}: ${seen[i]}, PyTorch ${loss}`).toBeLessThanOrEqual(tolerance);
      }
      const after = await download(device, flat.param);
      for (const { name: parameter, data } of weights) {
        const { offset } = flat.places.find((place) => place.name === parameter)!;
        const size = Math.max(...data.map(Math.abs));
        const tolerance = ROUNDING * float32Difference.weights[parameter]! + ULP * size;
        for (const [i, value] of data.entries()) {
          const error = Math.abs(after[offset + i]! - value);
          const message = `${parameter}[${i}] is ${after[offset + i]}, PyTorch has ${value} ± ${tolerance}`;
          expect(error <= tolerance, message).toBe(true);
        }
      }
    } finally {
      pool.dispose();
    }
  });
}
