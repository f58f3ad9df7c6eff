import { readFileSync } from 'node:fs';
import { expect, test } from 'playwright/test';
import { CpuDecoder } from '../../src/app/cpu-decoder.ts';
import { klOf, reconstructionLoss } from '../../src/app/image-loss.ts';
import { readSafetensors } from '../../src/train/safetensors.ts';

test('decoding on the CPU: dense layers, ReLU, sigmoid', () => {
  const decoder = new CpuDecoder([
    { name: 'decoder.0.weight', shape: [2, 1], data: Float32Array.of(1, -2) },
    { name: 'decoder.0.bias', shape: [2], data: Float32Array.of(0.5, 1) },
    { name: 'decoder.2.weight', shape: [1, 2], data: Float32Array.of(3, 4) },
    { name: 'decoder.2.bias', shape: [1], data: Float32Array.of(-1) },
  ]);
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const [low, high] = decoder.run(Float32Array.of(-1, 2));
  expect(low).toBeCloseTo(sigmoid(3 * 0 + 4 * 3 - 1), 6);
  expect(high).toBeCloseTo(sigmoid(3 * 2.5 + 4 * 0 - 1), 6);
  expect(() => new CpuDecoder([])).toThrow('decoder.0.weight');
});

test("the page's example is a model of 784 pixels and two dimensions, and its points have digits", () => {
  const { tensors, metadata } = readSafetensors(readFileSync('src/app/example.safetensors'));
  const { loss } = JSON.parse(metadata.test!) as { loss: number };
  expect(loss).toBeLessThan(142);
  expect(new CpuDecoder(tensors).run(Float32Array.of(0, 0))).toHaveLength(784);
  const points = tensors.find(({ name }) => name === 'example.points')!;
  expect(points.shape).toEqual([2000, 3]);
  const digits = new Set(points.data.filter((_, i) => i % 3 === 2));
  expect([...digits].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('what one image costs', () => {
  const image = Uint8Array.of(255, 0, 51);
  const pixels = Float32Array.of(0.5, 0.25, 1);
  const bce = Math.log(2) - Math.log(0.75) - 0.8 * Math.log(2 ** -24);
  expect(reconstructionLoss(image, pixels)).toBeCloseTo(bce, 5);
  const gaussian = (d: number) => 0.5 * (d / 2) ** 2 + Math.log(2) + 0.5 * Math.log(2 * Math.PI);
  expect(reconstructionLoss(image, pixels, 2)).toBeCloseTo(gaussian(0.5) + gaussian(0.25) + gaussian(0.8), 5);
  expect(klOf(Float32Array.of(0, 0), Float32Array.of(0, 0))).toBe(0);
  expect(klOf(Float32Array.of(2), Float32Array.of(Math.log(4)))).toBeCloseTo(0.5 * (4 + 4 - 1 - Math.log(4)), 6);
});
