import type { Device } from '../gpu/device.ts';
import { runSchedule } from '../gpu/schedule.ts';
import { BufferPool, download, type Tensor, upload } from '../gpu/tensor.ts';
import { packState } from '../kernels/finish-step.ts';
import { packImages } from '../kernels/gather.ts';
import type { ParameterTable } from './parameters.ts';
import { planDecode, planEncode } from './plan.ts';

/** Images per submission. */
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
 * @param signal aborted, it stops between submissions and its reason is thrown
 */
export async function encodeImages(
  { device, table, param, imageSize, latent }: Model,
  images: Uint8Array,
  signal?: AbortSignal,
): Promise<{ mu: Float32Array; logvar: Float32Array }> {
  const pool = new BufferPool(device);
  try {
    const { count, batch, state, schedule, heads } = await device.checked('encode', () => {
      const packed = packImages(pool, 'images to encode', images, imageSize);
      const batch = Math.min(INFERENCE_BATCH, packed.count);
      const state = pool.tensor('state', [4], { dtype: 'u32' });
      return { count: packed.count, batch, state, ...planEncode(pool, table, param, packed, state, batch) };
    });
    const mu = new Float32Array(count * latent);
    const logvar = new Float32Array(count * latent);
    for (let position = 0; position < count; position += batch) {
      signal?.throwIfAborted();
      const out = await device.checked('encode', () => {
        upload(device, state, packState({ step: 0, epoch: 0, position, halted: 0 }));
        runSchedule(device, schedule);
        return download(device, heads);
      });
      for (let row = 0; row < Math.min(batch, count - position); row++) {
        const at = row * 2 * latent;
        mu.set(out.subarray(at, at + latent), (position + row) * latent);
        logvar.set(out.subarray(at + latent, at + 2 * latent), (position + row) * latent);
      }
    }
    return { mu, logvar };
  } finally {
    pool.dispose();
  }
}

/**
 * See `Vae.decode`.
 * @param signal aborted, it stops between submissions and its reason is thrown
 */
export async function decodeLatents(
  { device, table, param, imageSize, latent }: Model,
  z: Float32Array,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const count = z.length / latent;
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`decode: z has ${z.length} values, expected a positive multiple of L=${latent}`);
  }
  const pool = new BufferPool(device);
  try {
    const batch = Math.min(INFERENCE_BATCH, count);
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
    return pixels;
  } finally {
    pool.dispose();
  }
}
