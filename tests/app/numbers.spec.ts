import { expect, test } from 'playwright/test';
import { formatNumber, fraction, totalName } from '../../src/app/numbers.ts';
import { Pace } from '../../src/app/pace.ts';
import { PastModels } from '../../src/app/past-models.ts';
import { describe, formatRate } from '../../src/app/status.ts';
import { parseConfig } from '../../src/vae/config.ts';

test('any number can be written, and be a part of a bar', () => {
  const written = [1.25, -1.25, -0.001, 0, 1e30, -1e9, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
  expect(written.map((value) => formatNumber(value, 1))).toEqual([
    '1.3',
    '−1.3',
    '0.0',
    '0.0',
    '1.00e30',
    '−1.00e9',
    '∞',
    '−∞',
    'not a number',
  ]);
  const parts = [
    [1, 2],
    [3, 2],
    [-1, 2],
    [1, 0],
    [0, 0],
    [Number.NaN, 1],
    [Number.POSITIVE_INFINITY, 1],
    [1, Number.POSITIVE_INFINITY],
  ] as const;
  expect(parts.map(([part, whole]) => fraction(part, whole))).toEqual([0.5, 1, 0, 1, 0, 0, 1, 0]);
});

test('the total is −ELBO only where β is 1', () => {
  const names = [1, 0, 4, 0.5].map((beta) => totalName(parseConfig({ beta })));
  expect(names).toEqual(['−ELBO', 'BCE + 0·KL', 'BCE + 4·KL', 'BCE + 0.5·KL']);
  expect(totalName(parseConfig({ likelihood: 'gaussian' }))).toBe('−ELBO');
  expect(totalName(parseConfig({ likelihood: 'gaussian', beta: 2 }))).toBe('NLL + 2·KL');
  expect(totalName(parseConfig({ betaWarmup: 100 }))).toBe('BCE + β·KL');
  expect(totalName(parseConfig({ freeBits: 0.5 }))).toBe('BCE + 1·KL');
});

test('the pace of a slow training is its pace, however long its last report is ago', () => {
  const pace = new Pace();
  pace.begin(0, 100);
  expect(pace.stepsPerSecond(12_000, 101)).toBeCloseTo(1 / 12);
  expect(pace.stepsPerSecond(36_000, 103)).toBeCloseTo(2 / 24);
  expect(pace.stepsPerSecond(37_000, 123)).toBeCloseTo(20);
  // Only the last five seconds count, where there are some.
  for (let second = 38; second < 48; second++) pace.stepsPerSecond(1000 * second, 123 + 50 * (second - 37));
  expect(pace.stepsPerSecond(48_000, 123 + 50 * 11)).toBeCloseTo(50);
  // After a recovery there is no earlier step to count from.
  expect(pace.stepsPerSecond(49_000, 50)).toBeUndefined();
  expect(pace.stepsPerSecond(50_000, 60)).toBeCloseTo(10);
});

test('the status says what a slow training takes, and nothing that is not so', () => {
  expect([41.4, 3.21, 0.5, 0.1].map(formatRate)).toEqual(['41 steps/s', '3.2 steps/s', '0.5 steps/s', '10 s per step']);
  const session = (beta: number, stepsPerSecond: number, secondsLeft: number) => {
    const train = { loss: 152.34, bce: 150, kld: 2.34 };
    const progress = { epoch: 1, epochs: 2, step: 3, steps: 10, train, stepsPerSecond, secondsLeft };
    const vae = { config: parseConfig({ beta, epochs: 2 }), step: 3, steps: 10, history: [] };
    return { vae, metrics: { train: [] }, progress, training: true, busy: false, finished: false, recovery: undefined };
  };
  expect(describe(session(1, 41, 151))).toBe('epoch 1/2 · step 3/10 · −ELBO 152.3 · 41 steps/s · 2:31 left');
  expect(describe(session(0, 0.1, 70))).toBe('epoch 1/2 · step 3/10 · BCE + 0·KL 152.3 · 10 s per step · 1:10 left');
  expect(describe(session(1, 41, Number.POSITIVE_INFINITY))).toContain('unknown time left');
});

test('every epoch is kept for looking back; without room every other one, and that is told', () => {
  const epoch = (at: number, length = 10) => ({
    epoch: at,
    step: 3 * at,
    parameters: [{ name: 'w', shape: [length], data: new Float32Array(length) }],
  });
  const roomy = new PastModels();
  for (let at = 0; at <= 200; at++) roomy.add(epoch(at));
  expect(roomy.all.map((model) => model.epoch)).toEqual(Array.from({ length: 201 }, (_, at) => at));
  expect(roomy.thinned).toBe(false);

  // Room for five.
  const tight = new PastModels(5 * 40);
  for (let at = 0; at <= 6; at++) tight.add(epoch(at));
  expect(tight.all.map((model) => model.epoch)).toEqual([0, 2, 4, 5, 6]);
  expect(tight.thinned).toBe(true);
  // What is done again, after a recovery, replaces what was.
  tight.add(epoch(4));
  expect(tight.all.map((model) => model.epoch)).toEqual([0, 2, 4]);
});
