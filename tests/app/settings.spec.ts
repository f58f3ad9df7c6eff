import { expect, test } from 'playwright/test';
import {
  DEFAULTS,
  formatHash,
  formatSetting,
  parseHash,
  parseSetting,
  type SettingName,
} from '../../src/app/settings.ts';
import { parseConfig } from '../../src/vae/config.ts';

test('a setting is taken only when its whole text is valid', () => {
  const refused: [SettingName, string[]][] = [
    ['epochs', ['', ' ', '0', '3000', '1e3', '0x10', '1,000', '1.5', '+5', '-1', '10 20', 'Infinity', '1_0', '٣']],
    ['batch', ['60000', '4097', '0b11', '12.0', '99999999999999999999']],
    ['latent', ['65', '2;3']],
    ['seed', ['4294967296', '-0', '0x1']],
    ['learningRate', ['', '0', '1e-400', '0x1p-3', '1e-8', '10.1', '1,000', '1.0.0', '1,2,3', '.', 'e-3', 'NaN', '1e']],
    ['beta', ['-1', '1e-400', '1000001', '1e7', '0x0', '1,000', '12,345', '1 000', 'Infinity', '1e400']],
    ['hidden', ['512;256', '512-', '0', '2049', '512-256-', '1-2-3-4-5-6-7', '0x10', '5.5', 'a', '99999']],
  ];
  for (const [name, texts] of refused)
    for (const text of texts) expect(parseSetting(name, text), `${name} "${text}"`).toBeUndefined();
});

test('numbers as people write them: a decimal comma, powers of ten, spaces around', () => {
  const taken: [SettingName, string, unknown][] = [
    ['learningRate', '0,001', 0.001],
    ['learningRate', ' 1e-3 ', 0.001],
    ['learningRate', '1E-3', 0.001],
    ['learningRate', ',5', 0.5],
    ['learningRate', '0.0000001', 1e-7],
    ['beta', '0', 0],
    ['beta', '0,000', 0],
    ['beta', '0e-400', 0],
    ['beta', '2,5', 2.5],
    ['beta', '1e6', 1e6],
    ['epochs', '1000', 1000],
    ['seed', '4294967295', 2 ** 32 - 1],
    ['hidden', '512, 256', [512, 256]],
    ['hidden', '512-256', [512, 256]],
    ['hidden', '', []],
  ];
  for (const [name, text, value] of taken) expect(parseSetting(name, text), `${name} "${text}"`).toEqual(value);
});

test('every setting survives a link', () => {
  const given = { epochs: 3, learningRate: 1e-7, beta: 0.25, batch: 4096, latent: 64, hidden: [7, 9], seed: 5 };
  const rare = { likelihood: 'gaussian', sigma: 0.5, binarize: 'dynamic', betaWarmup: 9, freeBits: 0.25 } as const;
  const config = parseConfig({ ...given, ...rare, lrSchedule: 'cosine' });
  expect(parseHash(formatHash(config))).toEqual({ config, refused: [] });
  for (const name of [...Object.keys(given), ...Object.keys(rare)] as SettingName[])
    expect(parseSetting(name, formatSetting(name, config))).toEqual(config[name]);
  expect(parseHash('#epochs=0x10&beta=1e-400&what=1')).toEqual({
    config: DEFAULTS,
    refused: ['epochs', 'beta', 'what'],
  });
});
