import { type Capabilities, capabilitiesOf } from './capabilities.ts';
import type { Kernel } from './compile.ts';
import { textureBytes, textureSize } from './texture.ts';

/** What an adapter is, in plain values that can be printed and stored. */
export interface AdapterDescription {
  /** A readable name: `nvidia geforce rtx 4090`, `llvmpipe (Mesa 25.0.7)`, `SwiftShader`. */
  name: string;
  /** WebGPU tells only whether it is a CPU; discrete or integrated is judged from the name, so it may stay `unknown`. */
  type: 'discrete GPU' | 'integrated GPU' | 'CPU' | 'unknown';
  /** True when shaders run on the CPU. */
  software: boolean;
  /** The API underneath: `Vulkan`, `Metal`, `D3D12`; `WebGPU` in a browser, which does not tell. */
  backend: string;
  /** As in `GPUAdapterInfo`; each may be empty. */
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  /** Names of the WebGPU features that a device may ask for, sorted. */
  features: string[];
  /** The highest values that a device may ask for, by the names of `GPUSupportedLimits`. */
  limits: Record<string, number>;
  /** Where the driver is from; the cache folder's was put there by `webgpu-vae setup`. */
  source: 'system' | 'cache folder' | 'npm SwiftShader' | 'browser';
}

/** A tensor does not fit the device. The message names the tensor, its size and the limit. */
export class DeviceLimitError extends Error {
  override name = 'DeviceLimitError';
}

/** The GPU device went away; nothing on it can be used again. */
export class DeviceLostError extends Error {
  override name = 'DeviceLostError';
}

/** WebGPU refused something, or the GPU has not done what it was told. */
export class GpuError extends Error {
  override name = 'GpuError';
}

/** What differs between Node and a page. */
export interface DeviceHost {
  /**
   * Waits about `ms` with nothing pending on the GPU. In Node this is a timer: a pending GPU promise makes Dawn spin the
   * event loop on a whole core. In a page it returns at once: there waiting is free, and a hidden tab's timers are slow.
   */
  idle(ms: number): Promise<void>;
  /** What the WGSL compiler knows beyond the language's first version; see `WGSLLanguageFeatures`. */
  languageFeatures: ReadonlySet<string>;
  /** Where the GPU's memory is the computer's: what was free when the adapter was opened. No cap without it. */
  memoryBytes?: number | undefined;
  /**
   * Lets go of the GPU instance. Call it once, after every device from this adapter is destroyed: in Node an instance that
   * is collected while something on the GPU still lives ends the process. Calling it again does nothing.
   */
  dispose(): void;
}

/** How long a loss may take to be announced after the first thing that it broke. */
const LOSS_GRACE_MS = 100;
/** The same after a mapping was aborted, which says that a loss is coming: a browser's GPU process may first end compiling. */
const ABORT_GRACE_MS = 10_000;

/** So many errors are kept with their words; the first ones say why there are more. */
const MOST_ERRORS = 100;

const WANTED_FEATURES = ['subgroups', 'timestamp-query'] as const;

const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupStorageSize',
] as const;

/**
 * A WebGPU device with the bookkeeping that the engine needs: compiled kernels, bytes allocated, whether it was lost.
 * Owns the `GPUDevice`; `dispose()` destroys it and whatever still lives on it.
 */
export class Device {
  readonly handle: GPUDevice;
  readonly info: AdapterDescription;
  /** The adapter's subgroup sizes, 0 if the device has no subgroups. */
  readonly subgroupSizes: { min: number; max: number };
  /** Compiled kernels by source and constants; filled by `createKernel`. */
  readonly kernels = new Map<string, Kernel>();
  #capabilities: Capabilities | undefined;
  #sampler: GPUSampler | undefined;
  #allocatedBytes = 0;
  #lost: DeviceLostError | undefined;
  #disposed = false;
  /** What WebGPU said outside of any scope, in order: at most MOST_ERRORS of so many. */
  #uncaptured: string[] = [];
  #uncapturedCount = 0;
  #host: DeviceHost;

  constructor(
    handle: GPUDevice,
    info: AdapterDescription,
    subgroupSizes: { min: number; max: number },
    host: DeviceHost,
  ) {
    this.handle = handle;
    this.info = info;
    this.subgroupSizes = subgroupSizes;
    this.#host = host;
    handle.lost.then((lost) => {
      this.#lost ??= new DeviceLostError(`the GPU device was lost: ${lost.message || lost.reason}`);
    });
    handle.addEventListener('uncapturederror', ({ error }) => {
      this.#uncapturedCount++;
      if (this.#uncaptured.length < MOST_ERRORS) this.#uncaptured.push(error.message.trim());
    });
  }

  get features(): GPUSupportedFeatures {
    return this.handle.features;
  }

  get limits(): GPUSupportedLimits {
    return this.handle.limits;
  }

  /** Waits about `ms` where waiting for the GPU itself would cost; see `DeviceHost.idle`. */
  idle(ms: number): Promise<void> {
    return ms > 0 ? this.#host.idle(ms) : Promise.resolve();
  }

  /** What kernels choose by. */
  get capabilities(): Capabilities {
    this.#capabilities ??= capabilitiesOf({
      software: this.info.software,
      subgroupSizes: this.subgroupSizes,
      languageFeatures: this.languageFeatures,
      maxTextureDimension2D: this.limits.maxTextureDimension2D,
    });
    return this.#capabilities;
  }

  /** What the WGSL compiler knows beyond the language's first version. */
  get languageFeatures(): ReadonlySet<string> {
    return this.#host.languageFeatures;
  }

  /** Samples tensors' copies, see `TextureCopy`: takes the nearest texel, and begins a row again beyond its end. */
  get sampler(): GPUSampler {
    this.#sampler ??= this.handle.createSampler({ label: 'texels', addressModeU: 'repeat' });
    return this.#sampler;
  }

  /** Bytes of all buffers and textures that live on this device now. */
  get allocatedBytes(): number {
    return this.#allocatedBytes;
  }

  /** @throws DeviceLostError if the device is gone. */
  assertAlive(): void {
    if (this.#lost) throw this.#lost;
  }

  /** Whether the device is gone, for whatever reason. */
  get lost(): boolean {
    return this.#lost !== undefined;
  }

  /** Whether `dispose()` was called: the device is gone because its owner wanted it so. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * The reason of an error that the GPU gave: the loss of the device if it is lost, else the error itself. What a loss
   * breaks may fail before the loss is announced, so this waits a moment for that.
   */
  async reasonOf(error: unknown): Promise<unknown> {
    if (error instanceof DeviceLostError) return error;
    if (this.#lost) return this.#lost;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const grace = new Promise((resolve) => {
      const aborted = (error as Error).name === 'AbortError';
      timer = setTimeout(resolve, aborted ? ABORT_GRACE_MS : LOSS_GRACE_MS);
    });
    await Promise.race([this.handle.lost, grace]);
    clearTimeout(timer);
    return this.#lost ?? error;
  }

  /**
   * Creates a buffer after comparing its size with the device's limits.
   * @throws DeviceLimitError naming the tensor, its size and the limit.
   */
  createBuffer(label: string, sizeBytes: number, usage: GPUBufferUsageFlags): GPUBuffer {
    this.assertAlive();
    const { maxBufferSize, maxStorageBufferBindingSize } = this.limits;
    const limit = usage & GPUBufferUsage.STORAGE ? Math.min(maxBufferSize, maxStorageBufferBindingSize) : maxBufferSize;
    if (!(sizeBytes <= limit)) {
      const what = `createBuffer: ${label} needs ${formatBytes(sizeBytes)}, the adapter allows ${formatBytes(limit)} per buffer`;
      throw new DeviceLimitError(`${what}: use a smaller model, batch or data set`);
    }
    this.#assertMemory('createBuffer', label, sizeBytes);
    const buffer = this.handle.createBuffer({ label, size: sizeBytes, usage });
    this.#allocatedBytes += sizeBytes;
    return buffer;
  }

  #assertMemory(operation: string, label: string, sizeBytes: number): void {
    const { memoryBytes = Number.POSITIVE_INFINITY } = this.#host;
    if (this.#allocatedBytes + sizeBytes <= memoryBytes) return;
    const sum = `${formatBytes(sizeBytes)} on top of ${formatBytes(this.#allocatedBytes)}`;
    throw new DeviceLimitError(
      `${operation}: ${label} needs ${sum}, the computer had ${formatBytes(memoryBytes)} of free memory: use a smaller model, batch or data set`,
    );
  }

  destroyBuffer(buffer: GPUBuffer): void {
    this.#allocatedBytes -= buffer.size;
    buffer.destroy();
  }

  /**
   * Creates a texture that a tensor of so many bytes can be copied to, see `TextureCopy`.
   * @throws DeviceLimitError naming the tensor and its size
   */
  createTexture(label: string, sizeBytes: number): GPUTexture {
    this.assertAlive();
    const size = textureSize(sizeBytes);
    const { maxTextureDimension2D: limit } = this.limits;
    if (size.height > limit) {
      const what = `createTexture: ${label} needs ${size.height} rows, the adapter allows ${limit}`;
      throw new DeviceLimitError(`${what}: use a smaller model or batch`);
    }
    this.#assertMemory('createTexture', label, textureBytes(size));
    const { STORAGE_BINDING, TEXTURE_BINDING, COPY_DST } = GPUTextureUsage;
    const usage = STORAGE_BINDING | TEXTURE_BINDING | COPY_DST;
    const texture = this.handle.createTexture({ label, size, format: 'rgba32float', usage });
    this.#allocatedBytes += textureBytes(size);
    return texture;
  }

  destroyTexture(texture: GPUTexture): void {
    this.#allocatedBytes -= textureBytes(texture);
    texture.destroy();
  }

  /**
   * Begins to watch for errors that no scope catches: a submission that WebGPU refuses does nothing, and says so only there.
   * What it returns gives the first one since, if there is one. Those of others on this device count, too: nobody can tell.
   */
  watchErrors(): () => GpuError | undefined {
    const seen = this.#uncapturedCount;
    return () => {
      if (this.#uncapturedCount === seen) return undefined;
      return new GpuError(`the GPU refused a command: ${this.#uncaptured[seen] ?? this.#uncaptured.at(-1)}`);
    };
  }

  /**
   * Runs `build` inside validation and out-of-memory scopes, so that a mistake or a full GPU is an exception there
   * and not a message in a console. Scopes cost a round trip: use it while building, not while training.
   *
   * The scopes are closed when `build` returns, before anybody else can run: they catch nobody else's errors, and calls may
   * overlap. So what `build` does after its first `await` is outside of them.
   * @throws GpuError for what they catch, DeviceLostError
   */
  async checked<T>(what: string, build: () => T | Promise<T>): Promise<T> {
    this.assertAlive();
    this.handle.pushErrorScope('validation');
    this.handle.pushErrorScope('out-of-memory');
    let result: T | Promise<T>;
    let failure: { error: unknown } | undefined;
    try {
      result = build();
      // It is waited for below, after the scopes' answers.
      if (result instanceof Promise) result.catch(() => undefined);
    } catch (error) {
      failure = { error };
    }
    const scopes = Promise.all([this.handle.popErrorScope(), this.handle.popErrorScope()]);
    const [memory, validation] = await scopes.catch(async (error) => {
      throw await this.reasonOf(failure ? failure.error : error);
    });
    if (failure) throw failure.error;
    if (memory) throw new GpuError(`${what}: the GPU is out of memory: ${memory.message}`);
    if (validation) throw new GpuError(`${what}: ${await this.#explain(validation.message)}`);
    return result!;
  }

  dispose(): void {
    this.#disposed = true;
    this.#lost ??= new DeviceLostError('the GPU device was disposed');
    this.kernels.clear();
    this.handle.destroy();
    this.#host.dispose();
  }

  /** A validation message, preceded by the compiler's own words (file, line, column) if a shader did not compile. */
  async #explain(message: string): Promise<string> {
    const lines: string[] = [];
    for (const kernel of this.kernels.values()) lines.push(...(await kernel.compilationErrors()));
    this.kernels.clear();
    return [...lines, message].join('\n');
  }
}

/**
 * Asks an adapter for a device with the features and limits that the engine can use.
 * An adapter gives one device; ask for another adapter for a second one.
 */
export async function openDevice(adapter: GPUAdapter, info: AdapterDescription, host: DeviceHost): Promise<Device> {
  const requiredFeatures = WANTED_FEATURES.filter((feature) => adapter.features.has(feature));
  const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((limit) => [limit, adapter.limits[limit]]));
  const handle = await adapter.requestDevice({ label: 'webgpu-vae', requiredFeatures, requiredLimits });
  const { subgroupMinSize: min = 0, subgroupMaxSize: max = 0 } = adapter.info;
  const subgroupSizes = handle.features.has('subgroups') ? { min, max } : { min: 0, max: 0 };
  return new Device(handle, info, subgroupSizes, host);
}

/** 1536 -> `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
