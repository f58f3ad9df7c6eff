import { writeNpy } from 'webgpu-vae';
import { normalNumbers } from 'webgpu-vae/nn';
import type { InterpolateSettings } from '../explore-command.ts';
import { animation, strips } from '../pictures/index.ts';
import { chooseImages } from './images.ts';
import { between, drawLatents, everyRow } from './latents.ts';
import { type Exploration, explore } from './session.ts';
import { afterSteps, pixelShape } from './words.ts';

/** `webgpu-vae interpolate`: straight lines between pairs of z, decoded. @returns 0 */
export function interpolate(settings: InterpolateSettings): Promise<number> {
  const { steps } = settings;
  return explore(settings, ['png', 'gif', 'npy'], async (exploration) => {
    const { vae, format } = exploration;
    const { latent } = vae.config;
    const { z, of } = await endpoints(settings, exploration);
    const pairs = z.length / (2 * latent);
    const ends = [everyRow(z, latent, 0, 2), everyRow(z, latent, 1, 2)] as const;
    const images = await vae.decode(between(...ends, latent, steps));
    const { rows, columns, channels } = vae.images;
    const picture = {
      images,
      rows,
      columns,
      channels,
      title: `From one z to another${afterSteps(vae.step)}`,
      subtitle: `straight lines between ${of}`,
    };
    const says = `${pairs} ${pairs === 1 ? 'pair' : 'pairs'}, ${steps} steps between ${of}.`;
    if (format === 'npy') return { content: writeNpy(images, [pairs, steps, ...pixelShape(vae.images)]), says };
    if (format === 'gif') return { content: animation({ ...picture, steps, ends: ['first', 'second'] }), says };
    return { content: strips({ ...picture, across: steps }), says };
  });
}

/** (2 pairs, L): where each line begins and ends. */
async function endpoints(
  settings: InterpolateSettings,
  { vae, model }: Exploration<string>,
): Promise<{ z: Float32Array; of: string }> {
  const { pairs, seed } = settings;
  const { latent } = vae.config;
  if (settings.images === undefined) {
    return { z: drawLatents(2 * pairs, latent, seed ?? 0), of: `pairs of z ~ N(0, I), seed ${seed ?? 0}` };
  }
  const chosen = await chooseImages({ ...settings, count: seed === undefined ? 2 * pairs : undefined }, model);
  if (chosen.count < 2)
    throw new RangeError(`interpolate: expected two images or more, got ${chosen.count}: give a folder of them`);
  const { mu } = await vae.encode(chosen.images);
  const places = seed === undefined ? [...Array(chosen.count).keys()] : shuffled(chosen.count, seed);
  const used = places.slice(0, 2 * Math.min(pairs, Math.floor(chosen.count / 2)));
  const z = Float32Array.from(used.flatMap((place) => [...mu.subarray(place * latent, (place + 1) * latent)]));
  return { z, of: `the means of q(z|x) of pairs of ${chosen.title}` };
}

function shuffled(count: number, seed: number): number[] {
  const keys = normalNumbers(count, seed);
  return [...keys.keys()].sort((a, b) => keys[a]! - keys[b]! || a - b);
}
