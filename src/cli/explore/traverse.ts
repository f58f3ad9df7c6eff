import { writeNpy } from 'webgpu-vae';
import type { TraverseSettings } from '../explore-command.ts';
import { animation, strips, subscript } from '../pictures/index.ts';
import { chooseImages } from './images.ts';
import { alongEach, drawLatents } from './latents.ts';
import { type Exploration, explore } from './session.ts';
import { afterSteps, pixelShape, signed } from './words.ts';

/** `webgpu-vae traverse`: each dimension of z on its own from one end to the other, decoded. @returns 0 */
export function traverse(settings: TraverseSettings): Promise<number> {
  const { steps, range } = settings;
  return explore(settings, ['gif', 'png', 'npy'], async (exploration) => {
    const { vae, format } = exploration;
    const { rows, columns, channels } = vae.images;
    const { latent } = vae.config;
    const { z, of } = await begin(settings, exploration);
    const values = Array.from({ length: steps }, (_, i) => range * ((2 * i) / (steps - 1) - 1));
    const images = await vae.decode(alongEach(z, values));
    const picture = {
      images,
      rows,
      columns,
      channels,
      title: `One dimension of z at a time${afterSteps(vae.step)}`,
      subtitle: `from ${signed(-range)} to ${signed(range)}, the others as in ${of}`,
      labels: Array.from({ length: latent }, (_, dim) => `z${subscript(dim + 1)}`),
    };
    const says = `${latent} ${latent === 1 ? 'dimension' : 'dimensions'} from ${signed(-range)} to ${signed(range)}, the others as in ${of}.`;
    if (format === 'npy') return { content: writeNpy(images, [latent, steps, ...pixelShape(vae.images)]), says };
    if (format === 'gif') {
      return { content: animation({ ...picture, steps, ends: [signed(-range), signed(range)] }), says };
    }
    return { content: strips({ ...picture, across: steps, heads: values.map(signed) }), says };
  });
}

/** The z (L) that is changed. */
async function begin(
  settings: TraverseSettings,
  { vae, model }: Exploration<string>,
): Promise<{ z: Float32Array; of: string }> {
  const { seed, images, image } = settings;
  const { latent } = vae.config;
  if (images === undefined && image === undefined) {
    if (seed === undefined) return { z: new Float32Array(latent), of: 'z = 0' };
    return { z: drawLatents(1, latent, seed), of: `a z ~ N(0, I), seed ${seed}` };
  }
  const place = image ?? 0;
  const chosen = await chooseImages({ ...settings, count: place + 1 }, model);
  if (place >= chosen.count) {
    throw new RangeError(
      `--image ${place}: there are ${chosen.count} ${chosen.title}, expected 0 to ${chosen.count - 1}`,
    );
  }
  const { mu } = await vae.encode(chosen.images.subarray(place * vae.imageSize, (place + 1) * vae.imageSize));
  return { z: mu, of: `the mean of q(z|x) of number ${place} of the ${chosen.title}` };
}
