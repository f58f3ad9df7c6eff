import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './cache-folder.ts';
import type { TuningStore } from './types.ts';

const FILE = 'tuning.json';

/** Remembers kernel variants in a file of the user's cache folder; forgets them where none can be written. */
export const tuningStore: TuningStore = {
  async read() {
    try {
      return await readFile(join(await cacheFolder(), FILE), 'utf8');
    } catch {
      return undefined;
    }
  },
  async write(text) {
    try {
      const path = join(await cacheFolder(), FILE);
      const temporary = `${path}.${process.pid}`;
      try {
        await writeFile(temporary, text);
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    } catch {
      // A home that is read-only: it is measured again next time.
    }
  },
};
