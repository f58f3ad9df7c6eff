/**
 * Tree-structured Parzen estimator (Bergstra et al. 2011, Algorithms for hyper-parameter optimization), each setting by itself:
 * of 24 values drawn from a density l(x) of the best tenth of the trials, the one with the largest l(x) / g(x), g being the
 * density of the others. Densities, weights and widths as Optuna has them, whose log densities the tests compare.
 */
import { type Axis, bounds, fromScale, isRange, type Point, type RangeAxis, toScale } from '../space.ts';
import { randomPoint } from './random.ts';
import type { Observation, SearchRequest } from './request.ts';
import { uniform } from './uniform.ts';

const STARTUP_POINTS = 10;
const CANDIDATES = 24;
const PRIOR_WEIGHT = 1;
const SAME_WEIGHT = 25;

export function tpePoint(request: SearchRequest): Point {
  const { space, index, seed, history } = request;
  if (history.length < STARTUP_POINTS) return randomPoint(request);
  const { below, above } = splitHistory(history);
  return space.map((axis, i) => {
    const values = (part: readonly Observation[]) => part.map(({ point }) => numberOf(axis, point[i]));
    const l = parzen(axis, values(below));
    const g = parzen(axis, values(above));
    let best = { score: Number.NEGATIVE_INFINITY, value: 0 };
    for (let candidate = 0; candidate < CANDIDATES; candidate++) {
      const value = draw(axis, l, (k) => uniform(seed, index, i, candidate, k));
      const score = logDensity(axis, l, value) - logDensity(axis, g, value);
      if (score > best.score) best = { score, value };
    }
    return isRange(axis) ? best.value : axis.values[best.value];
  });
}

/** The best tenth, at most 25, and the rest, both in the order of the history. */
export function splitHistory(history: readonly Observation[]): { below: Observation[]; above: Observation[] } {
  const count = Math.min(Math.ceil(0.1 * history.length), 25);
  const order = history.map((_, i) => i).sort((a, b) => history[a]!.value - history[b]!.value || a - b);
  const isBelow = new Set(order.slice(0, count));
  return { below: history.filter((_, i) => isBelow.has(i)), above: history.filter((_, i) => !isBelow.has(i)) };
}

/** A mixture with one kernel for every observation and one, the last, for what was believed before. */
export interface Parzen {
  weights: number[];
  /** Of a range: means and widths on its scale. */
  mu: number[];
  sigma: number[];
  /** Of a list: each kernel's probabilities of the values. */
  probabilities: number[][];
}

/** @param observed numbers of a range, or indices into a list */
export function parzen(axis: Axis, observed: readonly number[]): Parzen {
  const raw = [...observationWeights(observed.length), PRIOR_WEIGHT];
  const total = raw.reduce((sum, weight) => sum + weight, 0);
  const weights = raw.map((weight) => weight / total);
  if (isRange(axis)) return { weights, ...kernels(axis, observed), probabilities: [] };
  const choices = axis.values.length;
  const probabilities = [...observed, undefined].map((index) => {
    const base = PRIOR_WEIGHT / (observed.length + 1);
    const row = Array.from({ length: choices }, (_, i) => base + (i === index ? 1 : 0));
    const sum = row.reduce((a, b) => a + b, 0);
    return row.map((p) => p / sum);
  });
  return { weights, mu: [], sigma: [], probabilities };
}

/** Old observations count less: from 1 / n up to 1, and the last 25 count 1. */
function observationWeights(n: number): number[] {
  const ramp = n - SAME_WEIGHT;
  return Array.from({ length: n }, (_, i) =>
    i >= ramp ? 1 : ramp === 1 ? 1 / n : 1 / n + ((1 - 1 / n) * i) / (ramp - 1),
  );
}

/** Each width is the larger of the distances to the neighbours, within bounds. */
function kernels(axis: RangeAxis, observed: readonly number[]): { mu: number[]; sigma: number[] } {
  const [low, high] = bounds(axis);
  const mu = observed.map((value) => toScale(axis, value));
  const order = mu.map((_, i) => i).sort((a, b) => mu[a]! - mu[b]! || a - b);
  const sorted = [low, ...order.map((i) => mu[i]!), high];
  const sigma: number[] = new Array(mu.length);
  const least = (high - low) / Math.min(100, 2 + mu.length);
  order.forEach((i, rank) => {
    const left = sorted[rank + 1]! - sorted[rank]!;
    const right = sorted[rank + 2]! - sorted[rank + 1]!;
    let width = Math.max(left, right);
    // The ends of the range are no neighbours.
    if (mu.length >= 2 && rank === 0) width = right;
    if (mu.length >= 2 && rank === mu.length - 1) width = left;
    sigma[i] = Math.min(high - low, Math.max(least, width));
  });
  return { mu: [...mu, (low + high) / 2], sigma: [...sigma, high - low] };
}

/** log of the mixture's density at a number of a range (of its probability, for whole numbers and lists). */
export function logDensity(axis: Axis, { weights, mu, sigma, probabilities }: Parzen, value: number): number {
  const logs = weights.map((weight, k) => {
    if (!isRange(axis)) return Math.log(weight) + Math.log(probabilities[k]![value]!);
    const [low, high] = bounds(axis);
    const m = mu[k]!;
    const s = sigma[k]!;
    const inside = Math.log(normalMass((low - m) / s, (high - m) / s));
    if (axis.integer) {
      const [left, right] = [toScale(axis, value - 0.5), toScale(axis, value + 0.5)];
      return Math.log(weight) + Math.log(normalMass((left - m) / s, (right - m) / s)) - inside;
    }
    const z = (toScale(axis, value) - m) / s;
    return Math.log(weight) - z ** 2 / 2 - Math.log(s * Math.sqrt(2 * Math.PI)) - inside;
  });
  const most = Math.max(...logs);
  if (most === Number.NEGATIVE_INFINITY) return most;
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0));
}

function draw(axis: Axis, { weights, mu, sigma, probabilities }: Parzen, random: (k: number) => number): number {
  const kernel = pick(weights, random(0));
  if (!isRange(axis)) return pick(probabilities[kernel]!, random(1));
  const [low, high] = bounds(axis);
  const m = mu[kernel]!;
  const s = sigma[kernel]!;
  const [a, b] = [normalCdf((low - m) / s), normalCdf((high - m) / s)];
  return fromScale(axis, m + s * normalQuantile(a + random(1) * (b - a)));
}

function pick(probabilities: readonly number[], u: number): number {
  let sum = 0;
  for (let i = 0; i < probabilities.length; i++) {
    sum += probabilities[i]!;
    if (u < sum) return i;
  }
  return probabilities.length - 1;
}

function numberOf(axis: Axis, value: unknown): number {
  if (isRange(axis)) return Number(value);
  const text = JSON.stringify(value);
  return Math.max(
    0,
    axis.values.findIndex((each) => JSON.stringify(each) === text),
  );
}

/** The probability of a standard normal number between a and b, exact in both tails. */
function normalMass(a: number, b: number): number {
  return a > 0 ? normalCdf(-a) - normalCdf(-b) : normalCdf(b) - normalCdf(a);
}

/** Φ(x), to about 1e-15 of itself: a series near 0, a continued fraction in the tails (Abramowitz & Stegun 26.2.11, 26.2.14). */
export function normalCdf(x: number): number {
  const density = Math.exp(-(x ** 2) / 2) / Math.sqrt(2 * Math.PI);
  if (Math.abs(x) < 3) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= x ** 2 / (2 * n + 1);
      sum += term;
    }
    return 0.5 + density * sum;
  }
  let fraction = Math.abs(x);
  for (let n = 60; n >= 1; n--) fraction = Math.abs(x) + n / fraction;
  return x < 0 ? density / fraction : 1 - density / fraction;
}

/** The x with Φ(x) = p, by bisection: 24 draws a setting need no more speed. */
function normalQuantile(p: number): number {
  let [low, high] = [-40, 40];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
