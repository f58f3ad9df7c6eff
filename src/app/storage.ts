/** The last session's checkpoint in the browser's own storage (IndexedDB): it survives a reload, and stays here. */
const DATABASE = 'webgpu-vae';
const STORE = 'session';
const KEY = 'last';

/** A session that can be resumed. */
export interface StoredSession {
  /** A checkpoint file. */
  checkpoint: Uint8Array;
  step: number;
  steps: number;
  /** Milliseconds since 1970. */
  savedAt: number;
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function withStore<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
      transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** @throws DOMException when the browser has no room or no storage for this page */
export async function storeSession(session: StoredSession): Promise<void> {
  await withStore('readwrite', (store) => store.put(session, KEY));
}

/** The last session, or undefined if there is none or the browser has no storage for this page. */
export async function loadSession(): Promise<StoredSession | undefined> {
  try {
    const stored: unknown = await withStore('readonly', (store) => store.get(KEY));
    return isStored(stored) ? stored : undefined;
  } catch {
    // Private windows and blocked storage: as if there were none.
    return undefined;
  }
}

function isStored(value: unknown): value is StoredSession {
  if (typeof value !== 'object' || value === null) return false;
  const { checkpoint, step, steps, savedAt } = value as Partial<StoredSession>;
  return checkpoint instanceof Uint8Array && [step, steps, savedAt].every((each) => typeof each === 'number');
}
