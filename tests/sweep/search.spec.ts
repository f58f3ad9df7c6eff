import { readFile } from 'node:fs/promises';
import { expect, test } from 'playwright/test';
import { isStopped, rungAt } from '../../src/cli/sweep/asha.ts';
import { suggest } from '../../src/cli/sweep/search/index.ts';
import { sobol } from '../../src/cli/sweep/search/sobol.ts';
import { logDensity, normalCdf, parzen, splitHistory } from '../../src/cli/sweep/search/tpe.ts';
import { type Axis, atFraction, isRange } from '../../src/cli/sweep/space.ts';

/** What Optuna and SciPy computed; see make_optuna.py. */
interface Recorded {
  tpe: { axis: keyof typeof AXES; observed: number[]; at: number[]; log: number[] }[];
  split: { values: number[]; below: number[] }[];
  asha: { from: number; factor: number; events: [trial: number, epoch: number, value: number, pruned: boolean][] }[];
  sobol: number[][];
}

const range = (from: number, to: number, scale: 'log' | 'linear', integer: boolean) => ({ from, to, scale, integer });
const AXES = {
  learningRate: { key: 'learningRate', ...range(1e-4, 1e-2, 'log', false) },
  beta: { key: 'beta', ...range(0.5, 4, 'linear', false) },
  latent: { key: 'latent', ...range(2, 64, 'log', true) },
  epochs: { key: 'epochs', ...range(1, 30, 'linear', true) },
  likelihood: { key: 'likelihood', values: ['a', 'b', 'c'] },
} satisfies Record<string, Axis>;

async function recorded(): Promise<Recorded> {
  return JSON.parse(await readFile(new URL('optuna.json', import.meta.url), 'utf8'));
}

test("TPE's log densities are Optuna's", async () => {
  const { tpe } = await recorded();
  expect(tpe).toHaveLength(30);
  for (const { axis, observed, at, log } of tpe) {
    const density = parzen(AXES[axis], observed);
    at.forEach((value, i) => {
      const difference = Math.abs(logDensity(AXES[axis], density, value) - log[i]!);
      // Sums of at most 61 kernels in float64; whole numbers are differences of two Φ, which lose some digits.
      expect(difference <= 1e-9, `${axis} after ${observed.length} at ${value}: off by ${difference}`).toBe(true);
    });
  }
});

test("TPE's best tenth is Optuna's", async () => {
  for (const { values, below } of (await recorded()).split) {
    const history = values.map((value, i) => ({ point: [i], value }));
    expect(splitHistory(history).below.map(({ point }) => point[0])).toEqual(below);
  }
});

test("early stopping decides as Optuna's successive halving", async () => {
  for (const { from, factor, events } of (await recorded()).asha) {
    const rungs = new Map<number, number[]>();
    for (const [trial, epoch, value, pruned] of events) {
      const rung = rungAt({ from, factor }, epoch);
      const others = rungs.get(epoch) ?? [];
      const stopped = rung !== undefined && isStopped({ from, factor }, value, others);
      expect(stopped, `trial ${trial} at epoch ${epoch}`).toBe(pruned);
      if (rung !== undefined) rungs.set(epoch, [...others, value]);
    }
  }
});

test("Sobol's points are SciPy's, in every dimension", async () => {
  const { sobol: expected } = await recorded();
  expected.forEach((point, index) => {
    expect(point.map((_, dimension) => sobol(index, dimension))).toEqual(point);
  });
});

test('Φ against known values', () => {
  for (const [x, expected] of [
    [0, 0.5],
    [1, 0.8413447460685429],
    [-1, 0.15865525393145705],
    [-3, 1.3498980316300933e-3],
    [-8, 6.220960574271785e-16],
    [5, 0.9999997133484281],
  ] as const) {
    expect(Math.abs(normalCdf(x) / expected - 1), `Φ(${x})`).toBeLessThan(1e-12);
  }
});

test('every search gives the same point for the same request, within its space', () => {
  const space = [AXES.learningRate, AXES.latent, AXES.likelihood];
  const history = Array.from({ length: 12 }, (_, i) => ({
    point: [atFraction(AXES.learningRate, i / 12), 2 + i, 'abc'[i % 3]],
    value: 100 + i,
  }));
  for (const search of ['grid', 'random', 'sobol', 'tpe'] as const) {
    for (let index = 0; index < 20; index++) {
      const request = { space, index, seed: 1, history };
      const point = suggest(search, request);
      expect(point).toEqual(suggest(search, request));
      space.forEach((axis, i) => {
        const value = point[i] as number;
        if (!isRange(axis)) expect(axis.values).toContain(value);
        else {
          expect(value).toBeGreaterThanOrEqual(axis.from);
          expect(value).toBeLessThanOrEqual(axis.to);
          if (axis.integer) expect(Number.isInteger(value)).toBe(true);
        }
      });
    }
  }
});

test('TPE comes nearer to the best than random search does', () => {
  // A bowl over two settings; the mean of the last ten of sixty points, over three seeds.
  const space = [AXES.learningRate, AXES.beta];
  const loss = ([lr, beta]: readonly unknown[]) => Math.log10(Number(lr) / 1e-3) ** 2 + (Number(beta) - 1) ** 2;
  const meanOf = (search: 'random' | 'tpe') => {
    let sum = 0;
    for (const seed of [1, 2, 3]) {
      const history: { point: readonly unknown[]; value: number }[] = [];
      for (let index = 0; index < 60; index++) {
        const point = suggest(search, { space, index, seed, history });
        history.push({ point, value: loss(point) });
        if (index >= 50) sum += loss(point) / 30;
      }
    }
    return sum;
  };
  expect(meanOf('tpe')).toBeLessThan(meanOf('random') / 3);
});
