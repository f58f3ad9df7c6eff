/** Fetches MNIST from a web server, plain or gzipped. */
import { DataError, type DataSet } from '../data/dataset.ts';
import { candidateNames, MAX_FILE_BYTES, type MnistPart, type NamedBytes, readMnist } from '../data/mnist.ts';

const DEFAULT_BASE = './mnist';

/** The whole stream, refused as soon as it grows past MAX_FILE_BYTES. */
async function readAll(stream: ReadableStream<Uint8Array>, url: string): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    sizeBytes += part.value.length;
    if (sizeBytes > MAX_FILE_BYTES) {
      await reader.cancel();
      throw new DataError(`read ${url}: expected at most ${MAX_FILE_BYTES} bytes, got more: use a smaller data set`);
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

async function unpack(packed: Uint8Array<ArrayBuffer>, url: string): Promise<Uint8Array> {
  try {
    return await readAll(new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip')), url);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      `unpack ${url}: expected a complete gzip file, got "${(error as Error).message}": put it there again`,
      {
        cause: error,
      },
    );
  }
}

/** The file's bytes, or undefined when the server has no such file. */
async function tryFetch(url: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    const response = await fetch(url);
    // Servers of single-page applications answer an unknown address with the page itself.
    const isPage = response.headers.get('content-type')?.includes('text/html') ?? false;
    if (!response.ok || isPage || !response.body) {
      await response.body?.cancel();
      return undefined;
    }
    return await readAll(response.body, url);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`fetch ${url}: expected an answer, got "${(error as Error).message}": check the connection`, {
      cause: error,
    });
  }
}

async function fetchPart(base: string, part: MnistPart): Promise<NamedBytes> {
  const candidates = candidateNames(part);
  for (const name of candidates) {
    const url = `${base.replace(/\/$/, '')}/${name}`;
    const bytes = await tryFetch(url);
    if (!bytes) continue;
    // Some servers send a .gz file as an encoding, and the browser has unpacked it already.
    const isPacked = name.endsWith('.gz') && bytes[0] === 0x1f && bytes[1] === 0x8b;
    return { name: url, bytes: isPacked ? await unpack(bytes, url) : bytes };
  }
  throw new DataError(
    `load data: expected one of ${candidates.join(', ')} at ${base}, found none: put MNIST's four files there`,
  );
}

/** Loads MNIST's four files from a base address, by default `./mnist`; see `Host.loadMnist`. */
export async function loadMnist(directory: string = DEFAULT_BASE): Promise<DataSet> {
  return readMnist(directory === DEFAULT_BASE ? 'MNIST' : directory, (part) => fetchPart(directory, part));
}
