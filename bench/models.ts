/**
 * `npm run bench:models`: what models cost and what they come to: parameters, arithmetic and time of a whole training, and −ELBO on
 * the test images, for every model at every number of latent dimensions. The table, or with `--json` one line of JSON, goes
 * to stdout; `--curves` writes −ELBO over arithmetic, epoch by epoch.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { takeFirst } from '../src/data/dataset.ts';
import { createDevice, createVae, type DataSet, type Device, elboOf, loadMnist, type VaeConfig } from '../src/index.ts';
import { imageShapeOf } from '../src/train/data.ts';
import { measureBound } from '../src/vae/evaluation/bound.ts';
import { describeMachine, machineLine, shortDescription } from './machine.ts';
import { type Curves, curvesAsCsv, curvesAsPicture } from './model-curves.ts';
import { modelFlops } from './model-flops.ts';
import { median, significant } from './statistics.ts';
import { table } from './table.ts';

const MODELS = ['512-256', 'conv32,64-256'];
const USAGE = `Usage: npm run bench:models [-- options]
  --model <layers>      512-256 is dense, conv32,64-256 convolutions and a dense layer; again for each; default: ${MODELS.join(' and ')}
  --latent <numbers>    dimensions of z, default 2,10,20,50
  --epochs <n>          default 20
  --seeds <numbers>     default 0; of several the medians are shown
  --batch <n>, --lr <x> as of train
  --train-size <n>, --test-size <n>, --data <folder>   as of train
  --iw <samples>        also −log p(x) by importance weighting, with so many z for each image
  --iw-images <n>       of so many test images, the first ones; default 1000
  --curves <file>       writes −ELBO after every epoch over the arithmetic up to then: .png a picture, else CSV
  --json                print one JSON object on one line and nothing else
  --adapter <name>      part of an adapter's name; default: the best one
An epoch's time has its evaluation, on kernels that are not tuned; the medians are shown, which the first one's compiling is not in.`;

/** One training. */
interface Run {
  seed: number;
  /** Of an epoch, the median. */
  seconds: number;
  elbo: number;
  reconstruction: number;
  kl: number;
  /** −log p(x), where asked for. */
  iw_nll?: number;
  /** −ELBO of the test images after every epoch. */
  curve: number[];
}

/** A model at one number of dimensions. */
interface Row {
  model: string;
  latent: number;
  parameters: number;
  gflop_per_step: number;
  steps: number;
  runs: Run[];
}

type Layers = Partial<Pick<VaeConfig, 'arch' | 'channels' | 'dense' | 'hidden'>>;

/** @throws Error for a name that is none */
function layersNamed(name: string): Layers {
  const numbers = (text: string, between: string) => text.split(between).map(Number);
  const conv = /^conv ?((?:\d+,)*\d+)-(\d+)$/.exec(name);
  if (conv) return { arch: 'conv', channels: numbers(conv[1]!, ','), dense: Number(conv[2]) };
  if (/^\d+(-\d+)*$/.test(name)) return { hidden: numbers(name, '-') };
  throw new Error(`--model: got ${name}, expected layers such as ${MODELS.join(' or ')}`);
}

function wholeNumbers(option: string, text: string, from: number): number[] {
  const values = text.split(',').map(Number);
  const bad = text.split(',').find((_, i) => !(Number.isInteger(values[i]) && values[i]! >= from));
  if (bad === undefined) return values;
  throw new Error(`--${option}: got ${bad || 'nothing'}, expected whole numbers from ${from}`);
}

function oneNumber(option: string, text: string): number {
  const values = wholeNumbers(option, text, 1);
  if (values.length === 1) return values[0]!;
  throw new Error(`--${option}: got ${text}, expected one number`);
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      model: { ...text, multiple: true, default: MODELS },
      latent: { ...text, default: '2,10,20,50' },
      epochs: { ...text, default: '20' },
      seeds: { ...text, default: '0' },
      batch: text,
      lr: text,
      'train-size': text,
      'test-size': text,
      data: text,
      iw: text,
      'iw-images': { ...text, default: '1000' },
      curves: text,
      adapter: text,
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return print(USAGE);
  const models = values.model.map((name) => ({ name, layers: layersNamed(name) }));
  const latents = wholeNumbers('latent', values.latent, 1);
  const seeds = wholeNumbers('seeds', values.seeds, 0);
  const shared: Partial<VaeConfig> = {
    epochs: oneNumber('epochs', values.epochs),
    ...(values.batch !== undefined && { batch: oneNumber('batch', values.batch) }),
    ...(values.lr !== undefined && { learningRate: Number(values.lr) }),
  };
  const samples = values.iw === undefined ? undefined : oneNumber('iw', values.iw);
  const iw = samples === undefined ? undefined : { samples, images: oneNumber('iw-images', values['iw-images']) };
  const full = await loadMnist(values.data);
  const part = (set: DataSet['train'], option: 'train-size' | 'test-size') =>
    values[option] === undefined ? set : takeFirst(set, oneNumber(option, values[option]));
  const data = { ...full, train: part(full.train, 'train-size'), test: part(full.test, 'test-size') };
  const title = `${data.name}, ${data.train.count} training and ${data.test.count} test images; epochs: ${shared.epochs}; seeds: ${seeds.join(', ')}`;
  const device = await createDevice(values.adapter === undefined ? {} : { adapter: values.adapter });
  const [adapter, machine] = [shortDescription(device.info), describeMachine()];
  const rows: Row[] = [];
  try {
    for (const latent of latents) {
      for (const { name, layers } of models) {
        rows.push(await measure(device, data, name, { ...shared, ...layers, latent }, seeds, iw));
        // Hours may lie between two of them: what is known is kept.
        if (values.curves !== undefined) await writeCurves(values.curves, rows, title);
      }
    }
  } finally {
    device.dispose();
  }
  if (values.json) return print(JSON.stringify({ adapter, machine, epochs: shared.epochs, models: rows }));
  print([machineLine(adapter.name, machine), title, tableOf(rows)].join('\n\n'));
}

async function measure(
  device: Device,
  data: DataSet,
  model: string,
  config: Partial<VaeConfig>,
  seeds: readonly number[],
  iw: { samples: number; images: number } | undefined,
): Promise<Row> {
  const gflop_per_step = significant(modelFlops(config, imageShapeOf(data.train)) / 1e9);
  const row: Row = { model, latent: config.latent!, parameters: 0, gflop_per_step, steps: 0, runs: [] };
  for (const seed of seeds) {
    if (process.stderr.isTTY) process.stderr.write(`training ${model}-${row.latent}, seed ${seed}\n`);
    const trained = await createVae(device, data, { ...config, seed });
    try {
      await trained.train();
      const last = trained.history.at(-1)!;
      const { minusElbo: elbo, reconstruction, kld: kl } = elboOf(last.test);
      const times = trained.history.map(({ seconds }, i, all) => seconds - (all[i - 1]?.seconds ?? 0));
      const curve = trained.history.map(({ test }) => elboOf(test).minusElbo);
      row.parameters = trained.table.count;
      row.steps = trained.steps;
      const run = { seed, seconds: median(times), elbo, reconstruction, kl, curve };
      if (!iw) {
        row.runs.push(run);
        continue;
      }
      const found = {
        config: trained.config,
        images: imageShapeOf(data.train),
        parameters: await trained.parameters(),
      };
      const set = takeFirst(data.test, Math.min(iw.images, data.test.count));
      row.runs.push({ ...run, iw_nll: (await measureBound(device, found, set, { samples: iw.samples })).nll });
    } finally {
      trained.dispose();
    }
  }
  return row;
}

function tableOf(rows: readonly Row[]): string {
  const costs = ['parameters', 'GFLOP/step', 'TFLOP', 's/epoch', 'GFLOP/s'];
  const hasBound = rows.some(({ runs }) => runs[0]!.iw_nll !== undefined);
  const header = ['model', 'latent', ...costs, '−ELBO', 'BCE', 'KL', ...(hasBound ? ['IW-NLL'] : [])];
  return table(
    header,
    rows.map(({ model, latent, parameters, gflop_per_step, steps, runs }) => {
      const of = (field: 'seconds' | 'elbo' | 'reconstruction' | 'kl' | 'iw_nll') =>
        median(runs.map((run) => run[field] ?? Number.NaN));
      const gflop = gflop_per_step * steps;
      return [
        model,
        latent,
        parameters,
        gflop_per_step,
        significant(gflop / 1e3, 3),
        significant(of('seconds'), 3),
        significant(gflop / runs[0]!.curve.length / of('seconds'), 3),
        of('elbo').toFixed(2),
        of('reconstruction').toFixed(2),
        of('kl').toFixed(2),
        ...(hasBound ? [of('iw_nll').toFixed(2)] : []),
      ];
    }),
  );
}

function curvesOf(rows: readonly Row[]): Curves[] {
  return rows.map(({ model, latent, gflop_per_step, steps, runs }) => ({
    name: `${model}-${latent}`,
    gflop_per_epoch: (gflop_per_step * steps) / runs[0]!.curve.length,
    runs,
  }));
}

async function writeCurves(file: string, rows: readonly Row[], title: string): Promise<void> {
  const curves = curvesOf(rows);
  await writeFile(file, file.endsWith('.png') ? curvesAsPicture(curves, title) : curvesAsCsv(curves));
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`error: ${(error as Error).message}\n`);
  process.exitCode = 1;
});
