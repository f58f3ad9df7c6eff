import { type DataSet, parseConfig, type VaeConfig } from 'webgpu-vae';
import * as z from 'zod/mini';
import type { Curve } from './metrics.ts';

/**
 * Runs in the browser's own storage (IndexedDB), one slot for each: they survive a reload, and stay here. What a run is and
 * its checkpoint lie apart, so that a list of runs need not read the checkpoints.
 */
const DATABASE = 'webgpu-vae';
/** The first version had one slot for everything, the second no data. */
const VERSION = 3;
const STORES = ['runs', 'checkpoints', 'data'] as const;
/** Older runs make room. */
const MOST_RUNS = 8;

const pointsSchema = z.array(z.catchall(z.object({ step: z.number(), loss: z.number() }), z.number()));

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
  name: z._default(z.string(), ''),
  seconds: z._default(z.number(), 0),
  curve: z._default(z.object({ train: pointsSchema, test: pointsSchema }), { train: [], test: [] }),
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
  /** Given by the visitor, or empty. */
  name: string;
  /** Spent in training. */
  seconds: number;
  curve: Curve;
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, VERSION);
    request.onupgradeneeded = () => {
      const { objectStoreNames } = request.result;
      for (const name of [...objectStoreNames])
        if (!(STORES as readonly string[]).includes(name)) request.result.deleteObjectStore(name);
      for (const name of STORES) if (!objectStoreNames.contains(name)) request.result.createObjectStore(name);
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
      const [runs, checkpoints, data] = STORES.map((name) => transaction.objectStore(name)) as [
        IDBObjectStore,
        IDBObjectStore,
        IDBObjectStore,
      ];
      const request = work({ runs, checkpoints, data });
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
  const leaving = others.slice(MOST_RUNS - 1);
  const staying = new Set([run, ...others.slice(0, MOST_RUNS - 1)].map(({ data }) => data.fingerprint));
  await withStores('readwrite', ({ runs, checkpoints, data }) => {
    for (const { id, data: of } of leaving) {
      if (!staying.has(of.fingerprint)) data.delete(of.fingerprint);
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

/** Changes what is known of a stored run; one that is gone stays so. */
export async function renameRun(id: string, name: string): Promise<void> {
  const run = (await listRuns()).find((each) => each.id === id);
  if (run) await withStores('readwrite', ({ runs }) => runs.put({ ...run, name }, id));
}

/** Deletes a run. Data that no other run is of go with it. */
export async function deleteRun(id: string): Promise<void> {
  const all = await listRuns();
  const gone = all.find((run) => run.id === id);
  const isOfOthers = all.some((run) => run.id !== id && run.data.fingerprint === gone?.data.fingerprint);
  await withStores('readwrite', ({ runs, checkpoints, data }) => {
    if (gone && !isOfOthers) data.delete(gone.data.fingerprint);
    checkpoints.delete(id);
    return runs.delete(id) as IDBRequest<unknown>;
  });
}

/** Keeps a data set that cannot be had from the page's server, once. */
export async function storeData(fingerprint: string, set: DataSet): Promise<void> {
  const has = await withStores('readonly', ({ data }) => data.count(fingerprint));
  if (has === 0) await withStores('readwrite', ({ data }) => data.put(set, fingerprint));
}

/** What `storeData` has kept. */
export async function loadData(fingerprint: string): Promise<DataSet | undefined> {
  return (await withStores<unknown>('readonly', ({ data }) => data.get(fingerprint))) as DataSet | undefined;
}

/** @throws Error when it is gone meanwhile */
export async function loadCheckpoint(id: string): Promise<Uint8Array> {
  const stored = await withStores<unknown>('readonly', ({ checkpoints }) => checkpoints.get(id));
  if (stored instanceof Uint8Array) return stored;
  throw new Error('the run is not in the browser’s storage any more: another tab has made room for newer ones');
}
