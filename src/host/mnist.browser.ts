/** Data sets in a browser: fetched from a web server. */
import { DataError, type DataSet } from '../data/dataset.ts';
import { idxFileBytes } from '../data/idx.ts';
import { type LoadOptions, missingPart, readMnist } from '../data/mnist.ts';
import { candidateNames, type MnistPart, PARTS } from '../data/part-names.ts';
import { readAll } from '../data/unpack.ts';

const DEFAULT_BASE = './mnist';

/** What went wrong while reading, as a DataError. */
function explain(error: unknown, what: string, remedy: string): DataError {
  if (error instanceof DataError) return error;
  return new DataError(`${what}, got "${(error as Error).message}": ${remedy}`, { cause: error });
}

/** Packed before plain: there is less to fetch. */
function addresses(base: string, part: MnistPart): string[] {
  const names = candidateNames(part);
  const isPacked = (name: string) => name.endsWith('.gz');
  return [...names.filter(isPacked), ...names.filter((name) => !isPacked(name))].map(
    (name) => `${base.replace(/\/$/, '')}/${name}`,
  );
}

/** The file's bytes, or undefined when the server has no such file. */
async function tryFetch(url: string, progress: Arrival): Promise<Uint8Array | undefined> {
  try {
    const response = await fetch(url);
    // Servers of single-page applications answer an unknown address with the page itself.
    const isPage = response.headers.get('content-type')?.includes('text/html') ?? false;
    if (response.ok && !isPage && response.body) {
      return await readAll(response.body, url, { onChunk: progress.file(response.headers) });
    }
    await response.body?.cancel();
    if (response.status >= 500) throw new Error(`status ${response.status}`);
    return undefined;
  } catch (error) {
    throw explain(error, `fetch ${url}: expected the whole file`, 'check the connection and try again');
  }
}

/** How much of all files has arrived; known when every file's size is. */
class Arrival {
  #onProgress: (part: number) => void;
  #filesToCome: number = PARTS.length;
  #totalBytes = 0;
  #gotBytes = 0;

  constructor(onProgress: (part: number) => void) {
    this.#onProgress = onProgress;
  }

  /** Another file begins; what is returned is to be told its parts. */
  file(headers: Headers): (chunk: Uint8Array) => void {
    // Of a file that the server packs on the way this is the packed size, but what arrives here is unpacked.
    const announced = headers.has('content-encoding') ? 0 : Number(headers.get('content-length') ?? 0);
    let isFirst = true;
    return (chunk) => {
      if (isFirst) {
        isFirst = false;
        const expected = announced || idxFileBytes(chunk);
        // A size that nobody knows never comes, and nothing is told.
        if (expected) {
          this.#filesToCome--;
          this.#totalBytes += expected;
        }
      }
      this.#gotBytes += chunk.length;
      if (this.#filesToCome === 0) this.#onProgress(Math.min(1, this.#gotBytes / this.#totalBytes));
    };
  }
}

/**
 * Fetches a data set's four files from a base address, by default `./mnist`; see `Host.loadMnist`.
 * @throws DataError when a file is missing, broken off or malformed
 */
export async function loadMnist(directory: string = DEFAULT_BASE, options: LoadOptions = {}): Promise<DataSet> {
  const progress = new Arrival(options.onProgress ?? (() => {}));
  return readMnist(
    {
      name: directory === DEFAULT_BASE ? 'MNIST' : directory,
      of: (part) => addresses(directory, part).map((url) => ({ name: url, read: () => tryFetch(url, progress) })),
      missing: (part) => missingPart(part, `at ${directory}`, [], "put MNIST's four files there"),
    },
    options,
  );
}
