import { expect, test } from 'playwright/test';
import { writeSafetensors } from '../../src/train/safetensors.ts';
import { readVae } from '../../src/vae/model-file.ts';
import { vaeFile } from '../support/vae-file.ts';

const SIZE = { rows: 5, columns: 7 };

test('a model of a run says its settings; weights alone are measured', () => {
  const given = { hidden: [6, 4], latent: 3, beta: 2 };
  const own = readVae(vaeFile(given, SIZE));
  expect(own).toMatchObject({ config: given, images: SIZE, step: 5, data: 'MNIST', notices: [] });
  const square = readVae(vaeFile(given, { rows: 6, columns: 6 }, { config: false }));
  expect(square.config).toMatchObject({ hidden: [6, 4], latent: 3, beta: 1 });
  expect(square).toMatchObject({ images: { rows: 6, columns: 6 }, step: undefined, data: undefined });
  expect(() => readVae(vaeFile(given, SIZE, { config: false }))).toThrow(/35 pixels, which is no square/);
});

test('a file of another model, and settings that are none', () => {
  const other = [{ name: 'hidden.0.weight', shape: [1, 1], data: new Float32Array(1) }];
  expect(() => readVae(writeSafetensors(other, {}))).toThrow(/expected tensors mu\.weight and encoder\.0\.weight/);
  const weights = [{ name: 'mu.weight', shape: [2, 4], data: new Float32Array(8) }];
  for (const [config, says] of [
    ['{', /is not JSON/],
    ['[]', /is not an object/],
    ['{"rows":3,"columns":3}', /3 x 3 pixels, its first layer takes 4/],
    ['{"rows":2,"columns":2,"imageChannels":3}', /2 x 2 x 3 pixels, its first layer takes 4/],
    ['{"rows":2,"columns":2,"imageChannels":2}', /2 x 2 x 2 pixels, its first layer takes 4/],
    ['{"rows":2,"columns":2,"latent":2,"wings":1}', /wings/],
  ] as const) {
    expect(() => readVae(writeSafetensors(weights, { config }))).toThrow(says);
  }
});
