/**
 * Node's part: adapters, MNIST, files, the software GPU that npm brings. Importing it needs no native code; opening an
 * adapter needs the package `webgpu`.
 *
 * @packageDocumentation
 */
export type { DataSet } from './data/dataset.ts';
export { type CacheChoice, cacheCandidates, cacheFolder, chooseCacheFolder } from './host/cache-folder.ts';
export { isLavapipe } from './host/describe.ts';
export { homeFolder } from './host/home.ts';
export { CONTENTS_FILE, LAVAPIPE_FOLDER, type LavapipeContents } from './host/lavapipe.ts';
export { type Hashes, hashFolder, placeFolder, VULKAN_LOADER } from './host/native-files.ts';
export {
  type AdapterDescription,
  type AdapterHandle,
  hasVulkanDriver,
  listAdapters,
  loadMnist,
  NoAdapterError,
  type OpenAdapterOptions,
  openAdapter,
  tuningStore,
} from './host/node.ts';
export { findPictures, type PictureFiles, type PictureFolder, readPictures } from './host/pictures.node.ts';
export { type SwiftShaderFiles, unpackSwiftShader } from './host/swiftshader.ts';
export type { TuningStore } from './host/types.ts';
