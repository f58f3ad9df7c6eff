/** Dawn in Node: creating instances, keeping them alive, and asking each for its adapters. */
import { availableParallelism, tmpdir } from 'node:os';
import { describeAdapter } from './describe.ts';
import { NoAdapterError } from './errors.ts';
import type { AdapterDescription, AdapterHandle } from './types.ts';

/** How an instance is made. */
export interface InstanceOptions {
  /** Environment variables for the Vulkan loader, set only while it looks for drivers. */
  environment?: Record<string, string>;
  /** Exact name of the adapter, as in `systemAdapterNames`. Default: Dawn's first choice. */
  name?: string;
  unsafeFast: boolean;
  source: AdapterDescription['source'];
}

type Dawn = typeof import('webgpu');

/**
 * Instances in use. An instance that the garbage collector takes while a device lives ends the process, so each stays
 * here until its handle is disposed of. Node exits all the same.
 */
const live = new Set<GPU>();

const BACKENDS: Record<string, string> = { linux: 'Vulkan', darwin: 'Metal', win32: 'D3D12' };

/** The API that Dawn uses on this system, unless its own environment variable names another. */
function backendName(): string {
  return process.env.DAWNNODE_BACKEND || (BACKENDS[process.platform] ?? process.platform);
}

/**
 * Loads Dawn and makes WebGPU's classes and constants (`GPUBufferUsage`, ...) global, as they are in a browser.
 * @throws NoAdapterError where the package has no binary for this system
 */
export async function loadDawn(): Promise<Dawn> {
  try {
    const dawn = await import('webgpu');
    Object.assign(globalThis, dawn.globals);
    return dawn;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND';
    if (isMissing) {
      throw new NoAdapterError('load Dawn: expected the npm package "webgpu", found none: run `npm install webgpu`', {
        cause: error,
      });
    }
    throw new NoAdapterError(
      `load Dawn: the npm package "webgpu" does not load on ${process.platform}-${process.arch}: install it anew; if it still fails, this system is not supported (${(error as Error).message.split('\n')[0]})`,
      { cause: error },
    );
  }
}

/**
 * Runs `use` with environment variables set. Dawn's `requestAdapter` looks for drivers before it returns its promise, so
 * nothing else in the program ever sees them.
 */
function withEnvironment<T>(environment: Record<string, string>, use: () => T): T {
  const before = Object.keys(environment).map((key) => [key, process.env[key]] as const);
  Object.assign(process.env, environment);
  try {
    return use();
  } finally {
    for (const [key, value] of before) {
      if (value === undefined) delete process.env[key];
      else process.env[key] = value;
    }
  }
}

/**
 * lavapipe deals a dispatch out to its threads in equal parts before they begin, by default to as many as there are cores: a
 * core that is late, or busy with something else for a moment, keeps all others waiting. With twice as many parts another
 * core takes over the rest, and a training step takes three quarters of the time.
 */
const LAVAPIPE_THREADS_PER_CORE = 2;

function request(gpu: GPU, environment: Record<string, string> = {}): Promise<GPUAdapter | null> {
  // Without XDG_RUNTIME_DIR some drivers complain on stderr about a display that nobody asked for.
  const defaults = {
    XDG_RUNTIME_DIR: tmpdir(),
    LP_NUM_THREADS: `${LAVAPIPE_THREADS_PER_CORE * availableParallelism()}`,
  };
  const own = Object.fromEntries(Object.entries(defaults).filter(([name]) => !process.env[name]));
  // Without a preference Dawn puts integrated GPUs before discrete ones; software comes last either way.
  return withEnvironment({ ...own, ...environment }, () => gpu.requestAdapter({ powerPreference: 'high-performance' }));
}

const idle = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * SwiftShader fills workgroup memory with zeros element by element when Vulkan is asked to, in a straight line of code whose compiling
 * takes ten times as long as the kernel's own. Without this, Dawn has the threads do so in a loop, as WGSL demands either way.
 */
export const SLOW_ON_SWIFTSHADER = 'use_vulkan_zero_initialize_workgroup_memory_extension';

/** Opens one adapter in an instance of its own, or returns undefined where there is none. */
export async function openInstance(dawn: Dawn, options: InstanceOptions): Promise<AdapterHandle | undefined> {
  const flags: string[] = [];
  if (options.name !== undefined) flags.push(`adapter=${options.name}`);
  if (options.unsafeFast) flags.push('enable-dawn-features=allow_unsafe_apis,disable_robustness');
  if (options.source === 'npm SwiftShader') flags.push(`disable-dawn-features=${SLOW_ON_SWIFTSHADER}`);
  const gpu = dawn.create(flags);
  live.add(gpu);
  const dispose = () => void live.delete(gpu);
  try {
    const adapter = await request(gpu, options.environment);
    if (adapter) {
      const info = describeAdapter(adapter, backendName(), options.source);
      const memoryBytes = info.software ? process.availableMemory() : undefined;
      return { adapter, info, languageFeatures: gpu.wgslLanguageFeatures, idle, memoryBytes, dispose };
    }
  } catch (error) {
    dispose();
    throw new NoAdapterError(
      `open adapter: Dawn says "${(error as Error).message.split('\n')[0]}": run \`npm run doctor\``,
      {
        cause: error,
      },
    );
  }
  dispose();
  return undefined;
}

/**
 * Names of the adapters that the system's drivers offer, the preferred one first. WebGPU has no such list; Dawn names
 * the adapters when it is asked for one that does not exist, as its README recommends.
 */
export async function systemAdapterNames(dawn: Dawn): Promise<string[]> {
  const gpu = dawn.create(['adapter=(a name that no adapter has)']);
  live.add(gpu);
  try {
    await request(gpu);
    return [];
  } catch (error) {
    const names = Array.from((error as Error).message.matchAll(/name: '(.*)'$/gm), (match) => match[1] as string);
    return [...new Set(names)];
  } finally {
    live.delete(gpu);
  }
}
