import type { TuningStore } from './types.ts';

const KEY = 'webgpu-vae.tuning';

/** Remembers kernel variants in the browser's storage; forgets them where a page may store nothing. */
export const tuningStore: TuningStore = {
  async read() {
    try {
      return localStorage.getItem(KEY) ?? undefined;
    } catch {
      return undefined;
    }
  },
  async write(text) {
    try {
      localStorage.setItem(KEY, text);
    } catch {
      // Private windows, full storage: it is measured again next time.
    }
  },
};
