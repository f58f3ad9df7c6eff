import type { DataSet } from '../src/data/dataset.ts';
import type { Device } from '../src/gpu/device.ts';
import { textureBytes } from '../src/gpu/texture.ts';
import { Vae } from '../src/vae/vae.ts';
import { modelName } from './arithmetic.ts';
import { watchBuffers, watchTextures } from './calls.ts';
import type { StepConfig } from './step.ts';

/** What a model with its data holds on the GPU. */
export interface MemoryResult {
  model: string;
  batch: number;
  /** What the device says that it has allocated for the model. */
  allocated_bytes: number;
  /** The sizes of buffers and textures by what they hold; adds up to `allocated_bytes`. */
  bytes: Record<string, number>;
  /** Training steps done then. */
  steps: number;
  /** The most that was allocated at the end of any chunk of those steps, less `allocated_bytes`. */
  grown_bytes: number;
}

/** The first pattern that a label matches says what the buffer or texture holds. */
const KINDS: readonly [RegExp, string][] = [
  [/ as texture$/, 'copies in textures'],
  [/ params$/, 'kernel parameters'],
  [/^staging| timestamps$/, 'readback'],
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
 * Builds a model, adds up its buffers and textures by kind, and trains.
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
  const add = (label = '', sizeBytes: number) => {
    const kind = KINDS.find(([pattern]) => pattern.test(label))?.[1] ?? OTHER;
    bytes[kind] = (bytes[kind] ?? 0) + sizeBytes;
  };
  const unwatch = [
    watchBuffers(({ label, size }) => add(label, size)),
    watchTextures(({ label, size }) => add(label, textureBytes(size as { width: number; height: number }))),
  ];
  let vae: Vae;
  try {
    vae = await Vae.create(device, data, config);
  } finally {
    for (const stop of unwatch) stop();
  }
  try {
    const allocated = device.allocatedBytes - before;
    const sum = Object.values(bytes).reduce((total, size) => total + size, 0);
    if (sum !== allocated) {
      throw new Error(
        `measure memory: the model's buffers and textures have ${sum} bytes, the device says ${allocated}: one was made or destroyed behind its back`,
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
