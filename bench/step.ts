import type { DataSet } from '../src/data/dataset.ts';
import type { Device } from '../src/gpu/device.ts';
import type { VaeConfig } from '../src/vae/config.ts';
import { Vae } from '../src/vae/vae.ts';
import { modelName, stepFlops } from './arithmetic.ts';
import { countCalls } from './calls.ts';
import { median, significant } from './statistics.ts';

/** A model and batch to measure. */
export type StepConfig = Pick<VaeConfig, 'hidden' | 'latent' | 'batch'>;

/** How fast one training step is, in the steady state. */
export interface StepResult {
  model: string;
  batch: number;
  /** Over chunks of steps, as the trainer replays them. */
  ms_per_step: { median: number; min: number };
  /** Of the matrix products, at the median. */
  gflops: number;
  /** Per step. */
  dispatches: number;
  submits_per_step: number;
  /** In the whole of the timed part; also the next two. */
  buffers_created: number;
  bind_groups_created: number;
  bytes_written: number;
  /** Of the timed part. */
  steps: number;
  chunks: number;
  /** What the timed part added to the GPU's memory. */
  bytes_grown: number;
}

/** The configurations that the project is judged by. */
export const STEP_CONFIGS: readonly StepConfig[] = [
  { hidden: [512, 256], latent: 2, batch: 128 },
  { hidden: [400], latent: 20, batch: 128 },
  { hidden: [512, 256], latent: 2, batch: 1024 },
];

const MIN_CHUNKS = 7;
const WARM_UP_STEPS = 4;

/**
 * Trains a fresh model and times its chunks. Nothing else may run on the machine, or the minimum is the better number.
 * @param budgetMs about how long the timed part may take
 */
export async function measureStep(
  device: Device,
  data: DataSet,
  config: StepConfig,
  budgetMs: number,
): Promise<StepResult> {
  const vae = await Vae.create(device, data, config);
  try {
    // The first step compiles, the others tell the trainer how long a chunk should be.
    await vae.advance(1);
    let estimate = 0;
    await vae.advance(WARM_UP_STEPS, {
      onChunk: (_, ms) => {
        estimate = ms;
      },
    });
    const bytesBefore = device.allocatedBytes;
    const chunks: { steps: number; ms: number }[] = [];
    const stepsPerRun = Math.max(MIN_CHUNKS, Math.ceil(budgetMs / estimate));
    const firstStep = vae.step;
    const calls = countCalls();
    let counted: ReturnType<typeof calls.stop>;
    try {
      while (chunks.length < MIN_CHUNKS) {
        await vae.advance(stepsPerRun, { onChunk: (losses, ms) => chunks.push({ steps: losses.length, ms }) });
      }
    } finally {
      counted = calls.stop();
    }
    const steps = vae.step - firstStep;
    // A short last chunk carries the cost of a submission on few steps.
    const longest = Math.max(...chunks.map((chunk) => chunk.steps));
    const times = chunks.filter((chunk) => 2 * chunk.steps > longest).map((chunk) => chunk.ms);
    const typical = median(times);
    return {
      model: modelName(config, vae.imageSize),
      batch: config.batch,
      ms_per_step: { median: significant(typical), min: significant(Math.min(...times)) },
      gflops: significant(stepFlops(config, config.batch, vae.imageSize) / typical / 1e6),
      dispatches: counted.dispatches / steps,
      submits_per_step: significant(counted.submits / steps),
      buffers_created: counted.buffersCreated,
      bind_groups_created: counted.bindGroupsCreated,
      bytes_written: counted.bytesWritten,
      steps,
      chunks: chunks.length,
      bytes_grown: device.allocatedBytes - bytesBefore,
    };
  } finally {
    vae.dispose();
  }
}
