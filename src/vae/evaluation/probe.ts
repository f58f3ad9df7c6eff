import type { DataSet } from '../../data/dataset.ts';
import type { Device } from '../../gpu/device.ts';
import { dense } from '../../nn/dense.ts';
import { softmaxCrossEntropy } from '../../nn/loss.ts';
import { initialParameters, type NamedTensor } from '../../nn/parameters.ts';
import { stopGradient, type Tape, type Value } from '../../nn/tape.ts';
import { imageShapeOf } from '../../train/data.ts';
import { defineModel, settle } from '../../train/model.ts';
import { createTrainer } from '../../train/trainer.ts';
import { encodeHidden } from '../model.ts';
import type { VaeFile } from '../model-file.ts';
import { accuracyOf } from './classifier.ts';

const TRAINING = { batch: 500, epochs: 3, learningRate: 0.02, lrSchedule: 'cosine' } as const;

/**
 * How well a linear classifier tells the classes from μ: test accuracy of softmax regression on μ, each dimension divided by its standard
 * deviation, trained on the training images with Adam. The encoder stands before it and is not trained.
 *
 * @param scale.mean and scale.variance of μ over the training images (L)
 * @param onProgress told how far the training is, 0 to 1
 */
export async function probeAccuracy(
  device: Device,
  { config, parameters }: Pick<VaeFile, 'config' | 'parameters'>,
  data: DataSet,
  scale: { mean: Float64Array; variance: Float64Array },
  onProgress: (part: number) => void = () => {},
): Promise<number> {
  const { latent } = config;
  const logits = (tape: Tape, x: Value): Value => {
    const mu = dense(tape, encodeHidden(tape, x, config), latent, { name: 'mu' });
    return dense(tape, stopGradient(mu), tape.images.classes, { name: 'probe' });
  };
  const definition = defineModel({
    kind: 'vae probe',
    version: 1,
    loss: (tape, { x, labels }) => softmaxCrossEntropy(tape, logits(tape, x), labels),
    views: { classify: { run: (tape, x) => ({ logits: logits(tape, x) }) } },
  });
  const { table } = settle(definition, TRAINING, imageShapeOf(data.train));
  const own = initialParameters(table, 0).filter(({ name }) => name.startsWith('probe.'));
  const frozen = parameters.filter(({ name }) => name.startsWith('encoder.'));
  const trainer = await createTrainer(definition, device, data, TRAINING, {
    parameters: [...frozen, ...standardized(parameters, latent, scale), ...own],
  });
  try {
    const { steps } = trainer;
    await trainer.advance(steps, { onChunk: () => onProgress(trainer.step / steps) });
    const { logits: scores } = await trainer.viewImages('classify', data.test.images);
    return accuracyOf(scores!, data.test.labels!);
  } finally {
    trainer.dispose();
  }
}

/** The layer of μ such that it gives (μ − mean) / √variance. */
function standardized(
  parameters: readonly NamedTensor[],
  latent: number,
  { mean, variance }: { mean: Float64Array; variance: Float64Array },
): NamedTensor[] {
  const weight = parameters.find(({ name }) => name === 'mu.weight')!;
  const bias = parameters.find(({ name }) => name === 'mu.bias')!;
  const inputs = weight.data.length / latent;
  // A dimension that does not move stays as it is.
  const factor = variance.map((value) => (value > 1e-12 ? 1 / Math.sqrt(value) : 1));
  return [
    { ...weight, data: weight.data.map((value, i) => value * factor[Math.floor(i / inputs)]!) },
    { ...bias, data: bias.data.map((value, j) => (value - mean[j]!) * factor[j]!) },
  ];
}
