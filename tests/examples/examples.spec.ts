import { loadMnist } from '#host';
import { run as trainAutoencoder } from '../../examples/autoencoder.ts';
import { run as trainClassifier } from '../../examples/classifier.ts';
import { check, run as trainOwn } from '../../examples/own-operation.ts';
import { expect, test } from '../support/fixtures.ts';

// On all of MNIST, by way of the package's public interface.

test('the classifier reads at least 97.5 % of the test images after three epochs', async () => {
  const { accuracy } = await trainClassifier();
  expect(accuracy).toBeGreaterThanOrEqual(0.975);
  // More would say that it has seen them.
  expect(accuracy).toBeLessThan(0.99);
});

/** Of the test images from the mean of the training images, summed over the pixels. */
async function errorOfMeanImage(): Promise<number> {
  const { train, test: images } = await loadMnist();
  const D = train.rows * train.columns;
  const mean = new Float64Array(D);
  for (const [i, level] of train.images.entries()) mean[i % D]! += level / 255 / train.count;
  let sum = 0;
  for (const [i, level] of images.images.entries()) sum += (level / 255 - mean[i % D]!) ** 2;
  return sum / images.count;
}

test('the autoencoder leaves less than a third of the squared error of the mean image', async () => {
  const { error } = await trainAutoencoder(1);
  const mean = await errorOfMeanImage();
  expect(error).toBeLessThan(mean / 3);
  // 32 numbers cannot keep nearly everything.
  expect(error).toBeGreaterThan(mean / 20);
});

test("an operation of one's own has the gradient of its formula, and trains", async () => {
  const report = await check();
  expect(report.ok, report.message).toBe(true);
  // Output and gradient, alone and shared.
  expect(report.elements).toBe(4 * 5 * 7);
  const { bce } = await trainOwn(1);
  // A code of 64 numbers keeps more than the VAE's two; grey images have an entropy of 45.5.
  expect(bce).toBeLessThan(110);
  expect(bce).toBeGreaterThan(45.5);
});
