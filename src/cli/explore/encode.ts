import { writeNpy } from 'webgpu-vae';
import type { EncodeSettings } from '../explore-command.ts';
import type { ChosenImages } from './images.ts';
import { chooseImages } from './images.ts';
import { drawFrom } from './latents.ts';
import { explore } from './session.ts';

/** `webgpu-vae encode`: μ and log σ² of images. @returns 0 */
export function encode(settings: EncodeSettings): Promise<number> {
  return explore(settings, ['csv', 'npy'], async ({ vae, model, format }) => {
    const chosen = await chooseImages(settings, model);
    const posterior = await vae.encode(chosen.images);
    const { latent } = vae.config;
    const z = settings.seed === undefined ? undefined : drawFrom(posterior, settings.seed);
    const content =
      format === 'npy'
        ? writeNpy(z ?? posterior.mu, [chosen.count, latent])
        : table(chosen, latent, { mu: posterior.mu, logvar: posterior.logvar, ...(z && { z }) });
    return {
      content,
      says: `${chosen.count} ${chosen.title}, ${latent} ${latent === 1 ? 'dimension' : 'dimensions'}.`,
    };
  });
}

/** A row for each image; numbers as short as f32 can be written. */
function table(
  { count, labels, files, classNames }: ChosenImages,
  latent: number,
  values: Record<string, Float32Array>,
): string {
  const named = Object.entries(values);
  const header = [
    'image',
    ...(files ? ['file'] : []),
    ...(labels ? ['label'] : []),
    ...(labels && classNames ? ['class'] : []),
    ...named.flatMap(([name]) => Array.from({ length: latent }, (_, dim) => `${name}_${dim + 1}`)),
  ];
  const lines = Array.from({ length: count }, (_, i) =>
    [
      i,
      ...(files ? [quoted(files[i]!)] : []),
      ...(labels ? [labels[i]!] : []),
      ...(labels && classNames ? [quoted(classNames[labels[i]!] ?? '')] : []),
      ...named.flatMap(([, rows]) => Array.from(rows.subarray(i * latent, (i + 1) * latent), shortest)),
    ].join(','),
  );
  return `${[header.join(','), ...lines].join('\n')}\n`;
}

/** The fewest digits that make the same f32 again. */
function shortest(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(9)));
}

/** As RFC 4180 has it. */
function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
