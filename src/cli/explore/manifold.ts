import { writeNpy } from 'webgpu-vae';
import { UsageError } from '../errors.ts';
import type { ManifoldSettings } from '../explore-command.ts';
import { manifold as drawManifold, manifoldGrid } from '../pictures/index.ts';
import { drawLatents, onPlane } from './latents.ts';
import { explore } from './session.ts';
import { afterSteps, pixelShape } from './words.ts';

/** `webgpu-vae manifold`: a plane of z, decoded at cells of equal probability. @returns 0 */
export function manifold(settings: ManifoldSettings): Promise<number> {
  const { side, dims, seed } = settings;
  return explore(settings, ['png', 'npy'], async ({ vae, model, format }) => {
    const { rows, columns, channels } = vae.images;
    const { latent } = vae.config;
    if (Math.max(...dims) > latent) {
      const remedy = latent < 2 ? 'use traverse' : 'name others with --dims';
      throw new UsageError(`--dims ${dims}: ${model.path} has ${latent} dimensions of z: ${remedy}`);
    }
    const base = seed === undefined ? new Float32Array(latent) : drawLatents(1, latent, seed);
    const z = onPlane(base, manifoldGrid(side).z, [dims[0] - 1, dims[1] - 1]);
    const images = await vae.decode(z);
    const others =
      latent === 2 ? '' : `; the other dimensions ${seed === undefined ? 'are 0' : `as drawn with seed ${seed}`}`;
    const content =
      format === 'npy'
        ? writeNpy(images, [side, side, ...pixelShape(vae.images)])
        : drawManifold({
            images,
            n: side,
            rows,
            columns,
            channels,
            dims,
            title: `The decoded latent plane${afterSteps(vae.step)}`,
            subtitle: `cells of equal probability under N(0, I)${others}`,
          });
    return { content, says: `${side} x ${side} images${others}.` };
  });
}
