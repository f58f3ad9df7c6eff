/**
 * `npm run verify:bound -- <model> [images] [samples]`: the importance-weighted bound of a trained model's first test images (MNIST, grey) on
 * the GPU, and in float64 on the CPU from the formulas with the same noise; prints both.
 */

import { STREAMS, standardNormal } from '../src/check/reference/random.ts';
import { importanceBound, logWeights } from '../src/check/reference/vae.ts';
import { findModel } from '../src/cli/open-model.ts';
import { createDevice, loadMnist, takeFirst } from '../src/index.ts';
import { imagesPerStep, measureBound } from '../src/vae/evaluation/bound.ts';

const [path = '', images = '10', samples = '1000'] = process.argv.slice(2);
const [N, K] = [Number(images), Number(samples)];
const model = await findModel(path);
const { test } = await loadMnist();
const set = takeFirst(test, N);
const device = await createDevice();
const { nll } = await measureBound(device, model, set, { samples: K });
device.dispose();

const { latent: L, seed } = model.config;
const parameters = new Map(model.parameters.map(({ name, data }) => [name, data]));
const batch = Math.min(imagesPerStep(K), N);
const D = set.rows * set.columns;
let sum = 0;
for (let i = 0; i < N; i++) {
  const [step, row] = [Math.floor(i / batch), i % batch];
  const eps = Float64Array.from(
    { length: K * L },
    (_, at) => standardNormal(row * K * L + at, step, STREAMS.evaluate, seed).value,
  );
  const x = Float64Array.from(set.images.subarray(i * D, (i + 1) * D), (byte) => byte / 255);
  sum += importanceBound(logWeights(model.config, parameters, x, eps)) / N;
}
console.log(
  `${N} images, ${K} samples: ${nll.toFixed(5)} on ${device.info.name}, ${sum.toFixed(5)} in float64, ${Math.abs(nll - sum).toExponential(1)} apart`,
);
