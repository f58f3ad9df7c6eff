/** `#host` in Node: Dawn for WebGPU, files for the data. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemHasAdapter } from './ask-system.ts';
import { loadDawn, openInstance, systemAdapterNames } from './dawn.ts';
import { isLavapipe, matchesName } from './describe.ts';
import { NoAdapterError, noSuchAdapter } from './errors.ts';
import { homeFolder } from './home.ts';
import { type CachedLavapipe, findLavapipe, loadLavapipe, mustComeFirst } from './lavapipe.ts';
import { loadMnist } from './mnist.node.ts';
import { hasVulkanLoader, keepLibrary } from './native-files.ts';
import { unpackSwiftShader } from './swiftshader.ts';
import { tuningStore } from './tuning-store.node.ts';
import type { AdapterDescription, AdapterHandle, Host, OpenAdapterOptions } from './types.ts';

export { NoAdapterError } from './errors.ts';
export type { AdapterDescription, AdapterHandle, OpenAdapterOptions } from './types.ts';
export { loadMnist, tuningStore };

/** Whether some Vulkan driver is installed: a manifest where the loader looks, or one that the user named. */
export function hasVulkanDriver(): boolean {
  const { env } = process;
  const home = homeFolder();
  const own = (variable: string | undefined, ...path: string[]) =>
    variable ? [variable] : home === undefined ? [] : [join(home, ...path)];
  if (env.VK_DRIVER_FILES || env.VK_ICD_FILENAMES || env.VK_ADD_DRIVER_FILES) return true;
  const roots = [
    ...own(env.XDG_CONFIG_HOME, '.config'),
    ...(env.XDG_CONFIG_DIRS || '/etc/xdg').split(':'),
    '/etc',
    ...own(env.XDG_DATA_HOME, '.local', 'share'),
    ...(env.XDG_DATA_DIRS || '/usr/local/share:/usr/share').split(':'),
  ];
  return roots.some((root) => {
    try {
      return readdirSync(join(root, 'vulkan', 'icd.d')).some((file) => file.endsWith('.json'));
    } catch {
      return false;
    }
  });
}

/**
 * Makes sure that Dawn finds a Vulkan loader where it could be of use: a container may have a GPU's driver and no loader.
 * @returns false when asking the system for an adapter is pointless
 */
async function prepareSystem(lavapipe: CachedLavapipe | undefined): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  // A loader may look for drivers in more places than are known here: no GPU is lost for a warning that is kept out.
  if (hasVulkanLoader()) return hasVulkanDriver() || (await systemHasAdapter());
  if (!hasVulkanDriver()) return false;
  const files = await unpackSwiftShader();
  if (files) return keepLibrary(files.loader);
  return lavapipe !== undefined && (await loadLavapipe(lavapipe)) && keepLoader(lavapipe);
}

function keepLoader({ folder, contents: { loader } }: CachedLavapipe): boolean {
  return hasVulkanLoader() || (loader !== null && keepLibrary(join(folder, loader)));
}

/** Variables that make the Vulkan loader look at one driver only; the second is the first one's name before 2022. */
function onlyDriver(manifest: string): Record<string, string> {
  return { VK_DRIVER_FILES: manifest, VK_ICD_FILENAMES: manifest };
}

/**
 * Opens adapters one by one in order of preference. Dawn itself puts GPUs before software, so the software drivers that are
 * not the system's are loaded only when somebody asks for more than the system has. Drivers named by VK_DRIVER_FILES or
 * VK_ICD_FILENAMES are the system's drivers here.
 */
async function* openAdapters(unsafeFast: boolean): AsyncGenerator<AdapterHandle, void, void> {
  const dawn = await loadDawn();
  const lavapipe = await findLavapipe();
  if (lavapipe && (await mustComeFirst(lavapipe))) await loadLavapipe(lavapipe);
  let hasLavapipe = false;
  if (await prepareSystem(lavapipe)) {
    const first = await openInstance(dawn, { unsafeFast, source: 'system' });
    if (first) {
      hasLavapipe = isLavapipe(first.info);
      yield first;
      for (const name of (await systemAdapterNames(dawn)).slice(1)) {
        const next = await openInstance(dawn, { name, unsafeFast, source: 'system' });
        if (!next) continue;
        hasLavapipe ||= isLavapipe(next.info);
        yield next;
      }
    }
  }
  // One lavapipe is enough, and two would have to share libraries that are not of one version.
  if (lavapipe && !hasLavapipe && (await loadLavapipe(lavapipe)) && keepLoader(lavapipe)) {
    const environment = onlyDriver(join(lavapipe.folder, lavapipe.contents.manifest));
    const next = await openInstance(dawn, { environment, unsafeFast, source: 'cache folder' });
    if (next) yield next;
  }
  const files = await unpackSwiftShader();
  if (!files) return;
  if (!hasVulkanLoader()) keepLibrary(files.loader);
  const last = await openInstance(dawn, {
    environment: onlyDriver(files.manifest),
    unsafeFast,
    source: 'npm SwiftShader',
  });
  if (last) yield last;
}

/**
 * Opens the wanted adapter, or the best one: a GPU, then the system's lavapipe, then the one that `webgpu-vae setup` put into
 * the cache folder, then the SwiftShader that comes with npm. Makes WebGPU's classes and constants global. See
 * `Host.openAdapter`.
 */
export const openAdapter: Host['openAdapter'] = async (options: OpenAdapterOptions = {}) => {
  const found: AdapterDescription[] = [];
  for await (const handle of openAdapters(options.unsafeFast ?? false)) {
    if (options.adapter === undefined || matchesName(handle.info, options.adapter)) return handle;
    found.push(handle.info);
    handle.dispose();
  }
  if (options.adapter !== undefined && found.length > 0) throw noSuchAdapter(options.adapter, found);
  throw new NoAdapterError(
    'open adapter: expected a GPU or a software adapter, found none: run `npm run setup` to install one, or `npm run doctor` to see why',
  );
};

/** See `Host.listAdapters`. Opens each adapter for a moment. */
export const listAdapters: Host['listAdapters'] = async () => {
  const found: AdapterDescription[] = [];
  for await (const handle of openAdapters(false)) {
    found.push(handle.info);
    handle.dispose();
  }
  return found;
};
