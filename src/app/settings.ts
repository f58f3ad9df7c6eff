import { z } from 'zod';
import type { VaeConfig } from '../vae/config.ts';

/** A page trains what fits a visitor's GPU and patience; the engine itself allows more. */
const bounds = {
  epochs: z.coerce.number().int().min(1).max(1000),
  learningRate: z.coerce.number().min(1e-7).max(10),
  beta: z.coerce.number().min(0).max(1e6),
  batch: z.coerce.number().int().min(1).max(4096),
  latent: z.coerce.number().int().min(1).max(64),
  hidden: z
    .string()
    .regex(/^(\d{1,4}([-, ]+\d{1,4}){0,5})?$/)
    .transform((text) =>
      text
        .split(/[-, ]+/)
        .filter(Boolean)
        .map(Number),
    )
    .pipe(z.array(z.number().int().min(1).max(2048))),
  seed: z.coerce
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1),
} as const;

export type SettingName = keyof typeof bounds;

export const DEFAULTS: VaeConfig = {
  epochs: 20,
  learningRate: 1e-3,
  beta: 1,
  batch: 128,
  latent: 2,
  hidden: [512, 256],
  seed: 0,
};

/** What is expected, for messages. */
export const EXPECTED: Record<SettingName, string> = {
  epochs: '1 to 1000',
  learningRate: '0.0000001 to 10',
  beta: '0 to 1000000',
  batch: '1 to 4096',
  latent: '1 to 64',
  hidden: 'up to six widths of 1 to 2048, such as 512-256',
  seed: '0 to 4294967295',
};

/** The setting's value, or undefined if the text is none that is allowed. */
export function parseSetting<K extends SettingName>(name: K, text: string): VaeConfig[K] | undefined {
  if (name !== 'hidden' && text.trim() === '') return undefined;
  const result = bounds[name].safeParse(text.trim());
  return result.success ? (result.data as VaeConfig[K]) : undefined;
}

export function formatSetting(name: SettingName, config: VaeConfig): string {
  return name === 'hidden' ? config.hidden.join('-') : String(config[name]);
}

const NAMES = Object.keys(bounds) as SettingName[];

/** Settings of a link's hash; what is missing or not allowed keeps its default and is named in `refused`. */
export function parseHash(hash: string): { config: VaeConfig; refused: string[] } {
  const config = { ...DEFAULTS };
  const refused: string[] = [];
  // A longer hash is not one of ours.
  const params = new URLSearchParams(hash.slice(0, 1000).replace(/^#/, ''));
  for (const [name, text] of params) {
    const known = NAMES.find((each) => each === name);
    const value = known && parseSetting(known, text);
    if (known === undefined || value === undefined) refused.push(name.slice(0, 40));
    else Object.assign(config, { [known]: value });
  }
  return { config, refused };
}

/** A link's hash with every setting, so that it reproduces the run even if defaults change. */
export function formatHash(config: VaeConfig): string {
  return `#${NAMES.map((name) => `${name}=${formatSetting(name, config)}`).join('&')}`;
}
