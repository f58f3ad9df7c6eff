/** An autoencoder with squared error: 784-128-32 and back, on all of MNIST. `npm run example -- autoencoder` */
import { createDevice, loadMnist } from 'webgpu-vae';
import { dense, denseStack, squaredError } from 'webgpu-vae/nn';
import { createTrainer, defineModel } from 'webgpu-vae/train';

export const autoencoder = defineModel({
  kind: 'autoencoder',
  version: 1,
  loss(tape, { x }) {
    const code = dense(tape, denseStack(tape, x, [128], 'encoder'), 32, { name: 'code' });
    const hidden = denseStack(tape, code, [128], 'decoder');
    squaredError(tape, dense(tape, hidden, x.tensor.shape[1]!, { name: 'pixels' }), x);
  },
});

export async function run(epochs = 3): Promise<{ error: number }> {
  const device = await createDevice();
  try {
    const model = await createTrainer(autoencoder, device, await loadMnist(), { epochs });
    await model.train({
      onEpoch: ({ epoch, test }) => console.log(`epoch ${epoch}: squared error ${test.loss.toFixed(2)}`),
    });
    const { loss } = await model.evaluate();
    model.dispose();
    return { error: loss };
  } finally {
    device.dispose();
  }
}
