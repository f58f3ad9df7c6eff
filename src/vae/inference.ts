import type { Device } from '../gpu/device.ts';
import { runSchedule } from '../gpu/schedule.ts';
import { BufferPool, download, type Tensor, upload } from '../gpu/tensor.ts';
import { packState } from '../kernels/finish-step.ts';
import { packImages } from '../kernels/gather.ts';
import { mostBytes, rowsThatFit } from './batches.ts';
import type { ParameterTable } from './parameters.ts';
import { planDecode, planEncode } from './plan.ts';

/** Images per submission, where the device lets so many at once. */
const INFERENCE_BATCH = 500;

/** A model to look through: its layers, and their parameters (table.length) f32 on the device. */
export interface Model {
  device: Device;
  table: ParameterTable;
  param: Tensor;
  /** D, pixels of an image. */
  imageSize: number;
  /** L. */
  latent: number;
}

/**
 * See `Vae.encode`.
 * @param images whole images: (n, D) u8, or f32 in [0, 1]
 * @param signal aborted, it stops between submissions and its reason is thrown
 */
export async function encodeImages(
  model: Model,
  images: Uint8Array | Float32Array,
  signal?: AbortSignal,
): Promise<{ mu: Float32Array; logvar: Float32Array }> {
  const { device, table, imageSize, latent } = model;
  const count = images.length / imageSize;
  const batch = Math.min(rowsThatFit(device, table, INFERENCE_BATCH), count);
  const mu = new Float32Array(count * latent);
  const logvar = new Float32Array(count * latent);
  // As many whole batches as one tensor holds the bytes of; it is a word longer than they are.
  const piece = batch * Math.max(1, Math.floor((mostBytes(device) - 8) / (batch * imageSize)));
  for (let first = 0; first < count; first += piece) {
    const part = images.subarray(first * imageSize, (first + piece) * imageSize);
    const heads = await encodePiece(model, part, batch, signal);
    for (let row = 0; row < part.length / imageSize; row++) {
      const at = row * 2 * latent;
      mu.set(heads.subarray(at, at + latent), (first + row) * latent);
      logvar.set(heads.subarray(at + latent, at + 2 * latent), (first + row) * latent);
    }
  }
  return { mu, logvar };
}

/** @returns (n, 2 L) f32: μ, then log σ² */
async function encodePiece(
  { device, table, param, imageSize, latent }: Model,
  images: Uint8Array | Float32Array,
  batch: number,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const count = images.length / imageSize;
  const pool = new BufferPool(device);
  try {
    const { state, schedule, x, heads } = await device.checked('encode', () => {
      const state = pool.tensor('state', [4], { dtype: 'u32' });
      const isPacked = !(images instanceof Float32Array);
      const packed = isPacked ? packImages(pool, 'images to encode', images, imageSize) : undefined;
      return { state, ...planEncode(pool, table, param, packed && { packed, state }, batch) };
    });
    const encoded = new Float32Array(count * 2 * latent);
    for (let position = 0; position < count; position += batch) {
      signal?.throwIfAborted();
      const rows = Math.min(batch, count - position);
      const out = await device.checked('encode', () => {
        if (images instanceof Float32Array)
          upload(device, x, images.subarray(position * imageSize, (position + rows) * imageSize));
        else upload(device, state, packState({ step: 0, epoch: 0, position, halted: 0 }));
        runSchedule(device, schedule);
        return download(device, heads);
      });
      encoded.set(out.subarray(0, rows * 2 * latent), position * 2 * latent);
    }
    return encoded;
  } finally {
    pool.dispose();
  }
}

/**
 * See `Vae.decode`.
 * @param z whole rows
 * @param signal aborted, it stops between submissions and its reason is thrown
 */
export async function decodeLatents(
  { device, table, param, imageSize, latent }: Model,
  z: Float32Array,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const count = z.length / latent;
  const batch = Math.min(rowsThatFit(device, table, INFERENCE_BATCH), count);
  const pool = new BufferPool(device);
  try {
    const plan = await device.checked('decode', () => planDecode(pool, table, param, batch));
    const pixels = new Float32Array(count * imageSize);
    for (let row = 0; row < count; row += batch) {
      signal?.throwIfAborted();
      const rows = Math.min(batch, count - row);
      const out = await device.checked('decode', () => {
        upload(device, plan.z, z.subarray(row * latent, (row + rows) * latent));
        runSchedule(device, plan.schedule);
        return download(device, plan.pixels);
      });
      pixels.set(out.subarray(0, rows * imageSize), row * imageSize);
    }
    // WGSL lets an adapter make any number of NaN.
    for (let row = 0; row < count; row++) {
      const isWhole = z.subarray(row * latent, (row + 1) * latent).every(Number.isFinite);
      if (!isWhole) pixels.fill(Number.NaN, row * imageSize, (row + 1) * imageSize);
    }
    return pixels;
  } finally {
    pool.dispose();
  }
}
