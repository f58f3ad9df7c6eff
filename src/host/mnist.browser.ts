/** MNIST in a browser: fetched from a web server, or from files that the visitor gives; plain or gzipped. */
import { DataError, type DataSet } from '../data/dataset.ts';
import { candidateNames, MAX_FILE_BYTES, type MnistPart, type NamedBytes, PARTS, readMnist } from '../data/mnist.ts';

const DEFAULT_BASE = './mnist';

/** What went wrong while reading, as a DataError. */
function explain(error: unknown, what: string, remedy: string): DataError {
  if (error instanceof DataError) return error;
  return new DataError(`${what}, got "${(error as Error).message}": ${remedy}`, { cause: error });
}

/**
 * The whole stream, refused as soon as it grows past MAX_FILE_BYTES.
 * @param onBytes the size of each chunk that has arrived
 */
async function readAll(
  stream: ReadableStream<Uint8Array>,
  name: string,
  onBytes: (bytes: number) => void = () => {},
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    sizeBytes += part.value.length;
    onBytes(part.value.length);
    if (sizeBytes > MAX_FILE_BYTES) {
      await reader.cancel();
      throw new DataError(`read ${name}: expected at most ${MAX_FILE_BYTES} bytes, got more: use a smaller data set`);
    }
  }
  const bytes = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** The bytes, unpacked if they are gzip data; whether they are, a name does not tell: servers unpack files, too. */
async function unpack(bytes: Uint8Array<ArrayBuffer>, name: string): Promise<NamedBytes> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return { name, bytes };
  try {
    return {
      name,
      bytes: await readAll(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')), name),
    };
  } catch (error) {
    throw explain(error, `unpack ${name}: expected a complete gzip file`, 'get the file again');
  }
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
async function tryFetch(url: string, progress: Arrival): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    const response = await fetch(url);
    // Servers of single-page applications answer an unknown address with the page itself.
    const isPage = response.headers.get('content-type')?.includes('text/html') ?? false;
    if (response.ok && !isPage && response.body) {
      progress.expect(Number(response.headers.get('content-length') ?? 0));
      return await readAll(response.body, url, (bytes) => progress.got(bytes));
    }
    await response.body?.cancel();
    if (response.status >= 500) throw new Error(`status ${response.status}`);
    return undefined;
  } catch (error) {
    throw explain(error, `fetch ${url}: expected the whole file`, 'check the connection and try again');
  }
}

async function fetchPart(base: string, part: MnistPart, progress: Arrival): Promise<NamedBytes> {
  for (const url of addresses(base, part)) {
    const bytes = await tryFetch(url, progress);
    if (bytes) return unpack(bytes, url);
  }
  const names = candidateNames(part).join(', ');
  throw new DataError(`load data: expected one of ${names} at ${base}, found none: put MNIST's four files there`);
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

  expect(bytes: number): void {
    this.#filesToCome--;
    this.#totalBytes += bytes;
  }

  got(bytes: number): void {
    this.#gotBytes += bytes;
    // A server that packs on the way announces less than arrives, or nothing.
    if (this.#filesToCome === 0 && this.#totalBytes > 0)
      this.#onProgress(Math.min(1, this.#gotBytes / this.#totalBytes));
  }
}

/**
 * Fetches MNIST's four files from a base address, by default `./mnist`; see `Host.loadMnist`.
 * @param onProgress the part of all bytes that has arrived, in [0, 1]
 * @throws DataError when a file is missing, broken off or malformed
 */
export async function loadMnist(
  directory: string = DEFAULT_BASE,
  onProgress: (part: number) => void = () => {},
): Promise<DataSet> {
  const progress = new Arrival(onProgress);
  const name = directory === DEFAULT_BASE ? 'MNIST' : directory;
  return readMnist(name, (part) => fetchPart(directory, part, progress));
}

/**
 * Reads a data set from four files with MNIST's names, plain or gzipped, that a visitor dropped or chose.
 * @throws DataError when one is missing, unreadable or malformed
 */
export async function readFiles(files: readonly File[]): Promise<DataSet> {
  return readMnist('dropped files', async (part) => {
    const names = candidateNames(part);
    const file = files.find(({ name }) => names.includes(name));
    if (!file) {
      const found = files.map(({ name }) => name.slice(0, 60)).join(', ') || 'none';
      throw new DataError(
        `load data: expected one of ${names.join(', ')} among the files, found ${found}: give MNIST's four files together`,
      );
    }
    try {
      return await unpack(await readAll(file.stream(), file.name), file.name);
    } catch (error) {
      throw explain(error, `read ${file.name}: expected a readable file`, 'choose it again');
    }
  });
}
