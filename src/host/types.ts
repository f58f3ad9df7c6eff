/** What the engine needs from where it runs: an adapter and the data. Node and the browser each implement `Host`. */
import type { DataSet } from '../data/dataset.ts';
import type { LoadOptions } from '../data/mnist.ts';
import type { AdapterDescription, DeviceHost } from '../gpu/device.ts';

export type { AdapterDescription } from '../gpu/device.ts';

/** An adapter and what keeps it alive. */
export interface AdapterHandle extends DeviceHost {
  /** `requestDevice` consumes it: open another handle for another device. */
  adapter: GPUAdapter;
  info: AdapterDescription;
  /**
   * Lets go of the GPU instance. Call it once, after every device from this adapter is destroyed: in Node an instance that
   * is collected while something on the GPU still lives ends the process. Calling it again does nothing.
   */
  dispose(): void;
}

/** How an adapter is chosen and set up. */
export interface OpenAdapterOptions {
  /** Part of an adapter's name, in any case: `nvidia`, `llvmpipe` or `lavapipe`, `swiftshader`. Default: the best one. */
  adapter?: string;
  /**
   * Node only: switches off Dawn's bounds checks in shaders and allows its experimental APIs. A wrong index then reads or
   * writes foreign memory instead of being clamped. For measuring; default false.
   */
  unsafeFast?: boolean;
}

/** Remembers which kernels were found the fastest. Neither method throws: what cannot be remembered is measured again. */
export interface TuningStore {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

/** What `#host` exports, in Node and in browsers. */
export interface Host {
  /** @throws NoAdapterError when there is no adapter, or none whose name has `options.adapter` in it */
  openAdapter(options?: OpenAdapterOptions): Promise<AdapterHandle>;
  /** Every adapter that can be found, in order of preference: the first is the one that `openAdapter()` takes. */
  listAdapters(): Promise<AdapterDescription[]>;
  /**
   * Reads a data set that is in MNIST's format: four IDX files, plain or gzipped, of which labels may be missing.
   *
   * @param directory where they are; in Node also the folder above, or a path whose last part is what the names of one of
   * several sets in a folder begin with (`gzip/emnist-letters`). Default: the MNIST that comes with the program
   * @throws DataError when a file is missing, unreadable or malformed
   */
  loadMnist(directory?: string, options?: LoadOptions): Promise<DataSet>;
  tuningStore: TuningStore;
}
