/** `webgpu-vae train`: from settings to a folder of results. */

import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import {
  createDevice,
  createVae,
  type DataSet,
  type Device,
  dataHints,
  describeLayers,
  type EpochResult,
  elboOf,
  type ImageSet,
  loadMnist,
  type NamedTensor,
  type Snapshot,
  setAside,
  supportedVariants,
  TestSizeError,
  takeFirst,
  tunedVariants,
  tuningStore,
  type Vae,
  type VariantChoice,
  vaeProblems,
  writeCheckpoint,
  writeSafetensors,
} from 'webgpu-vae';
import { BestEpochs } from './best-epoch.ts';
import { adapterLine, fasterAdapter } from './describe.ts';
import { UsageError } from './errors.ts';
import type { writeEpochFigures, writeFinalFigures } from './figures.ts';
import { checkOutputFolder, checkWritable } from './files.ts';
import { colours, minusElbo, thousands } from './format.ts';
import { createReporter, type Reporter } from './progress.ts';
import { isSameAdapter, otherAdapter, readBeginning, toUsage } from './resume.ts';
import { openRunFolder, RUNS, type RunFolder } from './run-folder.ts';
import { watchForStop } from './stop.ts';
import type { TrainSettings } from './train-command.ts';

const MINUTE_MS = 60_000;
/** What may have to be done again after the device was lost; checkpoints on disk are rarer. */
const SNAPSHOT_EVERY_MS = 10_000;

/** What a run is made of, once everything that can be wrong before it has been found right. */
export interface Run {
  settings: TrainSettings;
  data: DataSet;
  /** Training images that are not trained on. */
  validation: ImageSet | undefined;
  vae: Vae;
  folder: RunFolder;
  reporter: Reporter;
  /** Ends the training after the steps in flight. */
  signal: AbortSignal;
  config: object;
  draw: { epoch: typeof writeEpochFigures; end: typeof writeFinalFigures };
  /** Told of every epoch once its losses and pictures are written. */
  onEpoch?(result: EpochResult): Promise<void>;
}

/**
 * Trains a model and writes the run's folder. Nothing is made before the data, the adapter and the model are known to be
 * good; a run that fails before anything was learned takes its folder away again.
 *
 * @returns 0, or 128 + n if it was stopped by signal n, after writing what was learned so far.
 * @throws UsageError, DataError, NoAdapterError, DeviceLimitError, NonFiniteError, DeviceLostError, or Error for files.
 */
export async function train(given: TrainSettings): Promise<number> {
  const reporter = createReporter(given.quiet);
  const stop = watchForStop((reason) => {
    reporter.line(`${reason}: stopping after the steps in flight; once more to stop at once.`);
  });
  let device: Device | undefined;
  let vae: Vae | undefined;
  let folder: RunFolder | undefined;
  const figures = import('./figures.ts');
  figures.catch(() => undefined);
  try {
    const { settings, options, folder: resumedFolder, lines } = await readBeginning(given);
    const resumed = resumedFolder !== undefined;
    const out = resumedFolder ?? settings.out;
    if (!resumed) await (out === undefined ? checkWritable(RUNS) : checkOutputFolder(out));
    const { validation, ...data } = await loadData({ ...settings, batch: settings.config.batch });
    const open = async (): Promise<Device> => {
      device?.dispose();
      device = await createDevice(settings.adapter === undefined ? {} : { adapter: settings.adapter });
      return device;
    };
    const { info } = await open();
    reporter.line(`Adapter: ${adapterLine(info)}. ${fasterAdapter(info)}`.trim());
    reporter.line(dataLine(data, validation));
    for (const hint of dataHints(data)) reporter.line(hint);
    if (/emnist/i.test(data.name) && !settings.transpose) {
      reporter.line("EMNIST's files have rows and columns exchanged: --transpose sets its letters upright.");
    }
    const variants = await chooseVariants(settings, device!, data, options.snapshot);
    vae = await createVae(device!, data, options.snapshot ? settings.given : settings.config, {
      ...options,
      variants,
      reopen: open,
      onRecover: ({ loss, step, device: { info: other } }) =>
        reporter.line(`${loss.message}: rebuilt on ${adapterLine(other)}, going on after step ${step}.`),
    }).catch((error) => {
      throw options.snapshot || options.parameters ? toUsage(error) : error;
    });
    // A terminal's Ctrl-C also ends the process that compiles modules: from here on none may be left to load.
    const { writeEpochFigures, writeFinalFigures } = await figures;
    stop.hold();
    reporter.line(modelLine(vae));
    for (const line of [...lines, ...otherAdapter(options, info)]) reporter.line(line);
    folder = await openRunFolder({ path: out, resumed, force: settings.force });
    const config = describeRun(settings, folder.path, data, vae);
    const draw = { epoch: writeEpochFigures, end: writeFinalFigures };
    const { finished, step, last } = await runTraining({
      settings,
      data,
      validation,
      vae,
      folder,
      reporter,
      signal: stop.signal,
      config,
      draw,
    });
    printEnd(settings, folder.path, finished ? last : undefined, { step, steps: vae.steps });
    return finished ? 0 : (stop.exitCode ?? 0);
  } finally {
    reporter.stop();
    vae?.dispose();
    device?.dispose();
    await folder?.unlock();
    stop.dispose();
  }
}

/** How far a training came. */
export interface RunEnd {
  finished: boolean;
  step: number;
  /** The epoch that the model is of. */
  last: EpochResult | undefined;
}

/**
 * Trains to the end, or until `signal` says stop, and writes everything to the run's folder.
 * @throws what training and writing throw; a run that fails before anything was learned takes its folder away again
 */
export async function runTraining(run: Run): Promise<RunEnd> {
  const { settings, data, validation, vae, folder, reporter, signal, config, draw } = run;
  const source = { vae, data, folder, results: [...vae.history] };
  const begun = vae.step;
  let writtenAt = performance.now();
  let writtenStep = -1;
  const keep = async (snapshot: Snapshot) => {
    await folder.writeCheckpoint(writeCheckpoint(snapshot));
    writtenAt = performance.now();
    writtenStep = snapshot.step;
  };
  try {
    await folder.writeConfig(config);
    await folder.writeMetrics(vae.history);
    // From here on the run can be resumed, however early it ends.
    if (begun === 0) await keep(vae.lastSnapshot);
    else if (vae.history.at(-1)?.step === begun) {
      // The run may have ended between an epoch and its pictures; the parameters are still that epoch's.
      await draw.epoch(source);
    }
    const epochs = vae.history.length;
    const best = validation && (await BestEpochs.open(folder, { patience: settings.patience, epochs }));
    const early = new AbortController();
    if (best?.isOver(epochs)) early.abort();
    const { finished, step } = await vae.train({
      signal: AbortSignal.any([signal, early.signal]),
      onProgress: reporter.progress,
      onEpoch: async (result) => {
        source.results = [...vae.history];
        await folder.writeMetrics(vae.history);
        reporter.epoch(result, vae.config.epochs);
        if (best) {
          const { loss } = await vae.evaluate(validation);
          const { epoch, step: at } = result;
          const isBest = await best.add({ epoch, step: at, loss }, () => vae.parameters());
          reporter.line(validationLine(loss, isBest, best));
          if (best.isOver(epoch)) early.abort();
        }
        await draw.epoch(source);
        await run.onEpoch?.(result);
      },
      snapshotEveryMs: Math.min(SNAPSHOT_EVERY_MS, settings.checkpointEvery * MINUTE_MS),
      onSnapshot: async (snapshot, reason) => {
        const isDue = performance.now() - writtenAt >= settings.checkpointEvery * MINUTE_MS;
        if (reason !== 'time' || isDue) await keep(snapshot);
      },
    });
    reporter.stop();
    const isDone = finished || (early.signal.aborted && !signal.aborted);
    const chosen = best?.best;
    if (chosen) reporter.line(`The model is that of epoch ${chosen.epoch}, the best on the images set aside.`);
    const parameters = chosen?.parameters ?? (await vae.parameters());
    await folder.write('model.safetensors', modelFile(vae, data, { parameters, step: chosen?.step ?? vae.step }));
    reporter.line('The model is written; drawing the last pictures.');
    const shown = chosen && chosen.step < vae.step ? await createVae(vae.device, data, vae.config, chosen) : vae;
    try {
      await draw.end({ ...source, vae: shown, step: chosen?.step ?? vae.step });
    } finally {
      if (shown !== vae) shown.dispose();
    }
    const bestEpoch = chosen && { bestEpoch: chosen.epoch, bestValidationLoss: chosen.loss };
    await folder.writeConfig({ ...config, status: isDone ? 'finished' : 'stopped', stepsDone: step, ...bestEpoch });
    const last = source.results.find(({ epoch }) => epoch === chosen?.epoch) ?? source.results.at(-1);
    return { finished: isDone, step, last };
  } catch (error) {
    const { lastSnapshot } = vae;
    if (lastSnapshot.step === 0) {
      // Nothing was learned: there is nothing in the folder that the command line does not say.
      await folder.remove();
    } else {
      if (lastSnapshot.step > writtenStep && lastSnapshot.step > begun) await keep(lastSnapshot).catch(() => undefined);
      await folder.writeConfig({ ...config, status: 'failed', stepsDone: lastSnapshot.step }).catch(() => undefined);
    }
    throw error;
  }
}

/**
 * The kernels to train with. A run that is resumed on its adapter keeps its own: only so it ends with the same bits.
 * @throws UsageError if the adapter cannot run the variant asked for, or the checkpoint was made with others
 */
export async function chooseVariants(
  { variant, config }: TrainSettings,
  device: Device,
  { train }: DataSet,
  snapshot: Snapshot | undefined,
): Promise<VariantChoice | undefined> {
  if (variant !== 'auto' && variant !== 'default') {
    const supported = supportedVariants(device);
    if (!supported.includes(variant)) {
      throw new UsageError(
        `--variant ${variant}: ${device.info.name} can run ${supported.join(', ')}: use one of these`,
      );
    }
  }
  if (snapshot && isSameAdapter(snapshot, device.info)) {
    if (variant !== 'auto')
      throw new UsageError(`--variant ${variant}: the checkpoint has its own kernels: leave it out`);
    return snapshot.variants;
  }
  if (variant === 'default') return undefined;
  if (variant !== 'auto') return variant;
  return (await tunedVariants(device, vaeProblems(config, train), { store: tuningStore })).variants;
}

/** Which images a run is about. */
interface DataSettings
  extends Pick<TrainSettings, 'data' | 'transpose' | 'trainSize' | 'testSize' | 'validation' | 'patience'> {
  batch: number;
}

/**
 * The images, and those set aside of the training images.
 * @throws UsageError if `--train-size`, `--test-size`, `--validation` or `--batch` asks for more images than there are; DataError
 */
export async function loadData(settings: DataSettings): Promise<DataSet & { validation: ImageSet | undefined }> {
  const { data: directory, transpose, trainSize, testSize, batch } = settings;
  if (settings.patience !== undefined && settings.validation === undefined) {
    throw new UsageError('--patience has no effect without --validation: say how many images to set aside');
  }
  const options = { transpose, ...(testSize !== undefined && { testSize }) };
  const data = await loadMnist(directory, options).catch((error) => {
    throw error instanceof TestSizeError
      ? new UsageError(`--test-size ${testSize}: ${error.message}`, { cause: error })
      : error;
  });
  const { train: rest, validation } = withValidation(data.train, settings.validation);
  const { count } = rest;
  if (trainSize !== undefined && trainSize > count) {
    throw new UsageError(`--train-size ${trainSize} is more than the ${count} training images: give ${count} or less`);
  }
  const train = trainSize === undefined ? rest : takeFirst(rest, trainSize);
  if (batch > train.count) {
    throw new UsageError(
      `--batch ${batch} is more than the ${train.count} training images: give ${train.count} or less`,
    );
  }
  return { ...data, train, validation };
}

function withValidation(train: ImageSet, count: number | undefined): { train: ImageSet; validation?: ImageSet } {
  if (count === undefined) return { train };
  if (count >= train.count) {
    throw new UsageError(
      `--validation ${count} leaves none of the ${train.count} training images: give ${train.count - 1} or less`,
    );
  }
  const parts = setAside(train, count);
  return { train: parts.train, validation: parts.test };
}

/** config.json: every setting, and what the results depend on besides. */
export function describeRun(settings: TrainSettings, out: string, data: DataSet, vae: Vae): object {
  const require = createRequire(import.meta.url);
  const versionOf = (path: string) => (require(path) as { version: string }).version;
  return {
    status: 'running',
    ...settings.config,
    data: settings.data === undefined ? data.name : resolve(settings.data),
    transpose: settings.transpose,
    trainSize: data.train.count,
    validation: settings.validation ?? null,
    patience: settings.patience ?? null,
    testSize: data.test.count,
    rows: data.train.rows,
    columns: data.train.columns,
    ...channelsOf(data),
    out,
    quiet: settings.quiet,
    wantedAdapter: settings.adapter ?? null,
    wantedVariant: settings.variant,
    variants: vae.lastSnapshot.variants,
    parameters: vae.table.count,
    steps: vae.steps,
    started: new Date().toISOString(),
    adapter: vae.device.info,
    versions: {
      'webgpu-vae': versionOf('../../package.json'),
      webgpu: versionOf('webgpu/package.json'),
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
    },
  };
}

/** What is said of colour images only. */
function channelsOf({ train: { channels = 1 } }: DataSet): { imageChannels?: number } {
  return channels > 1 ? { imageChannels: channels } : {};
}

/** The weights, with all that is needed to rebuild the model around them. */
function modelFile(
  vae: Vae,
  data: DataSet,
  { parameters, step }: { parameters: NamedTensor[]; step: number },
): Uint8Array {
  const { rows, columns, count } = data.train;
  return writeSafetensors(parameters, {
    format: 'pt',
    config: JSON.stringify({ ...vae.config, rows, columns, ...channelsOf(data), data: data.name, trainSize: count }),
    step: String(step),
  });
}

function dataLine({ name, train, test }: DataSet, validation: ImageSet | undefined): string {
  const size = `${train.columns} x ${train.rows} pixels${train.channels === 3 ? ' in colour' : ''}`;
  const labels = test.labels ? '' : ', without labels';
  const aside = validation ? `, ${thousands(validation.count)} validation` : '';
  return `Data: ${name}, ${thousands(train.count)} training${aside} and ${thousands(test.count)} test images of ${size}${labels}.`;
}

/** `validation 98.76, the best so far`. */
function validationLine(loss: number, isBest: boolean, { best }: BestEpochs): string {
  const than = isBest ? 'the best so far' : `epoch ${best!.epoch} was better, ${best!.loss.toFixed(2)}`;
  return `  validation ${loss.toFixed(2)}: ${than}`;
}

function modelLine({ config, imageSize, table, steps }: Vae): string {
  const layers = `${imageSize}-${describeLayers(config)}`;
  return `Model: ${layers} and back, ${thousands(table.count)} parameters; ${thousands(steps)} steps of ${config.batch} images.`;
}

function printEnd(
  { quiet }: TrainSettings,
  path: string,
  last: EpochResult | undefined,
  { step, steps }: { step: number; steps: number },
): void {
  const { bold } = colours(process.stdout);
  if (quiet) process.stdout.write(`${path}\n`);
  else if (last)
    process.stdout.write(`${bold(minusElbo(elboOf(last.test).minusElbo))} on the test images. Results: ${path}\n`);
  else
    process.stdout.write(
      `Stopped after ${step} of ${steps} steps; --resume ${path} goes on. What was learned so far: ${path}\n`,
    );
}
