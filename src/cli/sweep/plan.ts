/** From the command line to what a study is. */
import { readFile } from 'node:fs/promises';
import { ConfigError, parseConfig } from 'webgpu-vae';
import { oneLine, UsageError } from '../errors.ts';
import { modelOptions, settingOf } from '../model-options.ts';
import type { SweepSettings } from '../sweep-command.ts';
import { suggest } from './search/index.ts';
import { type Axis, axisSchema, gridSize, isRange, isWholeSetting, readSpace } from './space.ts';
import { type SearchName, type StudySpec, specSchema, trialConfig } from './spec.ts';

/** Combinations that are looked at before anything begins; those of more are refused when their turn comes. */
const LOOKED_AT = 2000;

/** @throws UsageError for what cannot work */
export async function planStudy(
  settings: SweepSettings,
  loadIdentity: () => Promise<StudySpec['data']>,
): Promise<StudySpec> {
  const { space, fixed } = await readSettings(settings);
  const { seeds, stop, stopFrom, stopFactor } = settings;
  const search = settings.search as SearchName;
  if (seeds > 1 && space.some(({ key }) => key === 'seed')) {
    throw new UsageError('--seeds contradicts a list of seeds: leave one of them out');
  }
  const size = gridSize(space) * seeds;
  const isCountable = search === 'grid' && !space.some(isRange);
  const trials = settings.trials ?? (isCountable ? size : undefined);
  if (trials === undefined) {
    const why = search === 'grid' ? `${space.find(isRange)!.key} is a range` : `--search ${search} has no end`;
    throw new UsageError(`sweep: ${why}, expected --trials <n> with the number of runs, got none`);
  }
  if (isCountable && trials > size) {
    throw new UsageError(`--trials ${trials} is more than the ${size} runs that the lists make: give ${size} or less`);
  }
  if (space.length === 0 && seeds === 1) {
    throw new UsageError(
      'sweep: no setting varies, expected a list such as --latent 2,8, a range such as --lr 1e-4..1e-2, or --seeds',
    );
  }
  const result = specSchema.safeParse({
    format: 1,
    space,
    fixed,
    trials,
    seeds,
    search,
    searchSeed: settings.searchSeed,
    stop: stop === 'asha' ? { name: 'asha', from: stopFrom, factor: stopFactor } : null,
    transpose: settings.transpose,
    trainSize: settings.trainSize ?? null,
    testSize: settings.testSize ?? null,
    variant: settings.variant,
    checkpointEvery: settings.checkpointEvery,
    data: { name: '', trainCount: 1, testCount: 1, fingerprint: '', testFingerprint: '' },
  } satisfies StudySpec);
  if (!result.success) {
    const { path, message } = result.error.issues[0]!;
    throw new UsageError(`sweep: ${path.join('.')}: ${message}`);
  }
  lookAt(result.data);
  return { ...result.data, data: await loadIdentity() };
}

/** Refuses what can be seen to be wrong before a day of computing. */
function lookAt(spec: StudySpec): void {
  const { space, search, searchSeed, seeds, trials } = spec;
  const check = (point: readonly unknown[]) => {
    try {
      trialConfig(spec, point, 0);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new UsageError(error.message.replace(/^config: /, 'sweep: '), { cause: error });
    }
  };
  const first = space.map((axis) => (isRange(axis) ? axis.from : axis.values[0]));
  space.forEach((axis, i) => {
    for (const value of isRange(axis) ? [axis.from, axis.to] : axis.values) check(first.with(i, value));
  });
  const points = Math.ceil(trials / seeds);
  for (let index = 0; index < Math.min(points, LOOKED_AT); index++) {
    check(suggest(search, { space, index, seed: searchSeed, history: [] }));
  }
}

async function readSettings({ space: file, given }: SweepSettings): Promise<Pick<StudySpec, 'space' | 'fixed'>> {
  const space: Axis[] = [];
  const fixed: Record<string, unknown> = {};
  if (file !== undefined) {
    const text = await readFile(file, 'utf8').catch((error: Error) => {
      throw new UsageError(`--space ${file}: cannot be read: ${oneLine(error)}`);
    });
    const read = readSpace(text, file);
    space.push(...read.space);
    Object.assign(fixed, read.fixed);
  }
  for (const [key, { flag, text }] of Object.entries(given)) {
    if (key in fixed || space.some((axis) => axis.key === key)) {
      throw new UsageError(`${flag} is in --space ${file}, too: leave one of them out`);
    }
    const axis = parseAxis(key, flag, text);
    if ('fixed' in axis) fixed[key] = axis.fixed;
    else space.push(axis);
  }
  // The same space, in whatever order it was written, is the same study.
  const order = Object.keys(parseConfig());
  space.sort((a, b) => order.indexOf(a.key) - order.indexOf(b.key));
  return { space, fixed: Object.fromEntries(order.filter((key) => key in fixed).map((key) => [key, fixed[key]])) };
}

/** `2,8,20`, `512,256;400`, `1e-4..1e-2` or one value. */
export function parseAxis(key: string, flag: string, text: string): Axis | { fixed: unknown } {
  const parse = (part: string): unknown => {
    // An option remembers what it was given, so each value gets its own.
    const option = modelOptions().find((each) => settingOf(each) === key)!;
    return option.parseArg!(part.trim(), undefined);
  };
  const refuse = (error: unknown): never => {
    throw new UsageError(
      `${flag} ${text}: ${oneLine(error)} Lists have commas between, ranges are written 1e-4..1e-2.`,
    );
  };
  try {
    const range = /^(.+?)\.\.(.+)$/.exec(text);
    if (range) {
      const axis = { key, from: parse(range[1]!), to: parse(range[2]!), scale: 'log', integer: isWholeSetting(key) };
      const result = axisSchema.safeParse(axis);
      if (!result.success) throw new Error('Expected a range of numbers from above 0 to more.');
      return result.data;
    }
    if (text.includes(';')) return { key, values: distinct(text.split(';').map(parse)) };
  } catch (error) {
    return refuse(error);
  }
  try {
    return { fixed: parse(text) };
  } catch (error) {
    if (!text.includes(',')) return refuse(error);
  }
  try {
    return { key, values: distinct(text.split(',').map(parse)) };
  } catch (error) {
    return refuse(error);
  }
}

function distinct(values: unknown[]): unknown[] {
  const seen = new Set(values.map((value) => JSON.stringify(value)));
  if (seen.size < values.length) throw new Error('Expected every value once.');
  return values;
}
