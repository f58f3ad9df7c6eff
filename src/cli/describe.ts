/** Adapters in words. */
import { type AdapterDescription, formatBytes } from 'webgpu-vae';
import { isLavapipe } from 'webgpu-vae/node';

/** `SwiftShader, CPU, Vulkan`. */
export function adapterLine({ name, type, backend }: AdapterDescription): string {
  return [name, ...(type === 'unknown' ? [] : [type]), backend].join(', ');
}

export { isLavapipe };

/** One sentence on how to get a faster adapter than a software one; empty for a GPU. */
export function fasterAdapter(info: AdapterDescription): string {
  if (!info.software) return '';
  if (isLavapipe(info)) return 'Shaders run on the CPU: only a GPU with a Vulkan driver is faster than this.';
  if (process.platform === 'linux') {
    return 'Shaders run on the CPU: `npm run setup` installs lavapipe, which is about 5 times as fast.';
  }
  return 'Shaders run on the CPU: a GPU with a current driver is faster.';
}

/** The limits that decide whether a model fits and which kernels run. */
export function limitsLine({ limits }: AdapterDescription): string {
  const bytes = (key: string) => formatBytes(limits[key] ?? 0);
  return [
    `buffer ${bytes('maxBufferSize')}`,
    `storage binding ${bytes('maxStorageBufferBindingSize')}`,
    `${limits.maxComputeInvocationsPerWorkgroup} threads and ${bytes('maxComputeWorkgroupStorageSize')} of shared memory per workgroup`,
    `${limits.maxStorageBuffersPerShaderStage} storage buffers per shader`,
  ].join(', ');
}

/** What is said of a driver that setup has put into the cache folder. */
export const CACHED = 'from the cache folder (npm run setup)';

/** Where an adapter's driver comes from. */
export function sourceText({ source }: AdapterDescription): string {
  if (source === 'npm SwiftShader') return 'comes with npm (@sparticuz/chromium)';
  return source === 'cache folder' ? CACHED : `from the ${source}`;
}

/** Why this adapter, the first of those found, is the one that is used. */
export function reasonForChoice(info: AdapterDescription, wanted: string | undefined): string {
  if (wanted !== undefined) return `its name matches --adapter ${wanted}`;
  if (!info.software) return 'a GPU comes before software adapters';
  if (info.source === 'system') return 'no GPU was found, and a system driver comes before those from elsewhere';
  if (info.source === 'cache folder')
    return 'neither a GPU nor a lavapipe of the system was found, and this one comes before the driver from npm';
  return 'neither a GPU nor a system driver that works was found';
}
