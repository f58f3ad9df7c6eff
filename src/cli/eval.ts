/** `webgpu-vae eval`: a trained model's numbers, in a table and in eval.json. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type Binarization,
  createDevice,
  type DataSet,
  describeLayers,
  evaluateVae,
  loadMnist,
  readSafetensors,
  setAside,
  takeFirst,
} from 'webgpu-vae';
import { adapterLine } from './describe.ts';
import { UsageError } from './errors.ts';
import type { EvalSettings } from './eval-command.ts';
import { type EvalContext, rowsOf, tableOf } from './eval-table.ts';
import { cannotWrite, checkWritable, writeFileAtomic } from './files.ts';
import { colours, thousands } from './format.ts';
import { type FoundModel, findModel } from './open-model.ts';
import { createPhaseMeter } from './progress.ts';

const FILE = 'eval.json';
/** Test images of the importance-weighted bound. */
const IMAGES = 1000;
/** Of eval.json; to be raised when a key means something else. */
const VERSION = 1;
const CLASSIFIER = new URL('../../assets/digit-classifier.safetensors', import.meta.url);

/**
 * Measures, prints a row for each number, and writes them.
 * @returns 0
 * @throws UsageError, SafetensorsError, CheckpointError, ConfigError, DataError, NoAdapterError, DeviceLimitError
 */
export async function evaluate(settings: EvalSettings): Promise<number> {
  const model = await findModel(settings.model);
  const out = settings.out ?? join(dirname(model.path), FILE);
  await checkWritable(dirname(out));
  const data = await loadData(settings, model);
  const { count } = data.test;
  const { images = Math.min(IMAGES, count) } = settings;
  if (images > count) {
    throw new UsageError(`--images ${images} is more than the ${count} test images: give ${count} or less`);
  }
  const pixels = pixelsOf(settings, model);
  const context = contextOf(model, data, pixels);
  const device = await createDevice(settings.adapter === undefined ? {} : { adapter: settings.adapter });
  const meter = createPhaseMeter();
  try {
    for (const line of headerOf(model, data, context, adapterLine(device.info))) meter.line(line);
    const begun = performance.now();
    const evaluation = await evaluateVae(device, model, data, {
      pixels,
      samples: settings.iw,
      images,
      seed: settings.seed,
      classifier: readSafetensors(await readFile(CLASSIFIER)).tensors,
      onProgress: meter.update,
    });
    meter.stop();
    const rows = rowsOf(evaluation, context);
    const { bold, dim } = colours(process.stdout);
    process.stdout.write(`${tableOf(rows, dim, bold)}\n`);
    const seconds = (performance.now() - begun) / 1000;
    const result = {
      kind: 'webgpu-vae eval',
      version: VERSION,
      model: model.path,
      step: model.step ?? null,
      config: model.config,
      data: data.name,
      testImages: count,
      pixels: context.pixels,
      binarized: context.isBinarized,
      settings: {
        iw: settings.iw,
        images,
        seed: settings.seed,
        binarizeSeed: settings.binarizeSeed ?? null,
      },
      adapter: device.info.name,
      seconds: Number(seconds.toFixed(1)),
      values: rows,
    };
    await writeFileAtomic(out, `${JSON.stringify(result, undefined, 2)}\n`).catch((error: NodeJS.ErrnoException) => {
      throw cannotWrite(out, error);
    });
    process.stdout.write(`${out} written after ${seconds.toFixed(0)} s.\n`);
    return 0;
  } finally {
    meter.stop();
    device.dispose();
  }
}

/** The data set that the model was trained on, or the one given, cut as the run cut it. */
async function loadData({ data: given }: EvalSettings, { record, data: name, images }: FoundModel): Promise<DataSet> {
  const from = given ?? (typeof record.data === 'string' ? record.data : name);
  if (given === undefined && from !== undefined && from !== 'MNIST' && typeof record.data !== 'string') {
    throw new UsageError(`the model was trained on ${JSON.stringify(from)}: say with --data where its images are`);
  }
  const count = (key: string) => (typeof record[key] === 'number' ? (record[key] as number) : undefined);
  const [testSize, validation, trainSize] =
    given === undefined ? ['testSize', 'validation', 'trainSize'].map(count) : [];
  const folder = from === 'MNIST' ? undefined : from;
  const loaded = await loadMnist(folder, {
    transpose: record.transpose === true,
    ...(testSize !== undefined && { testSize }),
  });
  const { rows, columns, channels = 1 } = loaded.train;
  if (rows !== images.rows || columns !== images.columns || channels !== images.channels) {
    const size = (of: { rows: number; columns: number; channels: number }) =>
      `${of.columns} x ${of.rows} pixels${of.channels === 1 ? '' : ` of ${of.channels} numbers`}`;
    throw new UsageError(
      `${loaded.name} has images of ${size({ rows, columns, channels })}, the model takes ${size(images)}: use the images that it was made for`,
    );
  }
  const rest =
    validation !== undefined && validation < loaded.train.count
      ? setAside(loaded.train, validation).train
      : loaded.train;
  const train = trainSize !== undefined && trainSize < rest.count ? takeFirst(rest, trainSize) : rest;
  return { ...loaded, train };
}

function pixelsOf({ binarize, binarizeSeed }: EvalSettings, { config }: FoundModel): Binarization {
  const how = binarize ?? config.binarize;
  if (how === 'static') return { how, seed: binarizeSeed! };
  return how === 'dynamic' ? { how, seed: config.seed } : { how };
}

function contextOf({ config }: FoundModel, { test, train }: DataSet, by: Binarization): EvalContext {
  const pixels =
    by.how === 'none' ? 'grey' : by.how === 'static' ? `binarized (static, seed ${by.seed})` : 'binarized (dynamic)';
  return { config, pixels, isBinarized: by.how !== 'none', testCount: test.count, trainCount: train.count };
}

function headerOf(
  { config, images, path, step, notices }: FoundModel,
  data: DataSet,
  { pixels, isBinarized }: EvalContext,
  adapter: string,
): string[] {
  const layers = `${images.rows * images.columns * images.channels}-${describeLayers(config)}`;
  const objective = config.objective === 'iwae' ? `IWAE, ${config.iwSamples} samples` : 'ELBO';
  const trained = config.binarize === 'dynamic';
  const lines = [
    `Adapter: ${adapter}.`,
    `Model: ${path}, ${layers} and back, ${config.activation}, ${config.likelihood}, ${objective}, trained on ${trained ? 'binarized' : 'grey'} images${step === undefined ? '' : ` for ${thousands(step)} steps`}.`,
    `Data: ${data.name}, ${thousands(data.test.count)} test images, ${pixels}; ${thousands(data.train.count)} training images to learn from.`,
    ...notices,
  ];
  if (trained !== isBinarized) {
    lines.push('These are not the pixels that the model was trained on: its numbers are no measure of its training.');
  }
  return lines;
}
