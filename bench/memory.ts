import type { DataSet } from '../src/data/dataset.ts';
import type { Device } from '../src/gpu/device.ts';
import { Vae } from '../src/vae/vae.ts';
import { modelName } from './arithmetic.ts';
import { watchBuffers } from './calls.ts';
import type { StepConfig } from './step.ts';

/** What a model with its data holds on the GPU. */
export interface MemoryResult {
  model: string;
  batch: number;
  /** What the device says that it has allocated for the model. */
  allocated_bytes: number;
  /** The buffers' sizes by what they hold; adds up to `allocated_bytes`. */
  bytes: Record<string, number>;
  /** Training steps done then. */
  steps: number;
  /** The most that was allocated at the end of any chunk of those steps, less `allocated_bytes`. */
  grown_bytes: number;
}

/** The first pattern that a buffer's label matches says what the buffer holds. */
const KINDS: readonly [RegExp, string][] = [
  [/ params$/, 'kernel parameters'],
  [/^staging/, 'readback'],
  [/^parameters /, 'parameters'],
  [/^gradients /, 'gradients'],
  [/^Adam /, 'Adam moments'],
  [/images /, 'images'],
  [/losses /, 'losses'],
  [/^(evaluation )?state /, 'state'],
];

/** Intermediate results of training and of evaluation. */
const OTHER = 'activations and their gradients';

/**
 * Builds a model, adds up its buffers by kind, and trains.
 * @throws Error unless they add up, to the byte, to what the device says is allocated
 */
export async function measureMemory(
  device: Device,
  data: DataSet,
  config: StepConfig,
  steps: number,
): Promise<MemoryResult> {
  const before = device.allocatedBytes;
  const bytes: Record<string, number> = {};
  const unwatch = watchBuffers(({ label = '', size }) => {
    const kind = KINDS.find(([pattern]) => pattern.test(label))?.[1] ?? OTHER;
    bytes[kind] = (bytes[kind] ?? 0) + size;
  });
  let vae: Vae;
  try {
    vae = await Vae.create(device, data, config);
  } finally {
    unwatch();
  }
  try {
    const allocated = device.allocatedBytes - before;
    const sum = Object.values(bytes).reduce((total, size) => total + size, 0);
    if (sum !== allocated) {
      throw new Error(
        `measure memory: the model's buffers have ${sum} bytes, the device says ${allocated}: a buffer was made or destroyed behind its back`,
      );
    }
    let most = allocated;
    await vae.advance(steps, {
      onChunk: () => {
        most = Math.max(most, device.allocatedBytes - before);
      },
    });
    return {
      model: modelName(config, vae.imageSize),
      batch: config.batch,
      allocated_bytes: allocated,
      bytes,
      steps,
      grown_bytes: most - allocated,
    };
  } finally {
    vae.dispose();
  }
}
