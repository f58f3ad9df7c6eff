import type { DataSet, ImageSet } from '../../src/data/dataset.ts';
import {
  activation,
  dense,
  layerNorm,
  reparameterize,
  softmaxCrossEntropy,
  squaredError,
  type Tape,
  type Value,
} from '../../src/nn/index.ts';
import { createTrainer, defineModel, readCheckpoint, type Snapshot, writeCheckpoint } from '../../src/train/index.ts';
import { expect, test } from '../support/fixtures.ts';

function setOf(count: number): ImageSet {
  const images = Uint8Array.from({ length: count * 12 }, (_, i) => (i * 53) % 256);
  return { images, labels: Uint8Array.from({ length: count }, (_, i) => i % 4), count, rows: 3, columns: 4 };
}

const data: DataSet = { name: 'models', train: setOf(60), test: setOf(20) };
const config = { batch: 8, epochs: 2 };

const logits = (tape: Tape, x: Value) =>
  dense(tape, layerNorm(tape, dense(tape, x, 6, { name: 'hidden', activation: 'relu' }), { name: 'norm' }), 4, {
    name: 'logits',
  });

const classifier = defineModel({
  kind: 'classifier',
  version: 1,
  loss: (tape, { x, labels }) => softmaxCrossEntropy(tape, logits(tape, x), labels),
  views: {
    classify: { run: (tape, x) => ({ logits: logits(tape, x) }) },
    codes: { shape: () => [6], run: (tape, h) => ({ out: activation(tape, h, 'tanh') }) },
  },
});

test("a model of one's own goes on from its checkpoint file with the same bits, and other models refuse it", async ({
  device,
}) => {
  const whole = await createTrainer(classifier, device, data, config);
  await whole.train();
  const begun = await createTrainer(classifier, device, data, config);
  await begun.train({ steps: 5 });
  const file = writeCheckpoint(await begun.snapshot());
  const snapshot = readCheckpoint(classifier, file);
  const resumed = await createTrainer(classifier, device, data, {}, { snapshot });
  await resumed.train();
  expect(await resumed.parameters()).toEqual(await whole.parameters());
  expect(resumed.history.map(({ test: losses }) => losses)).toEqual(whole.history.map(({ test: losses }) => losses));

  const other = defineModel({ kind: 'other', version: 1, loss: classifier.loss });
  expect(() => readCheckpoint(other, file)).toThrow(
    'it is of the model "classifier", version 1, expected "other", version 1',
  );
  await expect(createTrainer(other, device, data, {}, { snapshot })).rejects.toThrow(
    'the checkpoint is of the model classifier',
  );
  const renamed = defineModel({
    kind: 'classifier',
    version: 1,
    loss: (tape, { x, labels }) => softmaxCrossEntropy(tape, logits(tape, x), labels, { term: 'nll' }),
  });
  await expect(createTrainer(renamed, device, data, {}, { snapshot })).rejects.toThrow(
    "the checkpoint's losses are cross_entropy, loss, expected loss, nll",
  );
  // Labels are part of what such a model learns from.
  for (const key of ['train', 'test'] as const) {
    const labels = data[key].labels!.map((label) => (label + 1) % 4);
    const relabelled = { ...data, [key]: { ...data[key], labels } };
    await expect(createTrainer(classifier, device, relabelled, {}, { snapshot })).rejects.toThrow(
      /abelFingerprint differs/,
    );
  }
  for (const model of [whole, begun, resumed]) model.dispose();
});

test('what a caller does with what it was given changes nothing of the model', async ({ device }) => {
  const model = await createTrainer(classifier, device, data, config);
  await model.train({ steps: 8 });
  const taken = await model.snapshot();
  taken.parameters[0]!.data.fill(7);
  expect(model.lastSnapshot.parameters[0]!.data).not.toEqual(taken.parameters[0]!.data);
  expect(() => Object.assign(model.history[0]!.test, { loss: -1 })).toThrow(TypeError);
  const parameters = await model.parameters();
  const next = await createTrainer(classifier, device, data, config, { parameters });
  parameters[0]!.data.fill(7);
  expect(next.lastSnapshot.parameters[0]!.data).not.toEqual(parameters[0]!.data);
  const from: Snapshot = { ...taken, parameters: await model.parameters() };
  const resumed = await createTrainer(classifier, device, data, {}, { snapshot: from as never });
  from.parameters[0]!.data.fill(7);
  expect(resumed.lastSnapshot.parameters[0]!.data).not.toEqual(from.parameters[0]!.data);
  for (const each of [model, next, resumed]) each.dispose();
});

test('views say what they are for', async ({ device }) => {
  const model = await createTrainer(classifier, device, data, config);
  await expect(model.viewImages('nope' as never, data.test.images)).rejects.toThrow(
    'view: classifier has none that is named nope, expected classify or codes',
  );
  await expect(model.viewImages('codes', data.test.images)).rejects.toThrow(
    'codes: its input has 6 numbers, expected images of 12: use viewTensors',
  );
  const { logits: scores } = await model.viewImages('classify', data.test.images);
  expect(scores).toHaveLength(20 * 4);
  model.dispose();
});

type Loss = (tape: Tape, batch: { x: Value; labels: Value }) => void;

const MISTAKES: [what: string, loss: Loss, message: string][] = [
  [
    'no outputs',
    (tape, { x }) => squaredError(tape, dense(tape, x, 0, { name: 'a' }), x),
    'dense: a has 0 outputs, expected a whole number from 1',
  ],
  [
    'an activation that dense layers have not',
    (tape, { x }) => squaredError(tape, dense(tape, x, 12, { name: 'a', activation: 'tanh' as never }), x),
    'dense: a has the activation tanh, expected none, relu, sigmoid',
  ],
  [
    'an activation that there is not',
    (tape, { x }) => squaredError(tape, activation(tape, dense(tape, x, 12, { name: 'a' }), 'swish' as never), x),
    'activation: got swish, expected one of relu',
  ],
  [
    'heads that cannot be halved',
    (tape, { x }) => void reparameterize(tape, dense(tape, x, 3, { name: 'a' })),
    'reparameterize: a output has 3 columns, expected 2 L',
  ],
  [
    'free bits below 0',
    (tape, { x }) => void reparameterize(tape, dense(tape, x, 4, { name: 'a' }), { freeBits: -1 }),
    'reparameterize: freeBits is -1, expected nats from 0',
  ],
  [
    'a weight that is no number',
    (tape, { x }) => squaredError(tape, dense(tape, x, 12, { name: 'a' }), x, { weight: Number.NaN }),
    'tape: the weight of squared_error is NaN, expected a finite number',
  ],
  [
    'a target that has parameters',
    (tape, { x }) => squaredError(tape, dense(tape, x, 3, { name: 'a' }), dense(tape, x, 3, { name: 'b' })),
    'squaredError: x is b output, which is computed from parameters, expected a constant',
  ],
  [
    'two parts of one name',
    (tape, { x }) => {
      const parts = [
        { name: 'p', rows: 6 },
        { name: 'p', rows: 6 },
      ];
      squaredError(tape, dense(tape, x, 12, { name: 'a', parts }), x);
    },
    'parameters: two are named p.weight, expected names that differ',
  ],
  [
    'one name for two layers',
    (tape, { x }) => squaredError(tape, dense(tape, dense(tape, x, 5, { name: 'a' }), 12, { name: 'a' }), x),
    'tape: a has weight (12, 5), bias (12), it was weight (5, 12), bias (5): give it another name',
  ],
  ['no loss', () => {}, 'its loss has no term, expected at least one'],
];

for (const [what, loss, message] of MISTAKES) {
  test(`a model with ${what} is refused`, async ({ device }) => {
    const before = device.allocatedBytes;
    const model = defineModel({ kind: 'mistaken', version: 1, loss });
    await expect(createTrainer(model, device, data, config)).rejects.toThrow(message);
    expect(device.allocatedBytes).toBe(before);
  });
}

test('labels that are no numbers of classes are refused', async ({ device }) => {
  for (const labels of [new Float64Array(60).fill(0.5), new Float64Array(60).fill(Number.NaN)]) {
    const wrong = { ...data, train: { ...data.train, labels: labels as never } };
    await expect(createTrainer(classifier, device, wrong, config)).rejects.toThrow(
      /has the label (0\.5|NaN), expected whole numbers/,
    );
  }
  const { labels: _, ...unlabelled } = data.train;
  await expect(createTrainer(classifier, device, { ...data, train: unlabelled }, config)).rejects.toThrow(
    'got no labels',
  );
});
