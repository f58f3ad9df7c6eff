/** `#host` in a browser: its own WebGPU, and fetch for the data. */
import { describeAdapter, matchesName } from './describe.ts';
import { NoAdapterError, noSuchAdapter } from './errors.ts';
import { loadMnist } from './mnist.browser.ts';
import { tuningStore } from './tuning-store.browser.ts';
import type { AdapterDescription, AdapterHandle, Host, OpenAdapterOptions } from './types.ts';

export { NoAdapterError } from './errors.ts';
export type { AdapterDescription, AdapterHandle, OpenAdapterOptions } from './types.ts';
export { loadMnist, tuningStore };

/** A page can only ask for kinds of adapters; the first is what it should use. */
const REQUESTS: GPURequestAdapterOptions[] = [
  { powerPreference: 'high-performance' },
  { powerPreference: 'low-power' },
  { forceFallbackAdapter: true },
];

async function* openAdapters(): AsyncGenerator<AdapterHandle, void, void> {
  const { gpu } = navigator as Partial<NavigatorGPU>;
  if (!gpu) return;
  const seen = new Set<string>();
  for (const request of REQUESTS) {
    const adapter = await gpu.requestAdapter(request);
    if (!adapter) continue;
    const info = describeAdapter(adapter, 'WebGPU', 'browser');
    const key = [info.name, info.vendor, info.architecture, info.device, info.description].join('\n');
    if (seen.has(key)) continue;
    seen.add(key);
    // The browser keeps its own GPU process alive: there is nothing to let go of.
    yield { adapter, info, languageFeatures: gpu.wgslLanguageFeatures, idle: async () => {}, dispose: () => {} };
  }
}

/** Opens the wanted adapter, or the fastest that the browser offers. See `Host.openAdapter`. */
export const openAdapter: Host['openAdapter'] = async (options: OpenAdapterOptions = {}) => {
  const found: AdapterDescription[] = [];
  for await (const handle of openAdapters()) {
    if (options.adapter === undefined || matchesName(handle.info, options.adapter)) return handle;
    found.push(handle.info);
  }
  if (options.adapter !== undefined && found.length > 0) throw noSuchAdapter(options.adapter, found);
  throw new NoAdapterError(
    'open adapter: expected WebGPU with an adapter, found none: use a current browser, open the page over https or on localhost, and switch on hardware acceleration',
  );
};

/** See `Host.listAdapters`. */
export const listAdapters: Host['listAdapters'] = async () => {
  const found: AdapterDescription[] = [];
  for await (const handle of openAdapters()) found.push(handle.info);
  return found;
};
