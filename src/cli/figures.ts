/** The pictures of a run: what each shows and what it is called; `pictures/` draws them. */
import { type DataSet, type EpochResult, elboOf, imageLength, type Vae } from 'webgpu-vae';
import { imageGrid, latentScatter, lossCurve, manifold, manifoldGrid, reconstructions } from './pictures/index.ts';
import type { RunFolder } from './run-folder.ts';

/** Test images in each `recon_epoch_<n>.png`. */
const RECONSTRUCTED = 16;
const SAMPLES = 64;
/** The same z in every run, so that runs can be compared. */
const SAMPLE_SEED = 0;
/** Images along each side of the manifold. */
const MANIFOLD_SIDE = 20;

/** What the pictures are made from, and where they go. */
export interface FigureSource {
  vae: Vae;
  data: DataSet;
  folder: RunFolder;
  /** Every epoch so far. */
  results: EpochResult[];
  /** Steps that the model was trained for, if they are not the run's. */
  step?: number;
}

/** `recon_epoch_<n>.png` for the last epoch, with the first test images, and `loss_curve.png` so far. */
export async function writeEpochFigures({ vae, data, folder, results }: FigureSource): Promise<void> {
  const { images, count, rows, columns, channels = 1 } = data.test;
  const { epoch, test } = results.at(-1)!;
  const { term, reconstruction } = elboOf(test);
  const originals = images.subarray(0, Math.min(RECONSTRUCTED, count) * imageLength(data.test));
  const { mu } = await vae.encode(originals);
  const picture = reconstructions({
    originals,
    reconstructions: await vae.decode(mu),
    rows,
    columns,
    channels,
    title: `Test images and their reconstructions after epoch ${epoch}`,
    subtitle: `decoded from the mean of q(z|x); ${term.toUpperCase()} over the whole test set: ${reconstruction.toFixed(2)} nats per image`,
  });
  await folder.write(`recon_epoch_${epoch}.png`, picture);
  await folder.write('loss_curve.png', lossCurve(results));
}

/** `loss_curve.png`, `samples.png`, `latent_2d.png` and, for two latents, `manifold.png`, of the model as it is now. */
export async function writeFinalFigures({ vae, data, folder, results, step = vae.step }: FigureSource): Promise<void> {
  const { images, labels, rows, columns, channels = 1 } = data.test;
  const { latent } = vae.config;
  const after = `after ${step} ${step === 1 ? 'step' : 'steps'}`;
  await folder.write('loss_curve.png', lossCurve(results));

  const samples = imageGrid({
    images: await vae.sample(SAMPLES, SAMPLE_SEED),
    count: SAMPLES,
    rows,
    columns,
    channels,
    title: `Samples ${after}`,
    subtitle: 'decoded z ~ N(0, I)',
  });
  await folder.write('samples.png', samples);

  const { mu } = await vae.encode(images);
  await folder.write('latent_2d.png', latentScatter({ mu, latent, labels, classNames: data.classNames }));

  if (latent !== 2) return;
  const sheet = manifold({
    images: await vae.decode(manifoldGrid(MANIFOLD_SIDE).z),
    n: MANIFOLD_SIDE,
    rows,
    columns,
    channels,
    title: `The decoded latent plane ${after}`,
    subtitle: 'cells of equal probability under N(0, I)',
  });
  await folder.write('manifold.png', sheet);
}
