import fc from 'fast-check';
import { expect, test } from 'playwright/test';
import { CHOICES, DEFAULTS, formatHash, parseHash, type SettingName } from '../../src/app/settings.ts';
import { parseConfig } from '../../src/vae/config.ts';
import { recordFault, times } from './faults.ts';

type Numbers = Exclude<SettingName, 'hidden' | 'channels' | 'sigma' | keyof typeof CHOICES>;

const RANGES: Record<Numbers, [least: number, most: number]> = {
  epochs: [1, 1000],
  learningRate: [1e-7, 10],
  beta: [0, 1e6],
  batch: [1, 4096],
  latent: [1, 64],
  dense: [1, 2048],
  seed: [0, 2 ** 32 - 1],
  betaWarmup: [0, 1e6],
  freeBits: [0, 1e6],
};

const KEYS = [...Object.keys(DEFAULTS), 'config', 'refused'];
/** With the fields in one order. */
const asText = (value: object): string => JSON.stringify(value, KEYS);

/** Plain conditions: of the test runner's own there would be some hundred thousand. */
function mustBeBounded(hash: string): void {
  const must = (holds: boolean, what: string): void => {
    if (!holds) throw new Error(`${JSON.stringify(hash)}: ${what}`);
  };
  const { config, refused } = parseHash(hash);
  must(Object.keys(config).sort().join() === Object.keys(DEFAULTS).sort().join(), 'other settings than there are');
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const value = config[name as keyof typeof RANGES];
    must(value >= least && value <= most, `${name} is ${value}`);
  }
  const { sigma } = config;
  must(sigma === 'learned' || (sigma >= 1e-4 && sigma <= 1e4), `sigma is ${sigma}`);
  for (const [name, choices] of Object.entries(CHOICES))
    must(config[name as keyof typeof CHOICES] in choices, `${name} is another word`);
  must(config.channels.length >= 1 && config.channels.length <= 6, 'channels');
  must(config.hidden.length <= 6 && config.hidden.every((width) => width >= 1 && width <= 2048), 'hidden layers');
  // What a link says is a setting that the engine takes, and the link of that setting says the same. As JSON, for which 0
  // and -0 are one number, as they are for training.
  must(asText(parseConfig(config)) === asText(config), 'the engine takes it otherwise');
  const again = parseHash(formatHash(config));
  must(asText(again) === asText({ config, refused: [] }), `its own link says ${asText(again)}`);
  must(refused.length <= 1000 && refused.every((name) => name.length <= 40), 'a long list of what was refused');
  must(({} as { polluted?: unknown }).polluted === undefined, 'a prototype was changed');
}

test("a link's settings are in their ranges, or the defaults", () => {
  const names = [...Object.keys(DEFAULTS), '__proto__', 'constructor', 'toString', 'polluted', ''];
  const numbers = [
    '0',
    '1',
    '-1',
    '1e999',
    '-0',
    'NaN',
    'Infinity',
    '0x10',
    '1e-320',
    '4294967296',
    ' 7 ',
    '9'.repeat(400),
  ];
  const value = fc.oneof(
    fc.string(),
    fc.constantFrom(...numbers),
    fc.double().map(String),
    fc.array(fc.nat(5000)).map((widths) => widths.join('-')),
  );
  const pair = fc.tuple(fc.constantFrom(...names), value).map(([name, text]) => `${name}=${encodeURIComponent(text)}`);
  const link = fc.array(pair, { maxLength: 12 }).map((pairs) => `#${pairs.join('&')}`);
  const numRuns = times(2000, 50_000);
  fc.assert(fc.property(link, mustBeBounded), { numRuns });
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), mustBeBounded), { numRuns });
  recordFault(test.info(), {
    fault: 'link to the page with random names and values',
    injected: 2 * numRuns,
    outcome: 'each setting is in its range or the default',
    lost: 'nothing',
  });
});

test('a link of a megabyte is not read to its end', () => {
  const { config, refused } = parseHash(`#${'x=1&'.repeat(250_000)}seed=5`);
  expect(config).toEqual(DEFAULTS);
  expect(refused.length).toBeLessThanOrEqual(250);
});

test('what a link may not say is named, and the rest counts', () => {
  const { config, refused } = parseHash('#latent=65&beta=4&hidden=64-2049&seed=7&nonsense=1&epochs=1001&batch=0');
  expect(config).toEqual({ ...DEFAULTS, beta: 4, seed: 7 });
  expect(refused).toEqual(['latent', 'hidden', 'nonsense', 'epochs', 'batch']);
});
