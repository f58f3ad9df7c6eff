import { expect, test } from 'playwright/test';
import { testValues } from '../../src/check/check.ts';
import * as activation from '../../src/check/reference/activation.ts';
import * as table from '../../src/check/reference/embedding.ts';
import * as groups from '../../src/check/reference/group-norm.ts';
import * as norm from '../../src/check/reference/layer-norm.ts';
import * as likelihood from '../../src/check/reference/likelihood.ts';
import * as latent from '../../src/check/reference/reparameterize.ts';
import * as images from '../../src/check/reference/resample.ts';
import * as softmax from '../../src/check/reference/softmax-cross-entropy.ts';
import { scheduleFactor } from '../../src/check/reference/step-schedule.ts';
import { ACTIVATION_FUNCTIONS } from '../../src/kernels/activation.ts';
import { type StepSchedule, stepFactor } from '../../src/kernels/step-schedule.ts';

// The gradients that the references state, and that the kernels are checked against, are those of the references' own
// forward passes: here by central differences in float64, off by about H² f‴ / 6 + 1e-16 f / H.
const H = 1e-5;
const ERROR = 1e-8;

/** d loss / d values, element by element. */
function differences(values: ArrayLike<number>, loss: (values: Float64Array) => number): Float64Array {
  const moved = Float64Array.from(values);
  return moved.map((value, i) => {
    moved[i] = value + H;
    const above = loss(moved);
    moved[i] = value - H;
    const below = loss(moved);
    moved[i] = value;
    return (above - below) / (2 * H);
  });
}

function expectClose(what: string, got: ArrayLike<number>, expected: Float64Array): void {
  expect(got.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) {
    const tolerance = ERROR * (1 + Math.abs(value));
    const error = Math.abs(got[i]! - value);
    expect(error <= tolerance, `${what}[${i}] is ${got[i]}, differences say ${value}`).toBe(true);
  }
}

/** Σ a b: a loss whose gradient with respect to `a` is `b`. */
function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);
}

test('activations', () => {
  // None within H of a kink.
  const inp = testValues(60, 1).map((value) => value * 8);
  expect(Math.min(...inp.map(Math.abs))).toBeGreaterThan(10 * H);
  const dout = testValues(60, 2);
  for (const name of ACTIVATION_FUNCTIONS) {
    const expected = differences(inp, (values) => dot(activation.activationForward(name, values).values, dout));
    expectClose(name, activation.activationBackward(name, inp, dout).values, expected);
  }
});

test('the error function', () => {
  // DLMF, table 7.23; Abramowitz & Stegun, table 7.1.
  const known = [
    [0, 0],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [2.5, 0.999593047982555],
    [3, 0.9999779095030014],
  ] as const;
  for (const [x, value] of known) {
    expect(Math.abs(activation.erf(x) - value)).toBeLessThanOrEqual(4e-16);
    expect(activation.erf(-x)).toBeCloseTo(-activation.erf(x), 15);
  }
});

test('likelihoods', () => {
  const [B, D] = [3, 5];
  const scale = 1.5 / B;
  const pred = testValues(B * D, 3).map((value) => value * 2);
  const heads = testValues(2 * B * D, 4);
  const x = testValues(B * D, 5).map(Math.abs);
  const sum = ({ sum }: likelihood.Likelihood) => scale * sum.values[0]!;
  for (const sigma of [undefined, 0.4]) {
    const expected = differences(pred, (values) => sum(likelihood.squaredError(values, x, scale, sigma)));
    expectClose(`sigma ${sigma}`, likelihood.squaredError(pred, x, scale, sigma).gradient.values, expected);
  }
  const learned = likelihood.gaussianLearned(pred, x, -0.7, scale);
  const dmean = differences(pred, (values) => sum(likelihood.gaussianLearned(values, x, -0.7, scale)));
  expectClose('dmean', learned.gradient.values, dmean);
  const dlogvar = differences([-0.7], ([logvar]) => sum(likelihood.gaussianLearned(pred, x, logvar!, scale)));
  expectClose('dlogvar', learned.dlogvar.values, dlogvar);
  const dheads = differences(heads, (values) => sum(likelihood.gaussianHeads(values, x, D, scale)));
  expectClose('dheads', likelihood.gaussianHeads(heads, x, D, scale).gradient.values, dheads);
});

test('a given sigma is a learned one, and a sigma per element, of the same value', () => {
  const [B, D] = [2, 3];
  const mean = testValues(B * D, 3);
  const x = testValues(B * D, 5);
  const logvar = 2 * Math.log(0.4);
  const heads = Float64Array.from({ length: 2 * B * D }, (_, i) =>
    i % (2 * D) < D ? mean[Math.floor(i / (2 * D)) * D + (i % D)]! : logvar,
  );
  const [sum] = likelihood.squaredError(mean, x, 1, 0.4).sum.values;
  expect(likelihood.gaussianLearned(mean, x, logvar, 1).sum.values[0]).toBeCloseTo(sum!, 12);
  expect(likelihood.gaussianHeads(heads, x, D, 1).sum.values[0]).toBeCloseTo(sum!, 12);
});

test('a schedule is on the CPU what its formula says', () => {
  const schedules: StepSchedule[] = [
    { kind: 'constant' },
    { kind: 'warmup', steps: 7 },
    { kind: 'cyclical', period: 10, ratio: 0.3 },
    { kind: 'cosine', steps: 30, warmup: 4 },
    { kind: 'cosine', steps: 30 },
  ];
  for (const schedule of schedules) {
    for (let done = 0; done < 40; done++) {
      expect(stepFactor(schedule, done), JSON.stringify(schedule)).toBeCloseTo(scheduleFactor(schedule, done), 12);
    }
  }
});

test('softmax and cross-entropy', () => {
  const [B, K] = [3, 5];
  const logits = testValues(B * K, 6).map((value) => value * 3);
  const labels = [4, 0, 2];
  const loss = (values: Float64Array) => {
    const { terms } = softmax.softmaxCrossEntropy(values, labels, K, 1);
    return (2 * terms.values.reduce((sum, term) => sum + term, 0)) / B;
  };
  const { dlogits } = softmax.softmaxCrossEntropy(logits, labels, K, 2 / B);
  expectClose('dlogits', dlogits.values, differences(logits, loss));
});

test('layer norm', () => {
  const [R, C, epsilon] = [3, 5, 1e-5];
  const inp = testValues(R * C, 7).map((value) => value * 2);
  const weight = testValues(C, 8);
  const bias = testValues(C, 9);
  const dout = testValues(R * C, 10);
  const loss = (x: ArrayLike<number>, w: ArrayLike<number>, b: ArrayLike<number>) =>
    dot(norm.layerNorm(x, w, b, R, C, epsilon).out.values, dout);
  const { mean, rstd } = norm.layerNorm(inp, weight, bias, R, C, epsilon);
  const got = norm.layerNormBackward(dout, inp, weight, mean.values, rstd.values, R, C);
  expectClose(
    'dinp',
    got.dinp.values,
    differences(inp, (values) => loss(values, weight, bias)),
  );
  expectClose(
    'dweight',
    got.dweight.values,
    differences(weight, (values) => loss(inp, values, bias)),
  );
  expectClose(
    'dbias',
    got.dbias.values,
    differences(bias, (values) => loss(inp, weight, values)),
  );
});

test('group norm, with SiLU and without', () => {
  const [sizes, epsilon] = [{ B: 2, P: 3, C: 4, G: 2 }, 1e-5];
  const { B, P, C } = sizes;
  const inp = testValues(B * P * C, 16).map((value) => value * 2);
  const weight = testValues(C, 17);
  const bias = testValues(C, 18);
  const dout = testValues(B * P * C, 19);
  for (const activation of ['none', 'silu'] as const) {
    const loss = (x: ArrayLike<number>, w: ArrayLike<number>, b: ArrayLike<number>) =>
      dot(groups.groupNorm(x, w, b, sizes, activation, epsilon).out.values, dout);
    const { moments } = groups.groupNorm(inp, weight, bias, sizes, activation, epsilon);
    const got = groups.groupNormBackward(dout, inp, weight, bias, moments.values, sizes, activation);
    const expected = {
      dinp: differences(inp, (values) => loss(values, weight, bias)),
      dweight: differences(weight, (values) => loss(inp, values, bias)),
      dbias: differences(bias, (values) => loss(inp, weight, values)),
    };
    for (const name of ['dinp', 'dweight', 'dbias'] as const) {
      expectClose(`${name}, ${activation}`, got[name].values, expected[name]);
    }
  }
});

test('average pooling and nearest up-sampling', () => {
  const sizes = [2, 5, 7, 3] as const;
  const inp = testValues(210, 20);
  for (const size of [1, 2, 3]) {
    const pooled = testValues(images.pooledLength(sizes, size), 21);
    const sum = (values: Float64Array) => dot(images.averagePool(values, sizes, size).values, pooled);
    expectClose('pooling', images.averagePoolBackward(pooled, sizes, size).values, differences(inp, sum));
    const large = testValues(210 * size * size, 22);
    const spread = (values: Float64Array) => dot(images.upsample(values, sizes, size).values, large);
    expectClose('up-sampling', images.upsampleBackward(large, sizes, size).values, differences(inp, spread));
  }
  // By hand: what is left over has no part in a mean, and every pixel becomes a block.
  const row = [1, 2, 3, 4, 5];
  expect([...images.averagePool([...row, ...row], [1, 2, 5, 1], 2).values]).toEqual([1.5, 3.5]);
  expect([...images.upsample([1, 2], [1, 1, 2, 1], 2).values]).toEqual([1, 1, 2, 2, 1, 1, 2, 2]);
});

test('embedding', () => {
  const [V, C, indices] = [4, 3, [2, 0, 2, 2, 1]];
  const weight = testValues(V * C, 11);
  const dout = testValues(indices.length * C, 12);
  const expected = differences(weight, (values) => dot(table.embedding(values, indices, C).values, dout));
  expectClose('dweight', table.embeddingBackward(dout, indices, V, C).values, expected);
});

test('reparameterization, with every dimension counted and with free bits', () => {
  const [B, L, beta, floor] = [4, 3, 1.7, 0.4];
  const heads = testValues(2 * B * L, 13).map((value, i) => (i % L === 1 ? value / 10 : value * 2));
  const noise = { values: testValues(B * L, 14), tolerance: new Float64Array(B * L) };
  const dz = testValues(B * L, 15);
  const { kld } = latent.reparameterize(heads, noise, B, L);
  const { counted } = latent.freeBits(kld.values, B, L, floor);
  expect([...counted.values].sort()).toEqual([0, 1, 1]);
  const loss = (values: Float64Array, isFree: boolean) => {
    const { z, kld } = latent.reparameterize(values, noise, B, L);
    const terms = isFree ? latent.freeBits(kld.values, B, L, floor).terms.values : kld.values;
    return dot(z.values, dz) + (beta / B) * terms.reduce((sum, term) => sum + term, 0);
  };
  const plain = latent.reparameterizeBackward(heads, noise, dz, B, L, beta);
  expectClose(
    'dheads',
    plain.values,
    differences(heads, (values) => loss(values, false)),
  );
  const free = latent.reparameterizeBackward(heads, noise, dz, B, L, beta, { counted: counted.values });
  expectClose(
    'dheads, free bits',
    free.values,
    differences(heads, (values) => loss(values, true)),
  );
});
