import type { Losses, VaeConfig } from 'webgpu-vae';
import { type NamedTensor, readParameters, readSafetensors } from 'webgpu-vae';
import { layersOf, settingsOf } from './model-file.ts';

/** Made by `npm run page:example`. */
const FILE = new URL('./example.safetensors', import.meta.url);
const POINTS = 'example.points';

/** A small model that has learned MNIST already: something to see before there are data, a GPU and patience. */
export interface Example {
  parameters: NamedTensor[];
  config: Partial<VaeConfig>;
  /** Of its images, pixels. */
  imageSize: number;
  /** (n, 2) f32: the means μ of the first test images. */
  mu: Float32Array;
  /** (n): their digits. */
  labels: Uint8Array;
  /** Over MNIST's test images. */
  test: Losses;
}

/** @throws TypeError when the file cannot be fetched, SafetensorsError when it is another */
export async function loadExample(): Promise<Example> {
  const response = await fetch(FILE);
  if (!response.ok) throw new TypeError(`fetch the example: expected ${FILE}, got status ${response.status}: reload`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const { metadata } = readSafetensors(bytes);
  const all = readParameters(bytes);
  const parameters = all.filter(({ name }) => name !== POINTS);
  const { hidden, latent, imageSize } = layersOf(parameters);
  const points = all.find(({ name }) => name === POINTS)?.data ?? new Float32Array(0);
  const count = points.length / 3;
  return {
    parameters,
    config: { ...settingsOf(metadata), hidden, latent },
    imageSize,
    mu: Float32Array.from({ length: 2 * count }, (_, i) => points[3 * (i >> 1) + (i & 1)]!),
    labels: Uint8Array.from({ length: count }, (_, i) => points[3 * i + 2]!),
    test: JSON.parse(metadata.test ?? '{}') as Losses,
  };
}
