import { takeFirst } from '../../src/data/dataset.ts';
import { createDevice } from '../../src/index.ts';
import { Vae } from '../../src/vae/vae.ts';
import type { OpenContender } from './contender.ts';
import { BATCH, HIDDEN, IMAGES, LATENT, LEARNING_RATE } from './task.ts';

/** webgpu-vae as its users have it, but with the images in their own order as the peers get them. */
export function openOurs(adapter: string | undefined): OpenContender {
  return async ({ data }) => {
    const device = await createDevice(adapter ? { adapter } : {});
    const few = { ...data, train: takeFirst(data.train, IMAGES), test: takeFirst(data.test, BATCH) };
    const config = { hidden: HIDDEN, latent: LATENT, batch: BATCH, learningRate: LEARNING_RATE };
    const vae = await Vae.create(device, few, config, { shuffle: false });
    return {
      async train(steps) {
        let last = 0;
        await vae.advance(steps, {
          onChunk: (losses) => {
            const { bce, kld } = losses.at(-1)!;
            last = bce + kld;
          },
        });
        return last;
      },
    };
  };
}
