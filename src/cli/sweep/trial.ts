/** One trial: a run folder as `train` makes it. */
import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import type { Vae } from 'webgpu-vae';
import { createVae, type DataSet, type Device, elboOf, parseConfig, type VaeConfig } from 'webgpu-vae';
import { CHECKPOINT, PREVIOUS_CHECKPOINT } from '../checkpoint-file.ts';
import { oneLine } from '../errors.ts';
import { readBeginning } from '../resume.ts';
import { openRunFolder, type RunFolder } from '../run-folder.ts';
import { chooseVariants, describeRun, runTraining } from '../train.ts';
import type { TrainSettings, Variant } from '../train-command.ts';
import type { StudySpec } from './spec.ts';
import type { Claim, Outcome } from './store.ts';

/** What trials of one process share. */
export interface Bench {
  device(): Device;
  /** Opens another device in place of one that was lost. */
  reopen(): Promise<Device>;
  adapter: string | undefined;
  /** Folder of IDX files; the embedded MNIST without it. */
  dataFolder: string | undefined;
  data: DataSet;
  /** The modules that draw. */
  figures: typeof import('../figures.ts');
}

export interface TrialRequest {
  claim: Claim;
  path: string;
  signal: AbortSignal;
  bench: Bench;
  /** Told of every file, once it is in the folder. */
  onFile?(name: string, content: Uint8Array | string): Promise<void>;
  /** Asked after every epoch whether the trial is to end. */
  onEpoch(epoch: number, value: number): Promise<boolean>;
}

/** A trial that fails of itself would fail again: it has a result. What comes from outside of it is thrown. */
export class TrialLostError extends Error {
  override name = 'TrialLostError';
}

/** The settings that a trial is run with; those of a trial that is gone on with come from its checkpoint. */
function settingsOf({ claim, path, bench }: TrialRequest, config: VaeConfig, resumed: boolean): TrainSettings {
  const { spec } = claim;
  return {
    config,
    given: {},
    resume: resumed ? path : undefined,
    init: undefined,
    checkpointEvery: spec.checkpointEvery,
    data: bench.dataFolder,
    transpose: spec.transpose,
    trainSize: spec.trainSize ?? undefined,
    testSize: spec.testSize ?? undefined,
    validation: undefined,
    patience: undefined,
    out: resumed ? undefined : path,
    adapter: bench.adapter,
    variant: resumed ? 'auto' : (spec.variant as Variant),
    force: false,
    quiet: true,
  };
}

/**
 * Runs a trial, or goes on with one whose checkpoint lies in its folder.
 * @returns how it ended; undefined if `signal` stopped it before
 * @throws TrialLostError, and what has nothing to do with the trial's settings
 */
export async function runTrial(request: TrialRequest): Promise<Outcome | undefined> {
  const { claim, path, signal, bench } = request;
  const begun = performance.now();
  let vae: Vae | undefined;
  let folder: RunFolder | undefined;
  const controller = new AbortController();
  const stop = () => controller.abort();
  if (claim.isPruned || signal.aborted) stop();
  signal.addEventListener('abort', stop);
  let isPruned = claim.isPruned;
  try {
    const config = parseConfig(claim.config as Partial<VaeConfig>);
    const files = await readdir(path).catch(() => [] as string[]);
    const resumed = files.includes(CHECKPOINT) || files.includes(PREVIOUS_CHECKPOINT);
    // A worker that died before the first checkpoint has left nothing of use.
    if (!resumed) await rm(path, { recursive: true, force: true });
    const { settings, options } = await readBeginning(settingsOf(request, config, resumed));
    const variants = await chooseVariants(settings, bench.device(), bench.data, options.snapshot);
    vae = await createVae(bench.device(), bench.data, options.snapshot ? settings.given : settings.config, {
      ...options,
      variants,
      reopen: bench.reopen,
    });
    folder = observed(await openRunFolder({ path, resumed, force: false }), request.onFile);
    const { finished, step, last } = await runTraining({
      settings,
      data: bench.data,
      validation: undefined,
      vae,
      folder,
      reporter: { line() {}, progress() {}, epoch() {}, stop() {} },
      signal: controller.signal,
      config: describeRun(settings, path, bench.data, vae),
      draw: { epoch: bench.figures.writeEpochFigures, end: bench.figures.writeFinalFigures },
      async onEpoch({ epoch, test }) {
        if (epoch === config.epochs || !(await request.onEpoch(epoch, elboOf(test).minusElbo))) return;
        isPruned = true;
        stop();
      },
    });
    if (!finished && !isPruned) return undefined;
    const value = last ? elboOf(last.test).minusElbo : null;
    if (finished && last) await request.onEpoch(last.epoch, elboOf(last.test).minusElbo);
    return {
      state: finished ? 'finished' : 'pruned',
      value,
      losses: { ...last?.test },
      epochs: last?.epoch ?? 0,
      step,
      seconds: last?.seconds ?? 0,
      adapter: vae.device.info.name,
      error: null,
    };
  } catch (error) {
    if (error instanceof TrialLostError) throw error;
    if (signal.aborted) return undefined;
    return {
      state: 'failed',
      value: null,
      losses: {},
      epochs: vae?.history.length ?? 0,
      step: vae?.step ?? 0,
      seconds: (performance.now() - begun) / 1000,
      adapter: bench.device().info.name,
      error: oneLine(error),
    };
  } finally {
    signal.removeEventListener('abort', stop);
    vae?.dispose();
    await folder?.unlock();
  }
}

/** A run folder that tells of what is written to it. */
function observed(folder: RunFolder, onFile: TrialRequest['onFile']): RunFolder {
  if (!onFile) return folder;
  return {
    ...folder,
    async write(name, content) {
      await folder.write(name, content);
      await onFile(name, content);
    },
    async writeConfig(config) {
      await folder.writeConfig(config);
      await onFile('config.json', `${JSON.stringify(config, undefined, 2)}\n`);
    },
    async writeMetrics(results) {
      const text = await folder.writeMetrics(results);
      await onFile('metrics.csv', text);
      return text;
    },
    async writeCheckpoint(bytes) {
      await folder.writeCheckpoint(bytes);
      await onFile(CHECKPOINT, bytes);
    },
  };
}

/** What a study's data are known by. */
export function dataIdentity({ name, train, test }: DataSet): StudySpec['data'] {
  return {
    name,
    trainCount: train.count,
    testCount: test.count,
    fingerprint: sha256(train.images),
    testFingerprint: sha256(test.images),
  };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
