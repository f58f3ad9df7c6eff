import type { ImageSet } from '../../data/dataset.ts';
import { NOISE_STREAMS } from '../../kernels/reparameterize.ts';
import { philoxInto } from '../../nn/random.ts';

/** How images are looked at: grey as they are, or with pixels 0 or 1, drawn with the grey levels as probabilities. */
export type Binarization =
  | { how: 'none' }
  /** Every image drawn once, as training's own evaluation draws them: `seed` is the model's. */
  | { how: 'dynamic'; seed: number }
  /** The same drawing for every model that is measured with this seed. */
  | { how: 'static'; seed: number };

/** Images of an evaluation's step, see src/train/evaluator.ts. */
const STEP = 500;

/**
 * The images with pixels of 0 or 255, or as they are. Pixel d of an image is 255 where u < byte / 255, with u from Philox's counter, as
 * in shaders/gather_binarized.wgsl: (row ⌈D / 4⌉ + ⌊d / 4⌋, step, stream, 0), row and step those of batches of 500 if `dynamic`, of one
 * batch of all if `static`.
 */
export function binarized(set: ImageSet, by: Binarization): ImageSet {
  if (by.how === 'none') return set;
  const isStatic = by.how === 'static';
  const { images, count } = set;
  const D = images.length / count;
  const stream = isStatic ? NOISE_STREAMS.binarizeStatic : NOISE_STREAMS.binarizeEvaluation;
  const drawn = new Uint8Array(images.length);
  const words = new Uint32Array(4);
  const perImage = Math.ceil(D / 4);
  for (let image = 0; image < count; image++) {
    const [row, step] = isStatic ? [image, 0] : [image % STEP, Math.floor(image / STEP)];
    for (let part = 0; part < perImage; part++) {
      philoxInto(words, row * perImage + part, step, stream, by.seed);
      for (let i = 0; i < 4 && 4 * part + i < D; i++) {
        const at = image * D + 4 * part + i;
        // (w >> 8) 255 < byte 2^24, which is exact.
        if ((words[i]! >>> 8) * 255 < images[at]! * 2 ** 24) drawn[at] = 255;
      }
    }
  }
  return { ...set, images: drawn };
}
