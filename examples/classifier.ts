/** A classifier of digits: 784-256-128-10 with cross-entropy on the labels. `npm run example -- classifier` */
import { createDevice, loadMnist } from 'webgpu-vae';
import { dense, denseStack, softmaxCrossEntropy, type Tape, type Value } from 'webgpu-vae/nn';
import { createTrainer, defineModel } from 'webgpu-vae/train';

const logits = (tape: Tape, x: Value): Value =>
  dense(tape, denseStack(tape, x, [256, 128], 'hidden'), tape.images.classes, { name: 'logits' });

export const classifier = defineModel({
  kind: 'classifier',
  version: 1,
  loss: (tape, { x, labels }) => softmaxCrossEntropy(tape, logits(tape, x), labels),
  views: { classify: { run: (tape, x) => ({ logits: logits(tape, x) }) } },
});

export async function run(epochs = 3): Promise<{ accuracy: number }> {
  const device = await createDevice();
  try {
    const data = await loadMnist();
    const model = await createTrainer(classifier, device, data, { epochs, learningRate: 3e-3, lrSchedule: 'cosine' });
    await model.train({
      onEpoch: ({ epoch, test }) => console.log(`epoch ${epoch}: cross-entropy ${test.loss.toFixed(3)}`),
    });
    const { images, labels, count } = data.test;
    const { logits: scores } = await model.viewImages('classify', images);
    const classes = scores!.length / count;
    let right = 0;
    for (let i = 0; i < count; i++) {
      const own = scores!.subarray(i * classes, (i + 1) * classes);
      if (own.indexOf(Math.max(...own)) === labels![i]) right++;
    }
    model.dispose();
    return { accuracy: right / count };
  } finally {
    device.dispose();
  }
}
