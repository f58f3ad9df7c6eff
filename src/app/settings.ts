import { parseConfig, type VaeConfig } from 'webgpu-vae';
import { F32_MIN } from 'webgpu-vae/train';

/** The value that a whole text stands for, or undefined. */
type Parser<T> = (text: string) => T | undefined;

/** Digits only: a whole number is not written as 1e3, 0x10 or 1,000. */
function whole(min: number, max: number): Parser<number> {
  return (text) => {
    if (!/^\d{1,15}$/.test(text)) return undefined;
    const value = Number(text);
    return value >= min && value <= max ? value : undefined;
  };
}

const DECIMAL = /^(\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?$/i;
/** 1,000 may be one or a thousand. */
const AMBIGUOUS = /^[1-9]\d{0,2}(,\d{3})+$/;

/** With a point or a comma before the decimals, and a power of ten if need be. */
function decimal(min: number, max: number): Parser<number> {
  return (text) => {
    const [, mantissa] = DECIMAL.exec(text) ?? [];
    if (mantissa === undefined || AMBIGUOUS.test(text)) return undefined;
    const value = Number(text.replace(',', '.'));
    // What f32 cannot tell from 0 is not what 1e-40 says.
    if (value < F32_MIN && /[1-9]/.test(mantissa)) return undefined;
    return value >= min && value <= max ? value : undefined;
  };
}

const width = whole(1, 2048);

function widths(text: string): number[] | undefined {
  if (text === '') return [];
  if (!/^\d+([-, ]+\d+){0,5}$/.test(text)) return undefined;
  const values = text.split(/[-, ]+/).map((each) => width(each));
  return values.every((value) => value !== undefined) ? values : undefined;
}

function channels(text: string): number[] | undefined {
  const values = widths(text);
  return values && values.length > 0 ? values : undefined;
}

/** One of a few words. */
function oneOf<T extends string>(values: readonly T[]): Parser<T> {
  return (text) => values.find((value) => value === text);
}

const fromZero = decimal(0, 1e6);

type UsualSettingName = 'epochs' | 'learningRate' | 'beta' | 'batch' | 'latent' | 'hidden' | 'seed';
/** What most visitors leave as it is; the first three make a convolutional model: `arch=conv&channels=8-16&dense=64`. */
const RARE_NAMES = [
  'arch',
  'channels',
  'dense',
  'likelihood',
  'sigma',
  'binarize',
  'betaWarmup',
  'freeBits',
  'lrSchedule',
] as const;

/** The settings that the page offers. */
export type SettingName = UsualSettingName | (typeof RARE_NAMES)[number];

/** Settings that are one of a few words, and what the page says for each. */
export const CHOICES = {
  arch: { dense: 'dense', conv: 'convolutional' },
  likelihood: { bernoulli: 'Bernoulli (BCE)', gaussian: 'Gaussian (NLL)' },
  binarize: { none: 'grey', dynamic: 'black or white' },
  lrSchedule: { constant: 'constant', cosine: 'falls to 0' },
} as const satisfies { [K in SettingName]?: Record<string & VaeConfig[K], string> };

function choice<K extends keyof typeof CHOICES>(name: K): Parser<VaeConfig[K]> {
  return oneOf(Object.keys(CHOICES[name]) as VaeConfig[K][]);
}

/** A page trains what fits a visitor's GPU and patience; the engine itself allows more. */
const PARSERS: { [K in SettingName]: Parser<VaeConfig[K]> } = {
  epochs: whole(1, 1000),
  learningRate: decimal(1e-7, 10),
  beta: fromZero,
  batch: whole(1, 4096),
  latent: whole(1, 64),
  hidden: widths,
  seed: whole(0, 2 ** 32 - 1),
  arch: choice('arch'),
  channels,
  dense: width,
  likelihood: choice('likelihood'),
  sigma: (text) => (text === 'learned' ? text : decimal(1e-4, 1e4)(text)),
  binarize: choice('binarize'),
  betaWarmup: whole(0, 1e6),
  freeBits: fromZero,
  lrSchedule: choice('lrSchedule'),
};

export const DEFAULTS: VaeConfig = parseConfig();

/** What is expected, for messages. */
export const EXPECTED: Record<SettingName, string> = {
  epochs: '1 to 1000',
  learningRate: '0.0000001 to 10',
  beta: '0 to 1000000',
  batch: '1 to 4096',
  latent: '1 to 64',
  hidden: 'up to six widths of 1 to 2048, such as 512-256',
  seed: '0 to 4294967295',
  arch: 'dense or conv',
  channels: 'up to six numbers of 1 to 2048, such as 8-16',
  dense: '1 to 2048',
  likelihood: 'bernoulli or gaussian',
  sigma: 'learned, or 0.0001 to 10000',
  binarize: 'none or dynamic',
  betaWarmup: '0 to 1000000 steps',
  freeBits: '0 to 1000000 nats',
  lrSchedule: 'constant or cosine',
};

/** The setting's value, or undefined if the text as a whole is none that is allowed. */
export function parseSetting<K extends SettingName>(name: K, text: string): VaeConfig[K] | undefined {
  return PARSERS[name](text.trim());
}

export function formatSetting(name: SettingName, config: VaeConfig): string {
  return name === 'hidden' || name === 'channels' ? config[name].join('-') : String(config[name]);
}

export const SETTING_NAMES = Object.keys(PARSERS) as SettingName[];

/** Whether two settings are the same, or all are. */
export function sameSettings(a: VaeConfig, b: VaeConfig, names: readonly SettingName[] = SETTING_NAMES): boolean {
  return names.every((name) => formatSetting(name, a) === formatSetting(name, b));
}

/** Settings of a link's hash; what is missing or not allowed keeps its default and is named in `refused`. */
export function parseHash(hash: string): { config: VaeConfig; refused: string[] } {
  const config = { ...DEFAULTS };
  const refused: string[] = [];
  // A longer hash is not one of ours.
  const params = new URLSearchParams(hash.slice(0, 1000).replace(/^#/, ''));
  for (const [name, text] of params) {
    // Which panels are seen: see lecture.ts.
    if (name === 'view') continue;
    const known = SETTING_NAMES.find((each) => each === name);
    const value = known && parseSetting(known, text);
    if (known === undefined || value === undefined) refused.push(name.slice(0, 40));
    else Object.assign(config, { [known]: value });
  }
  return { config, refused };
}

/** Whether a link's hash says what is to be trained. */
export function hasSettings(hash: string): boolean {
  return [...new URLSearchParams(hash.slice(0, 1000).replace(/^#/, '')).keys()].some((name) => name !== 'view');
}

/** A link's hash with every setting, so that it reproduces the run even if defaults change. */
export function formatHash(config: VaeConfig): string {
  const isUsual = sameSettings(config, DEFAULTS, RARE_NAMES);
  const names = SETTING_NAMES.filter((name) => !isUsual || !(RARE_NAMES as readonly string[]).includes(name));
  return `#${names.map((name) => `${name}=${formatSetting(name, config)}`).join('&')}`;
}
