import { readFileSync } from 'node:fs';
import { conv2d, convTranspose2d, reshape, squaredError } from '../../src/nn/index.ts';
import type { NamedTensor } from '../../src/nn/parameters.ts';
import { createTrainer, defineModel } from '../../src/train/index.ts';
import { expect, test } from '../support/fixtures.ts';

// Losses and weights of PyTorch, see tests/golden/make_convolutions.py; tolerances as in pytorch.spec.ts.
const ROUNDING = 8;
const ULP = 2 ** -23;

interface NamedValues {
  name: string;
  shape: number[];
  data: number[];
}

const golden = JSON.parse(readFileSync(new URL('../golden/convolutions.json', import.meta.url), 'utf8')) as {
  rows: number;
  columns: number;
  learningRate: number;
  images: number[];
  initial: NamedValues[];
  losses: number[];
  weights: NamedValues[];
  float32Difference: { losses: number; weights: Record<string, number> };
};

const autoencoder = defineModel({
  kind: 'convolutional autoencoder',
  version: 1,
  loss(tape, { x }) {
    const { rows, columns, channels } = tape.images;
    const images = reshape(tape, x, [tape.batch, rows, columns, channels]);
    const halved = { kernel: 3, stride: 2, padding: 1 };
    const activation = 'silu';
    const first = conv2d(tape, images, 4, { name: 'first', ...halved, activation });
    const second = conv2d(tape, first, 6, { name: 'second', kernel: 2, activation });
    const third = convTranspose2d(tape, second, 4, { name: 'third', kernel: 2, activation });
    const last = convTranspose2d(tape, third, 1, { name: 'last', ...halved, outputPadding: 1 });
    squaredError(tape, reshape(tape, last, x.tensor.shape), x);
  },
});

test("ten steps of PyTorch's convolutions and transposed convolutions", async ({ device }) => {
  const { rows, columns, learningRate, losses, weights, float32Difference } = golden;
  const count = golden.images.length / (rows * columns);
  const images = { images: Uint8Array.from(golden.images), count, rows, columns };
  const parameters = golden.initial.map(
    ({ name, shape, data }): NamedTensor => ({ name, shape, data: Float32Array.from(data) }),
  );
  const config = { batch: count, epochs: losses.length, learningRate };
  const data = { name: 'golden', train: images, test: images };
  const model = await createTrainer(autoencoder, device, data, config, { parameters });
  const seen: number[] = [];
  await model.train({ onEpoch: ({ train }) => void seen.push(train.loss) });
  const after = await model.parameters();
  model.dispose();

  expect(seen.length).toBe(losses.length);
  const largest = Math.max(...losses);
  for (const [i, loss] of losses.entries()) {
    const tolerance = ROUNDING * float32Difference.losses + 4 * ULP * largest;
    expect(Math.abs(seen[i]! - loss), `loss ${i}: ${seen[i]}, PyTorch ${loss}`).toBeLessThanOrEqual(tolerance);
  }
  expect(after.map(({ name, shape }) => ({ name, shape }))).toEqual(
    weights.map(({ name, shape }) => ({ name, shape })),
  );
  for (const [t, { name, data: expected }] of weights.entries()) {
    const tolerance = ROUNDING * float32Difference.weights[name]! + ULP * Math.max(...expected.map(Math.abs));
    for (const [i, value] of expected.entries()) {
      const got = after[t]!.data[i]!;
      expect(Math.abs(got - value) <= tolerance, `${name}[${i}] is ${got}, PyTorch has ${value} ± ${tolerance}`).toBe(
        true,
      );
    }
  }
});
