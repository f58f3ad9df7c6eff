/** What `eval` computes of codes and features on the CPU: on cases whose answers are known. */
import { expect, test } from 'playwright/test';
import { normalNumbers } from '../../src/nn/random.ts';
import { frechetDistance, momentsOf } from '../../src/vae/evaluation/frechet.ts';
import { activeUnits, aggregateEstimate, klPerDimension, momentsOfMeans } from '../../src/vae/evaluation/latent.ts';
import { cholesky, eigen, product, squareRoot } from '../../src/vae/evaluation/matrix.ts';
import { fitMixture, sampleMixture } from '../../src/vae/evaluation/mixture.ts';
import { neighbourAccuracy } from '../../src/vae/evaluation/neighbours.ts';

test('the KL divergence of every dimension, active units, moments', () => {
  // Two images: one dimension is the prior itself, one never moves, one does.
  const mu = Float32Array.of(0, 0.5, -2, 0, 0.5, 2);
  const logvar = Float32Array.of(0, 0, -1, 0, 0, -1);
  const kl = klPerDimension({ mu, logvar }, 3);
  const expected = [0, 0.125, 0.5 * (4 + Math.exp(-1) - 1 + 1)];
  for (const [j, value] of kl.entries()) expect(Math.abs(value - expected[j]!)).toBeLessThan(1e-12);
  expect(activeUnits({ mu }, 3)).toBe(1);
  const { mean, variance } = momentsOfMeans({ mu }, 3);
  expect([...mean, ...variance]).toEqual([0, 0.5, 0, 0, 0, 4]);
});

test('information and distance from the prior are told apart', () => {
  const N = 400;
  const narrow = new Float32Array(N).fill(Math.log(1e-4));
  // All posteriors are the prior: nothing is known of the image, and nothing is away from the prior.
  const collapsed = aggregateEstimate({ mu: new Float32Array(N), logvar: new Float32Array(N) }, 1, N, 0);
  expect(Math.abs(collapsed.mutualInformation)).toBeLessThan(1e-9);
  expect(Math.abs(collapsed.marginalKl)).toBeLessThan(1e-9);
  // All are the same, away from it: KL is the distance alone, ½ 3².
  const away = aggregateEstimate({ mu: new Float32Array(N).fill(3), logvar: new Float32Array(N) }, 1, N, 0);
  expect(Math.abs(away.mutualInformation)).toBeLessThan(1e-9);
  expect(Math.abs(away.marginalKl - 4.5)).toBeLessThan(0.5);
  // Each far from every other: the image is known, log N nats.
  const apart = aggregateEstimate({ mu: Float32Array.from({ length: N }, (_, i) => i), logvar: narrow }, 1, 50, 0);
  expect(Math.abs(apart.mutualInformation - Math.log(N))).toBeLessThan(1e-6);
  expect(apart).toMatchObject({ drawn: 50, components: N });
});

test('nearest neighbours vote, the nearest decides a tie, a query need not be among them', async () => {
  const among = { points: Float32Array.of(0, 1, 1.5, 10, 11, 12), labels: Uint8Array.of(1, 2, 2, 0, 0, 0) };
  const accuracy = (points: number[], labels: number[], neighbours: number) =>
    neighbourAccuracy(among, { points: Float32Array.from(points), labels: Uint8Array.from(labels) }, 1, { neighbours });
  expect(await accuracy([0.1], [2], 3)).toBe(1);
  expect(await accuracy([0.1], [1], 1)).toBe(1);
  expect(await accuracy([0.1], [1], 2)).toBe(1);
  expect(await accuracy([0.1, 11], [2, 1], 3)).toBe(0.5);
  expect(await accuracy([11], [0], 100)).toBe(1);
});

test('eigenvalues, roots and the triangle of a symmetric matrix', () => {
  const n = 12;
  const half = Float64Array.from(normalNumbers(n * n, 3));
  const matrix = product(half, transposed(half, n), n);
  const near = (got: Float64Array) => {
    for (const [i, value] of matrix.entries()) expect(Math.abs(got[i]! - value)).toBeLessThan(1e-9);
  };
  const root = squareRoot(matrix, n);
  near(product(root, root, n));
  const triangle = cholesky(matrix, n);
  near(product(triangle, transposed(triangle, n), n));
  const { values } = eigen(matrix, n);
  const trace = matrix.reduce((sum, value, i) => (i % (n + 1) === 0 ? sum + value : sum), 0);
  expect(Math.abs(values.reduce((sum, value) => sum + value, 0) - trace)).toBeLessThan(1e-9);
  expect(() => cholesky(Float64Array.of(1, 2, 2, 1), 2)).toThrow('not positive definite');
});

function transposed(a: Float64Array, n: number): Float64Array {
  return a.map((_, i) => a[(i % n) * n + Math.floor(i / n)]!);
}

test("Fréchet's distance of normal distributions whose distance is known", () => {
  // Means 3 and 4 apart, and independent axes: |m|² + Σ (s₁ − s₂)².
  const diagonal = (mean: number[], deviations: number[]) => ({
    size: 2,
    mean: Float64Array.from(mean),
    covariance: Float64Array.of(deviations[0]! ** 2, 0, 0, deviations[1]! ** 2),
  });
  const distance = frechetDistance(diagonal([0, 0], [1, 2]), diagonal([3, 4], [2, 5]));
  expect(Math.abs(distance - (25 + 1 + 9))).toBeLessThan(1e-9);
  const features = normalNumbers(3000, 1);
  const moments = momentsOf(features, 3);
  expect(frechetDistance(moments, moments)).toBeLessThan(1e-9);
  const shifted = momentsOf(
    features.map((value, i) => value + (i % 3 === 1 ? 2 : 0)),
    3,
  );
  expect(Math.abs(frechetDistance(moments, shifted) - 4)).toBeLessThan(1e-5);
});

test('a mixture is found again in what was drawn from it', () => {
  const truth = {
    L: 2,
    weights: Float64Array.of(0.25, 0.75),
    means: Float64Array.of(-4, 0, 3, 2),
    roots: [Float64Array.of(1, 0, 0.5, 0.7), Float64Array.of(0.5, 0, -0.3, 1)],
  };
  const drawn = sampleMixture(truth, 4000, 9);
  const { weights, means, roots } = fitMixture(Float64Array.from(drawn), 2, 2, 0);
  const [first, second] = weights[0]! < weights[1]! ? [0, 1] : [1, 0];
  for (const [k, of] of [
    [first, 0],
    [second, 1],
  ] as const) {
    expect(Math.abs(weights[k]! - truth.weights[of]!)).toBeLessThan(0.03);
    for (let j = 0; j < 2; j++) expect(Math.abs(means[2 * k + j]! - truth.means[2 * of + j]!)).toBeLessThan(0.12);
    for (let j = 0; j < 4; j++) expect(Math.abs(roots[k]![j]! - truth.roots[of]![j]!)).toBeLessThan(0.1);
  }
  // Fewer points than components, and points that do not differ.
  expect(fitMixture(Float64Array.of(1, 1, 1, 1, 1, 1), 2, 10, 0).weights).toHaveLength(3);
});
