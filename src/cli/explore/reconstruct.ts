import { writeNpy } from 'webgpu-vae';
import type { ReconstructSettings } from '../explore-command.ts';
import { reconstructions } from '../pictures/index.ts';
import { chooseImages } from './images.ts';
import { drawFrom } from './latents.ts';
import { explore } from './session.ts';
import { afterSteps, pixelShape } from './words.ts';

/** `webgpu-vae reconstruct`: images, encoded and decoded again. @returns 0 */
export function reconstruct(settings: ReconstructSettings): Promise<number> {
  return explore(settings, ['png', 'npy'], async ({ vae, model, format }) => {
    const { images, count, rows, columns, channels = 1, title } = await chooseImages(settings, model);
    const posterior = await vae.encode(images);
    const { seed } = settings;
    const pixels = await vae.decode(seed === undefined ? posterior.mu : drawFrom(posterior, seed));
    const how = seed === undefined ? 'the mean of q(z|x)' : `z ~ q(z|x), seed ${seed}`;
    const content =
      format === 'npy'
        ? writeNpy(pixels, [count, ...pixelShape(vae.images)])
        : reconstructions({
            originals: images,
            reconstructions: pixels,
            rows,
            columns,
            channels,
            title: `Images and their reconstructions${afterSteps(vae.step)}`,
            subtitle: `${title}; decoded from ${how}`,
          });
    return { content, says: `${count} ${title}, reconstructed from ${how}.` };
  });
}
