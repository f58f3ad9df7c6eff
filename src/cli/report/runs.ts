/** Runs as a report sees them: files of their folders, of which nothing is believed before it is looked at. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { UsageError } from '../errors.ts';

/** A run that was read. */
export interface ReportedRun {
  /** What it is called on the page: the folder's name, or its path where two have one name. */
  name: string;
  folder: string;
  /** config.json: settings by name. */
  config: Readonly<Record<string, unknown>>;
  /** Losses by column name, a number for each epoch: `epoch`, `test_bce`, ... */
  metrics: Readonly<Record<string, number[]>>;
  /** What its losses are of, so that only alike ones are compared: `bernoulli, grey pixels`. */
  kind: string;
  /** PNG bytes by a name that is the same in all runs. */
  pictures: ReadonlyMap<string, Uint8Array>;
  evaluation: Evaluation | undefined;
}

/** eval.json, as far as it is shown. */
export interface Evaluation {
  /** `grey`, `binarized (dynamic)`: numbers of different ones do not belong into one table. */
  pixels: string;
  values: { name: string; text: string; says: string }[];
}

/** Pictures in the order in which they are shown; of the reconstructions the last epoch's. */
const PICTURES: readonly [title: string, file: RegExp][] = [
  ['Reconstructions', /^recon_epoch_(\d+)\.png$/],
  ['Samples', /^samples\.png$/],
  ['Latent space of the test images', /^latent_2d\.png$/],
  ['Decoded latent plane', /^manifold\.png$/],
];

/** @throws UsageError for a folder that is no run's; Error for one whose files are broken */
export async function readRuns(folders: readonly string[]): Promise<ReportedRun[]> {
  const paths = folders.map((folder) => resolve(folder));
  const twice = folders.find((_, i) => paths.indexOf(paths[i]!) !== i);
  if (twice !== undefined) throw new UsageError(`report: ${twice} is given twice: give each run once`);
  const names = paths.map((path) => basename(path));
  return Promise.all(
    folders.map((folder, i) =>
      readRun(folder, names.indexOf(names[i]!) === names.lastIndexOf(names[i]!) ? names[i]! : folder),
    ),
  );
}

async function readRun(folder: string, name: string): Promise<ReportedRun> {
  const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    const got = error.code === 'ENOENT' ? 'there is none' : error.code === 'ENOTDIR' ? 'it is a file' : error.message;
    throw new UsageError(`report: expected a run's folder at ${folder}, ${got}: name one`, { cause: error });
  });
  const missing = ['config.json', 'metrics.csv'].find((file) => !files.includes(file));
  if (missing !== undefined) {
    throw new UsageError(`report: expected a run's folder at ${folder}, it has no ${missing}: name another one`);
  }
  const config = await readObject(join(folder, 'config.json'));
  const metrics = readMetrics(join(folder, 'metrics.csv'), await readFile(join(folder, 'metrics.csv'), 'utf8'));
  const pictures = new Map<string, Uint8Array>();
  for (const [title, pattern] of PICTURES) {
    const last = files
      .filter((file) => pattern.test(file))
      .sort((a, b) => Number(pattern.exec(a)![1] ?? 0) - Number(pattern.exec(b)![1] ?? 0))
      .at(-1);
    if (last !== undefined) pictures.set(title, await readFile(join(folder, last)));
  }
  const evaluation = files.includes('eval.json') ? await readEvaluation(join(folder, 'eval.json')) : undefined;
  return { name, folder, config, metrics, kind: kindOf(config), pictures, evaluation };
}

function kindOf({ likelihood, binarize }: Readonly<Record<string, unknown>>): string {
  const pixels =
    binarize === undefined || binarize === 'none' ? 'pixels as they are' : `pixels binarized (${String(binarize)})`;
  return `${String(likelihood ?? 'bernoulli')} likelihood, ${pixels}`;
}

async function readObject(path: string): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw new Error(`report: ${path} is not JSON: leave this run out`, { cause: error });
  }
  throw new Error(`report: ${path} is not an object: leave this run out`);
}

function readMetrics(path: string, text: string): Record<string, number[]> {
  const [header = '', ...lines] = text.trimEnd().split('\n');
  const names = header.split(',');
  if (!names.includes('epoch')) {
    throw new Error(
      `report: ${path} begins with ${JSON.stringify(header.slice(0, 60))}, expected columns with their names, epoch among them: leave this run out`,
    );
  }
  const columns = names.map((): number[] => []);
  for (const [i, line] of lines.entries()) {
    const values = line.split(',').map((field) => (field === '' ? Number.NaN : Number(field)));
    if (values.length !== names.length || values.every(Number.isNaN)) {
      throw new Error(`report: ${path}, line ${i + 2}: expected ${names.length} numbers: leave this run out`);
    }
    for (const [column, value] of values.entries()) columns[column]!.push(value);
  }
  return Object.fromEntries(names.map((name, i) => [name, columns[i]!]));
}

async function readEvaluation(path: string): Promise<Evaluation> {
  const { pixels, values } = await readObject(path);
  if (!Array.isArray(values)) throw new Error(`report: ${path} has no list of values: run eval again`);
  return {
    pixels: String(pixels ?? 'grey'),
    values: values.map((each) => {
      const { name, text, says } = Object(each) as Record<string, unknown>;
      return { name: String(name), text: String(text), says: String(says ?? '') };
    }),
  };
}
