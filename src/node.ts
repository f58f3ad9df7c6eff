/**
 * Node's part: adapters, MNIST, files, the software GPU that npm brings. Importing it needs no native code; opening an
 * adapter needs the package `webgpu`.
 *
 * @packageDocumentation
 */
export type { DataSet } from './data/dataset.ts';
export { cacheFolder } from './host/cache-folder.ts';
export {
  type AdapterDescription,
  type AdapterHandle,
  hasVulkanDriver,
  listAdapters,
  loadMnist,
  NoAdapterError,
  type OpenAdapterOptions,
  openAdapter,
} from './host/node.ts';
export { type SwiftShaderFiles, unpackSwiftShader } from './host/swiftshader.ts';
export type { TuningStore } from './host/types.ts';
