import { parseConfig, type VaeConfig } from 'webgpu-vae';
import * as z from 'zod/mini';

/**
 * Runs in the browser's own storage (IndexedDB), one slot for each: they survive a reload, and stay here. What a run is and
 * its checkpoint lie apart, so that a list of runs need not read the checkpoints.
 */
const DATABASE = 'webgpu-vae';
/** The first version had one slot for everything. */
const VERSION = 2;
const STORES = ['runs', 'checkpoints'] as const;
/** Older runs make room. */
const MOST_RUNS = 8;

const storedRunSchema = z.object({
  id: z.string().check(z.minLength(1)),
  // With what a later version has added.
  config: z.pipe(
    z.looseObject({}),
    z.transform((config, context) => {
      try {
        return parseConfig(config as Partial<VaeConfig>);
      } catch (error) {
        context.issues.push({ code: 'custom', message: String(error), input: config });
        return z.NEVER;
      }
    }),
  ),
  data: z.object({ name: z.string(), fingerprint: z.string(), trainCount: z.number(), testCount: z.number() }),
  step: z.number(),
  steps: z.number(),
  savedAt: z.number(),
});

/** A run that can be resumed. */
export interface StoredRun {
  id: string;
  config: VaeConfig;
  data: { name: string; fingerprint: string; trainCount: number; testCount: number };
  step: number;
  steps: number;
  /** Milliseconds since 1970. */
  savedAt: number;
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, VERSION);
    request.onupgradeneeded = () => {
      for (const name of [...request.result.objectStoreNames]) request.result.deleteObjectStore(name);
      for (const name of STORES) request.result.createObjectStore(name);
    };
    request.onsuccess = () => {
      // A page of a later version must not wait for this one.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('another tab has an older version of this page open: close it'));
  });
}

type Stores = Record<(typeof STORES)[number], IDBObjectStore>;

async function withStores<T>(mode: IDBTransactionMode, work: (stores: Stores) => IDBRequest<T>): Promise<T> {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORES, mode);
      const [runs, checkpoints] = STORES.map((name) => transaction.objectStore(name)) as [
        IDBObjectStore,
        IDBObjectStore,
      ];
      const request = work({ runs, checkpoints });
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
      transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/**
 * Puts a run into its slot, and lets the oldest of the others go.
 * @param checkpoint the file
 * @throws DOMException when the browser has no room or no storage for this page
 */
export async function storeRun(run: StoredRun, checkpoint: Uint8Array): Promise<void> {
  const others = (await listRuns()).filter(({ id }) => id !== run.id);
  await withStores('readwrite', ({ runs, checkpoints }) => {
    for (const { id } of others.slice(MOST_RUNS - 1)) {
      runs.delete(id);
      checkpoints.delete(id);
    }
    checkpoints.put(checkpoint, run.id);
    return runs.put(run, run.id);
  });
}

/** The latest first; none if the browser has no storage for this page. */
export async function listRuns(): Promise<StoredRun[]> {
  try {
    const stored = await withStores<unknown[]>('readonly', ({ runs }) => runs.getAll());
    const known = stored.flatMap((each) => storedRunSchema.safeParse(each).data ?? []);
    return known.sort((a, b) => b.savedAt - a.savedAt);
  } catch {
    // Private windows and blocked storage: as if there were none.
    return [];
  }
}

/** @throws Error when it is gone meanwhile */
export async function loadCheckpoint(id: string): Promise<Uint8Array> {
  const stored = await withStores<unknown>('readonly', ({ checkpoints }) => checkpoints.get(id));
  if (stored instanceof Uint8Array) return stored;
  throw new Error('the run is not in the browser’s storage any more: another tab has made room for newer ones');
}
