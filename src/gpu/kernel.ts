import { ResourceType, type VariableInfo, WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { loadShader } from '#shaders';
import type { Device } from './device.ts';
import { type BufferPool, formatShape, type Tensor } from './tensor.ts';
import type { TextureCopy } from './texture.ts';

/** A compute pipeline with what its WGSL says of itself: names, kinds and places of its bindings. */
export interface Kernel {
  readonly label: string;
  /** Compiled when it is first asked for: a page shows its first picture before it has compiled what training needs. */
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly bindings: readonly VariableInfo[];
  /** The compiler's errors, one line each with file, line and column; empty if it compiled. */
  compilationErrors(): Promise<string[]>;
}

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
 * Puts whole shader files, one after the other, into one module with a pipeline; the entry point is `main`.
 * The same files and constants give the same kernel.
 *
 * @param constants values of WGSL `override`s
 */
export function createKernel(device: Device, files: readonly string[], constants: Record<string, number> = {}): Kernel {
  const key = JSON.stringify([files, constants]);
  const known = device.kernels.get(key);
  if (known) return known;

  const texts = files.map(loadShader);
  const code = texts.join('\n');
  const label = files.map((file) => file.replace('.wgsl', '')).join('+');
  const bindings = new WgslReflect(code).getBindGroups()[0]?.filter((binding) => binding !== undefined) ?? [];
  const module = device.handle.createShaderModule({ label, code });
  const layout = device.handle.createBindGroupLayout({
    label,
    entries: bindings.map(layoutEntry),
  });
  let pipeline: GPUComputePipeline | undefined;
  const kernel: Kernel = {
    label,
    get pipeline() {
      pipeline ??= device.handle.createComputePipeline({
        label,
        layout: device.handle.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: 'main', constants },
      });
      return pipeline;
    },
    layout,
    bindings,
    compilationErrors: async () => {
      const { messages } = await module.getCompilationInfo();
      return messages
        .filter((message) => message.type === 'error')
        .map((message) => `${place(files, texts, message.lineNum)}:${message.linePos}: ${message.message}`);
    },
  };
  device.kernels.set(key, kernel);
  return kernel;
}

const TEXTURES: readonly ResourceType[] = [ResourceType.Texture, ResourceType.StorageTexture];

function layoutEntry({ binding, resourceType, access }: VariableInfo): GPUBindGroupLayoutEntry {
  const entry = { binding, visibility: GPUShaderStage.COMPUTE };
  switch (resourceType) {
    case ResourceType.StorageTexture:
      return { ...entry, storageTexture: { access: 'read-only', format: 'rgba32float' } };
    case ResourceType.Texture:
      return { ...entry, texture: { sampleType: 'unfilterable-float' } };
    case ResourceType.Sampler:
      return { ...entry, sampler: { type: 'non-filtering' } };
    case ResourceType.Uniform:
      return { ...entry, buffer: { type: 'uniform' } };
    default:
      return { ...entry, buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' } };
  }
}

/** The file and line within it of a line of the files put together. */
function place(files: readonly string[], texts: readonly string[], line: number): string {
  let rest = line;
  for (const [index, text] of texts.entries()) {
    const lines = text.split('\n').length;
    if (rest <= lines) return `shaders/${files[index]}:${rest}`;
    rest -= lines;
  }
  return `${files.join('+')}:${line}`;
}

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
    if (binding.resourceType === ResourceType.Uniform) {
      return { binding: binding.binding, resource: { buffer: createUniform(pool, label, binding, params) } };
    }
    if (binding.resourceType === ResourceType.Sampler) return { binding: binding.binding, resource: device.sampler };
    const resource = resources[binding.name];
    const isTexture = TEXTURES.includes(binding.resourceType);
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
  binding: VariableInfo,
  params: Record<string, number>,
): GPUBuffer {
  const bytes = new DataView(new ArrayBuffer(Math.ceil(binding.size / 16) * 16));
  const names = new Set(Object.keys(params));
  for (const { name, offset, type } of binding.members ?? []) {
    const value = params[name];
    if (value === undefined) throw new Error(`${label}: params.${name} is missing, got ${[...names].join(', ')}`);
    names.delete(name);
    if (type.name === 'f32') bytes.setFloat32(offset, value, true);
    else if (type.name === 'u32' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff)
      bytes.setUint32(offset, value, true);
    else throw new Error(`${label}: params.${name} is ${value}, expected ${type.name}`);
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
