/**
 * `npm run classifier`: trains the classifier that `webgpu-vae eval` compares samples with, and writes it to assets/, rounded to f16.
 * A new one makes numbers that were measured before incomparable: raise its model's version with it.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { createDevice, loadMnist } from '../src/index.ts';
import { readSafetensors, writeSafetensors } from '../src/train/safetensors.ts';
import { createTrainer } from '../src/train/trainer.ts';
import { accuracyOf, digitClassifier, OpenedClassifier } from '../src/vae/evaluation/classifier.ts';

const FOLDER = new URL('../assets/', import.meta.url);
const NAME = 'digit-classifier.safetensors';
const SETTINGS = {
  epochs: 6,
  batch: 100,
  learningRate: 2e-3,
  lrSchedule: 'cosine',
  optimizer: 'adamw',
  weightDecay: 0.05,
  seed: 0,
} as const;

const device = await createDevice();
try {
  const data = await loadMnist();
  const trainer = await createTrainer(digitClassifier, device, data, SETTINGS);
  await trainer.train({
    onEpoch: ({ epoch, test }) => console.log(`epoch ${epoch}: test cross-entropy ${test.loss.toFixed(4)}`),
  });
  const { kind, version } = digitClassifier;
  const metadata = {
    format: 'pt',
    kind,
    version: String(version),
    config: JSON.stringify(SETTINGS),
    adapter: device.info.name,
  };
  const bytes = writeSafetensors(await trainer.parameters(), metadata, 'F16');
  trainer.dispose();
  // What is written, not what was trained, is what eval has.
  const classifier = new OpenedClassifier(device, readSafetensors(bytes).tensors);
  const { logits } = await classifier.look(data.test.images);
  classifier.dispose();
  await mkdir(FOLDER, { recursive: true });
  await writeFile(new URL(NAME, FOLDER), bytes);
  const accuracy = (100 * accuracyOf(logits, data.test.labels!)).toFixed(2);
  console.log(`assets/${NAME}: ${bytes.length} bytes, ${accuracy} % of the test images right`);
} finally {
  device.dispose();
}
