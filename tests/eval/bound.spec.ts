/** What `eval` measures on the GPU, against float64 written from the formulas, with the same noise. */
import { testValues } from '../../src/check/check.ts';
import { binarizedPixel, STREAMS, standardNormal } from '../../src/check/reference/random.ts';
import { importanceBound, logWeights } from '../../src/check/reference/vae.ts';
import type { ImageSet } from '../../src/data/dataset.ts';
import { initialParameters } from '../../src/nn/parameters.ts';
import { settle } from '../../src/train/model.ts';
import { parseConfig, type VaeConfig } from '../../src/vae/config.ts';
import { imagesPerStep, measureBound } from '../../src/vae/evaluation/bound.ts';
import { binarized } from '../../src/vae/evaluation/pixels.ts';
import { vae } from '../../src/vae/model.ts';
import { expect, test } from '../support/fixtures.ts';

function imagesOf(count: number, side: number): ImageSet {
  const images = Uint8Array.from(testValues(count * side * side, 71), (value) => Math.max(0, 255 * value));
  return { images, count, rows: side, columns: side };
}

function modelOf(given: Partial<VaeConfig>, side: number) {
  const config = parseConfig({ seed: 5, ...given });
  const images = { rows: side, columns: side, channels: 1, classes: 0 };
  return { config, images, parameters: initialParameters(settle(vae, config, images).table, config.seed) };
}

for (const { title, given, side, images, samples } of [
  {
    title: 'several images in a step, and a rest',
    given: { hidden: [9], latent: 3 },
    side: 4,
    images: 337,
    samples: 6,
  },
  { title: 'the size of the default model', given: {}, side: 28, images: 2, samples: 70 },
  {
    title: 'tanh, one image in a step',
    given: { hidden: [8, 8], latent: 4, activation: 'tanh' },
    side: 4,
    images: 2,
    samples: 600,
  },
  { title: 'one sample', given: { hidden: [9], latent: 2 }, side: 4, images: 5, samples: 1 },
] as const) {
  test(`the importance-weighted bound is that of float64 with the same noise: ${title}`, async ({ device }) => {
    const model = modelOf(given as Partial<VaeConfig>, side);
    const set = imagesOf(images, side);
    const { nll, standardError } = await measureBound(device, model, set, { samples });
    const parameters = new Map(model.parameters.map(({ name, data }) => [name, data]));
    const L = model.config.latent;
    const batch = Math.min(imagesPerStep(samples), images);
    const bounds = Array.from({ length: images }, (_, i) => {
      const [step, row] = [Math.floor(i / batch), i % batch];
      const eps = Array.from(
        { length: samples * L },
        (_unused, at) => standardNormal(row * samples * L + at, step, STREAMS.evaluate, 5).value,
      );
      const D = side * side;
      const x = Array.from(set.images.subarray(i * D, (i + 1) * D), (byte) => byte / 255);
      return importanceBound(logWeights(model.config, parameters, x, eps));
    });
    const expected = bounds.reduce((sum, value) => sum + value, 0) / images;
    expect(Math.abs(nll - expected), `${nll} and ${expected}`).toBeLessThanOrEqual(1e-5 * expected);
    const variance = bounds.reduce((sum, value) => sum + (value - expected) ** 2, 0) / (images - 1);
    // Means of many images vary as little as they are many; three steps say that only roughly.
    const ratio = standardError / Math.sqrt(variance / images);
    if (batch === 1) expect(Math.abs(ratio - 1)).toBeLessThan(1e-2);
  });
}

test('a bound has no room for any number of samples', async ({ device }) => {
  const model = modelOf({ hidden: [9] }, 28);
  const refused = async () => measureBound(device, model, imagesOf(1, 28), { samples: 2 ** 24 });
  await expect(refused()).rejects.toThrow(
    /eval: 16777216 samples for an image, the adapter has room for \d+: ask for fewer/,
  );
});

test("pixels are binarized as training's evaluation does, or by a seed of their own", () => {
  const set = imagesOf(502, 3);
  const D = 9;
  for (const how of ['dynamic', 'static'] as const) {
    const { images } = binarized(set, { how, seed: 11 });
    const stream = how === 'static' ? STREAMS.binarizeStatic : STREAMS.binarizeEvaluation;
    for (const image of [0, 1, 499, 500, 501]) {
      const [row, step] = how === 'static' ? [image, 0] : [image % 500, Math.floor(image / 500)];
      for (let d = 0; d < D; d++) {
        const at = image * D + d;
        const expected = 255 * binarizedPixel(set.images[at]!, { row, d, imageSize: D }, step, stream, 11);
        expect(images[at], `${how}, image ${image}, pixel ${d}`).toBe(expected);
      }
    }
  }
  expect(binarized(set, { how: 'none' })).toBe(set);
});
