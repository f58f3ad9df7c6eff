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

/** See `Vae.encode`. */
export async function encodeImages(
  { device, table, param, imageSize, latent }: Model,
  images: Uint8Array,
): Promise<{ mu: Float32Array; logvar: Float32Array }> {
  const pool = new BufferPool(device);
  try {
    return await device.checked('encode', async () => {
      const packed = packImages(pool, 'images to encode', images, imageSize);
      const batch = Math.min(INFERENCE_BATCH, packed.count);
      const state = pool.tensor('state', [4], { dtype: 'u32' });
      const { schedule, heads } = planEncode(pool, table, param, packed, state, batch);
      const mu = new Float32Array(packed.count * latent);
      const logvar = new Float32Array(packed.count * latent);
      for (let position = 0; position < packed.count; position += batch) {
        upload(device, state, packState({ step: 0, epoch: 0, position, halted: 0 }));
        runSchedule(device, schedule);
        const out = await download(device, heads);
        for (let row = 0; row < Math.min(batch, packed.count - position); row++) {
          const at = row * 2 * latent;
          mu.set(out.subarray(at, at + latent), (position + row) * latent);
          logvar.set(out.subarray(at + latent, at + 2 * latent), (position + row) * latent);
        }
      }
      return { mu, logvar };
    });
  } finally {
    pool.dispose();
  }
}

/** See `Vae.decode`. */
export async function decodeLatents(
  { device, table, param, imageSize, latent }: Model,
  z: Float32Array,
): Promise<Float32Array> {
  const count = z.length / latent;
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`decode: z has ${z.length} values, expected a positive multiple of L=${latent}`);
  }
  const pool = new BufferPool(device);
  try {
    return await device.checked('decode', async () => {
      const batch = Math.min(INFERENCE_BATCH, count);
      const plan = planDecode(pool, table, param, batch);
      const pixels = new Float32Array(count * imageSize);
      for (let row = 0; row < count; row += batch) {
        const rows = Math.min(batch, count - row);
        upload(device, plan.z, z.subarray(row * latent, (row + rows) * latent));
        runSchedule(device, plan.schedule);
        const out = await download(device, plan.pixels);
        pixels.set(out.subarray(0, rows * imageSize), row * imageSize);
      }
      return pixels;
    });
  } finally {
    pool.dispose();
  }
}
