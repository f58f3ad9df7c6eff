import type { Binding } from './bindings.ts';
import { codeOf, compileKernel, type Kernel, type WgslModule } from './compile.ts';
import type { Device } from './device.ts';
import { type BufferPool, formatShape, type Tensor } from './tensor.ts';
import type { TextureCopy } from './texture.ts';

/** One entry of a schedule, complete and immutable: encoding it creates nothing. */
export interface Dispatch {
  readonly label: string;
  readonly kernel: Kernel;
  readonly bindGroup: GPUBindGroup;
  /** Number of workgroups, not of threads. */
  readonly workgroups: readonly [number, number, number];
  /** What it may write to. */
  readonly writes: readonly GPUBuffer[];
}

/**
 * Puts modules of WGSL, one after the other, into one shader with a pipeline; the entry point is `main`.
 * The same modules and constants give the same kernel.
 *
 * @param constants values of WGSL `override`s
 */
export function createKernel(
  device: Device,
  modules: readonly WgslModule[],
  constants: Record<string, number> = {},
): Kernel {
  const key = JSON.stringify([codeOf(modules), constants]);
  const known = device.kernels.get(key);
  if (known) return known;
  const kernel = compileKernel(device.handle, modules, constants);
  device.kernels.set(key, kernel);
  return kernel;
}

const TEXTURES: readonly Binding['kind'][] = ['texture', 'storage texture'];

/**
 * Binds tensors and parameters to a kernel by the names that its WGSL gives them.
 *
 * @param resources a tensor for every storage binding, a tensor's copy for every texture; a sampler is the device's
 * @param params a number for every field of the uniform `params`
 * @throws Error if a name is missing, unknown, or a range is not aligned
 */
export function createDispatch(
  pool: BufferPool,
  label: string,
  kernel: Kernel,
  resources: Record<string, Tensor | TextureCopy>,
  params: Record<string, number>,
  workgroups: readonly [number, number, number],
): Dispatch {
  const { device } = pool;
  const limit = device.limits.maxComputeWorkgroupsPerDimension;
  if (workgroups.some((count) => count > limit)) {
    throw new RangeError(
      `${label}: ${formatShape(workgroups)} workgroups, the adapter allows ${limit} per dimension: use a smaller model or batch`,
    );
  }
  const names = new Set(Object.keys(resources));
  const writes: GPUBuffer[] = [];
  const entries = kernel.bindings.map((binding): GPUBindGroupEntry => {
    if (binding.kind === 'uniform') {
      return { binding: binding.binding, resource: { buffer: createUniform(pool, label, binding, params) } };
    }
    if (binding.kind === 'sampler') return { binding: binding.binding, resource: device.sampler };
    const resource = resources[binding.name];
    const isTexture = TEXTURES.includes(binding.kind);
    if (!resource || 'texture' in resource !== isTexture) {
      const kind = isTexture ? "tensor's copy" : 'tensor';
      throw new Error(
        `${label}: the kernel ${kernel.label} needs a ${kind} "${binding.name}", got ${[...names].join(', ')}`,
      );
    }
    names.delete(binding.name);
    if ('texture' in resource) return { binding: binding.binding, resource: resource.view };
    const { buffer, offsetBytes: offset, sizeBytes: size } = resource;
    if (binding.access !== 'read') writes.push(buffer);
    return { binding: binding.binding, resource: { buffer, offset, size } };
  });
  if (names.size > 0)
    throw new Error(`${label}: the kernel ${kernel.label} has no binding "${[...names].join('", "')}"`);
  const bindGroup = device.handle.createBindGroup({ label, layout: kernel.layout, entries });
  return { label, kernel, bindGroup, workgroups, writes };
}

/** A uniform buffer that holds `params`, laid out as the WGSL struct is. Written once, here. */
function createUniform(
  pool: BufferPool,
  label: string,
  { fields }: Binding,
  params: Record<string, number>,
): GPUBuffer {
  const bytes = new DataView(new ArrayBuffer(Math.ceil((fields.length * 4) / 16) * 16));
  const names = new Set(Object.keys(params));
  for (const { name, offsetBytes, type } of fields) {
    const value = params[name];
    if (value === undefined) throw new Error(`${label}: params.${name} is missing, got ${[...names].join(', ')}`);
    names.delete(name);
    if (type === 'f32') bytes.setFloat32(offsetBytes, value, true);
    else if (type === 'u32' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff)
      bytes.setUint32(offsetBytes, value, true);
    else throw new Error(`${label}: params.${name} is ${value}, expected ${type}`);
  }
  if (names.size > 0) throw new Error(`${label}: params has no field ${[...names].join(', ')}`);
  const buffer = pool.buffer(`${label} params`, bytes.byteLength, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
  pool.device.handle.queue.writeBuffer(buffer, 0, bytes.buffer);
  return buffer;
}

/** Workgroup counts for `threads` threads in a row: a second dimension takes what one dimension cannot. */
export function linearWorkgroups(device: Device, threads: number, workgroupSize: number): [number, number, number] {
  const count = Math.ceil(threads / workgroupSize);
  const columns = Math.min(count, device.limits.maxComputeWorkgroupsPerDimension);
  return [columns, Math.ceil(count / columns), 1];
}
