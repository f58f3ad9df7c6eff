import { writeNpy } from 'webgpu-vae';
import type { SampleSettings } from '../explore-command.ts';
import { imageGrid } from '../pictures/index.ts';
import { drawLatents } from './latents.ts';
import { explore } from './session.ts';
import { afterSteps, pixelShape } from './words.ts';

/** `webgpu-vae sample`: z ~ N(0, I), decoded. @returns 0 */
export function sample(settings: SampleSettings): Promise<number> {
  const { count, seed = 0 } = settings;
  return explore(settings, ['png', 'npy'], async ({ vae, format }) => {
    const { rows, columns, channels } = vae.images;
    const images = await vae.decode(drawLatents(count, vae.config.latent, seed));
    const subtitle = `decoded z ~ N(0, I), seed ${seed}`;
    const content =
      format === 'npy'
        ? writeNpy(images, [count, ...pixelShape(vae.images)])
        : imageGrid({ images, count, rows, columns, channels, title: `Samples${afterSteps(vae.step)}`, subtitle });
    return { content, says: `${count} ${count === 1 ? 'sample' : 'samples'}, seed ${seed}.` };
  });
}
