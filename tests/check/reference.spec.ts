import { expect, test } from 'playwright/test';
import { compare, report } from '../../src/check/check.ts';
import { allChecks, type Check } from '../../src/check/index.ts';
import { binarizedPixel, philox, STREAMS, shuffledPosition, standardNormal } from '../../src/check/reference/random.ts';
import { finiteDifferences, vaeGradient } from '../../src/check/reference/vae.ts';
import { CHECKED_MODELS, problemOfStep } from '../../src/check/vae.ts';
import { initialParameters } from '../../src/nn/parameters.ts';
import { normalNumbers, philoxInto, uniformNumbers } from '../../src/nn/random.ts';
import { vaeTable } from '../support/vae-table.ts';

// The known answers of the authors' Random123 library (kat_vectors, philox 4x32 10).
const KNOWN = [
  { counter: [0, 0, 0, 0], key: [0, 0], words: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8] },
  {
    counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    key: [0xffffffff, 0xffffffff],
    words: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  },
  {
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    key: [0xa4093822, 0x299f31d0],
    words: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  },
] as const;

for (const { counter, key, words } of KNOWN) {
  test(`Philox4x32-10 of ${counter.map((word) => word.toString(16)).join(' ')}`, () => {
    expect(philox(counter, key)).toEqual(words);
    const [a, b, c, d] = counter;
    const drawn = new Uint32Array(4);
    philoxInto(drawn, a, b, c, key[0], d, key[1]);
    expect([...drawn]).toEqual(words);
  });
}

test('the shuffle is a bijection on [0, N), other in other epochs and seeds', () => {
  for (const count of [1, 2, 3, 4, 5, 63, 64, 65, 1000, 60_000]) {
    for (const epoch of [0, 1, 19]) {
      const seen = new Set(Array.from({ length: count }, (_, i) => shuffledPosition(i, count, 7, epoch)));
      expect(seen.size).toBe(count);
      expect(Math.max(...seen)).toBe(count - 1);
    }
  }
  const order = (seed: number, epoch: number) =>
    Array.from({ length: 1000 }, (_, i) => shuffledPosition(i, 1000, seed, epoch));
  const fixed = (a: number[], b: number[]) => a.filter((value, i) => value === b[i]).length;
  // Two random orders of 1000 agree in about one place.
  expect(fixed(order(1, 0), order(1, 1))).toBeLessThan(8);
  expect(fixed(order(1, 0), order(2, 0))).toBeLessThan(8);
  expect(fixed(order(1, 0), [...order(1, 0).keys()])).toBeLessThan(8);
});

/** Mean, variance, skewness and excess kurtosis. */
function momentsOf(values: ArrayLike<number>): [number, number, number, number] {
  const all = Array.from(values);
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  const central = (power: number) => all.reduce((sum, value) => sum + (value - mean) ** power, 0) / all.length;
  const variance = central(2);
  return [mean, variance, central(3) / variance ** 1.5, central(4) / variance ** 2 - 3];
}

test('the noise is standard normal', () => {
  const count = 20_000;
  const noises = [
    normalNumbers(count, 3),
    Array.from({ length: count }, (_, i) => standardNormal(i, 5, 0, 3).value),
    // Neighbouring steps instead of neighbouring elements.
    Array.from({ length: count }, (_, i) => standardNormal(1, i, 0, 3).value),
  ];
  for (const noise of noises) {
    const [mean, variance, skewness, kurtosis] = momentsOf(noise);
    // Four standard deviations of each estimate.
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(count));
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / count));
    expect(Math.abs(skewness)).toBeLessThan(4 * Math.sqrt(6 / count));
    expect(Math.abs(kurtosis)).toBeLessThan(4 * Math.sqrt(24 / count));
  }
  const own = Array.from({ length: 9 }, (_, i) => Math.fround(standardNormal(i, 0, STREAMS.sample, 3).value));
  expect(Array.from(normalNumbers(9, 3))).toEqual(own);
});

test('a pixel is binarized with the probability of its grey, by itself, and anew in every step', () => {
  const draw = (byte: number, row: number, step: number) =>
    binarizedPixel(byte, { row, d: 3, imageSize: 5 }, step, 4, 11);
  const count = 4000;
  for (const byte of [0, 1, 60, 128, 254, 255]) {
    const p = byte / 255;
    for (const bits of [
      Array.from({ length: count }, (_, i) => draw(byte, i, 0)),
      Array.from({ length: count }, (_, i) => draw(byte, 2, i)),
    ]) {
      const mean = bits.reduce((sum, bit) => sum + bit, 0) / count;
      // Five standard deviations; black and white are never anything else.
      expect(Math.abs(mean - p)).toBeLessThanOrEqual(5 * Math.sqrt((p * (1 - p)) / count));
    }
  }
  const row = (step: number) =>
    Array.from({ length: 64 }, (_, d) => binarizedPixel(128, { row: 0, d, imageSize: 64 }, step, 4, 11));
  const agree = row(0).filter((bit, d) => bit === row(1)[d]).length;
  expect(Math.abs(agree - 32)).toBeLessThanOrEqual(5 * Math.sqrt(16));
});

test('the initial weights are uniform', () => {
  const numbers = uniformNumbers(20_001, 3, 1);
  const [mean, variance] = momentsOf(numbers);
  expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / numbers.length));
  expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.002);
  expect(numbers.every((value) => value >= 0 && value < 1)).toBe(true);
  expect(uniformNumbers(8, 3, 1)).not.toEqual(uniformNumbers(8, 3, 2));
  const word = (i: number) => philox([Math.floor(i / 4), 1, STREAMS.initialize, 0], [3, 0])[i % 4]!;
  expect(Array.from(numbers.slice(0, 9))).toEqual(Array.from({ length: 9 }, (_, i) => (word(i) >>> 8) / 2 ** 24));
  // Every layer from U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)), biases too, and no tensor's numbers are another one's.
  const parameters = initialParameters(vaeTable({ hidden: [100, 64], latent: 32 }, 400), 3);
  const bounds: Record<string, number> = { encoder: 1 / 20, mu: 1 / 8, logvar: 1 / 8, decoder: 1 / Math.sqrt(32) };
  const firsts = parameters.filter(({ name }) => /^(mu|logvar|(en|de)coder\.0)\./.test(name));
  expect(firsts).toHaveLength(8);
  for (const { name, data } of firsts) {
    const bound = bounds[name.split('.')[0]!]!;
    const largest = data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    expect(largest, name).toBeLessThanOrEqual(bound);
    expect(largest, name).toBeGreaterThan(0.8 * bound);
  }
  expect(new Set(parameters.map(({ data }) => data[0])).size).toBe(parameters.length);
});

test('names of checks are unique', () => {
  const names = allChecks().map(({ name }: Check) => name);
  expect(new Set(names).size).toBe(names.length);
});

test('a comparison fails on NaN, on infinity, on a value just outside, and on nothing', () => {
  const expected = { values: Float64Array.of(1, 2), tolerance: Float64Array.of(0.1, 0.1) };
  expect(report('in', [compare('t', [1.05, 2], expected)]).ok).toBe(true);
  expect(report('out', [compare('t', [1, 2.11], expected)]).ok).toBe(false);
  expect(report('NaN', [compare('t', [Number.NaN, 2], expected)]).ok).toBe(false);
  expect(report('NaN last', [compare('t', [1, Number.NaN], expected)]).ok).toBe(false);
  expect(report('infinite', [compare('t', [1, Number.POSITIVE_INFINITY], expected)]).ok).toBe(false);
  const unknown = { values: Float64Array.of(Number.NaN), tolerance: Float64Array.of(1) };
  expect(report('reference is NaN', [compare('t', [1], unknown)]).ok).toBe(false);
  expect(report('nothing', []).ok).toBe(false);
  expect(() => compare('short', [1], expected)).toThrow('short has 1 elements, expected 2');
});

for (const model of CHECKED_MODELS.filter(({ hidden }) => !hidden.includes(128))) {
  const { rows, columns, hidden, latent } = model;
  test(`the chain rule gives what moving each parameter does: ${[rows * columns, ...hidden, latent].join('-')}`, () => {
    const table = vaeTable({ hidden, latent }, rows * columns);
    const parameters = new Map(initialParameters(table, 3).map(({ name, data }) => [name, data]));
    const problem = problemOfStep(model, 1);
    const gradient = vaeGradient(problem, parameters);
    const differences = finiteDifferences(problem, parameters);
    expect([...gradient.keys()].sort()).toEqual([...differences.keys()].sort());
    const comparisons = [...differences].map(([name, values]) => {
      const tolerance = values.map(() => 1e-8);
      return compare(name, gradient.get(name)!, { values, tolerance });
    });
    const { ok, message } = report('gradient', comparisons);
    expect(ok, message).toBe(true);
  });
}
