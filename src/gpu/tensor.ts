import type { Device } from './device.ts';
import type { BufferRange, TextureCopy } from './texture.ts';

export type DType = 'f32' | 'u32';

/** A dense row-major array on the GPU: a range of a buffer, with a shape. */
export interface Tensor extends BufferRange {
  readonly label: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function formatShape(shape: readonly number[]): string {
  return `(${shape.join(', ')})`;
}

/**
 * Owns buffers and textures: what a model, a schedule or a test has made on the GPU, to be destroyed together.
 * Every buffer can be copied to and from.
 */
export class BufferPool {
  readonly device: Device;
  #buffers: GPUBuffer[] = [];
  #copies: TextureCopy[] = [];

  constructor(device: Device) {
    this.device = device;
  }

  /**
   * A new tensor, zero or holding `data`.
   * @throws DeviceLimitError if it is larger than the device allows.
   */
  tensor(label: string, shape: readonly number[], options: { dtype?: DType; data?: ArrayBufferView } = {}): Tensor {
    const sizeBytes = elementCount(shape) * 4;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = this.buffer(`${label} ${formatShape(shape)}`, Math.max(sizeBytes, 4), usage);
    const tensor: Tensor = { label, dtype: options.dtype ?? 'f32', shape, buffer, offsetBytes: 0, sizeBytes };
    if (options.data) upload(this.device, tensor, options.data);
    return tensor;
  }

  buffer(label: string, sizeBytes: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const buffer = this.device.createBuffer(label, sizeBytes, usage);
    this.#buffers.push(buffer);
    return buffer;
  }

  /**
   * The command that copies the tensor to a texture; the same one for the same tensor.
   * @param source its bytes a multiple of 16
   * @throws DeviceLimitError if it is larger than the device allows
   */
  textureCopy(source: Tensor): TextureCopy {
    const { label, buffer, offsetBytes, sizeBytes } = source;
    const known = this.#copies.find(
      ({ source: other }) =>
        other.buffer === buffer && other.offsetBytes === offsetBytes && other.sizeBytes === sizeBytes,
    );
    if (known) return known;
    const texture = this.device.createTexture(`${label} ${formatShape(source.shape)} as texture`, sizeBytes);
    const copy = { label: `copy ${label}`, source, texture, view: texture.createView() };
    this.#copies.push(copy);
    return copy;
  }

  dispose(): void {
    for (const buffer of this.#buffers) this.device.destroyBuffer(buffer);
    for (const { texture } of this.#copies) this.device.destroyTexture(texture);
    this.#buffers = [];
    this.#copies = [];
  }
}

/** A part of a tensor, beginning `offset` elements into it. */
export function view(tensor: Tensor, label: string, shape: readonly number[], offset: number): Tensor {
  const sizeBytes = elementCount(shape) * 4;
  if (offset * 4 + sizeBytes > tensor.sizeBytes) {
    throw new RangeError(
      `view: ${label} ${formatShape(shape)} at ${offset} does not fit ${tensor.label} ${formatShape(tensor.shape)}`,
    );
  }
  return { ...tensor, label, shape, offsetBytes: tensor.offsetBytes + offset * 4, sizeBytes };
}

/**
 * Copies numbers from the CPU into a tensor, from its first element on.
 * @throws RangeError if there are more bytes than the tensor holds.
 */
export function upload(device: Device, tensor: Tensor, data: ArrayBufferView): void {
  device.assertAlive();
  if (data.byteLength > tensor.sizeBytes) {
    throw new RangeError(`upload: ${tensor.label} holds ${tensor.sizeBytes} bytes, got ${data.byteLength}`);
  }
  device.handle.queue.writeBuffer(
    tensor.buffer,
    tensor.offsetBytes,
    data.buffer as ArrayBuffer,
    data.byteOffset,
    data.byteLength,
  );
}

/** Copies a tensor to the CPU. Waits for everything submitted before. */
export async function download(device: Device, tensor: Tensor): Promise<Float32Array> {
  return new Float32Array(await downloadBytes(device, tensor));
}

/** Like `download`, for u32 tensors. */
export async function downloadU32(device: Device, tensor: Tensor): Promise<Uint32Array> {
  return new Uint32Array(await downloadBytes(device, tensor));
}

async function downloadBytes(device: Device, tensor: Tensor): Promise<ArrayBuffer> {
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = device.createBuffer(`download of ${tensor.label}`, tensor.sizeBytes, usage);
  try {
    const encoder = device.handle.createCommandEncoder();
    encoder.copyBufferToBuffer(tensor.buffer, tensor.offsetBytes, staging, 0, tensor.sizeBytes);
    device.handle.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    return staging.getMappedRange().slice(0);
  } catch (error) {
    throw await device.reasonOf(error);
  } finally {
    device.destroyBuffer(staging);
  }
}
