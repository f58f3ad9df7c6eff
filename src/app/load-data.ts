import { DataError, type DataSet } from '../data/dataset.ts';
import { candidateNames, MAX_FILE_BYTES, type MnistPart, readMnist } from '../data/mnist.ts';

async function collect(
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

/** The bytes, unpacked if they are gzip data. */
async function unpack(bytes: Uint8Array<ArrayBuffer>, name: string): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await collect(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')), name);
  } catch (error) {
    if (error instanceof DataError) throw error;
    const { message } = error as Error;
    throw new DataError(`unpack ${name}: expected a complete gzip file, got "${message}": get the file again`, {
      cause: error,
    });
  }
}

/**
 * Fetches the MNIST that lies beside the page, packed.
 * @param onProgress the part of all bytes that has arrived, in [0, 1]
 * @throws DataError when a file is missing, broken off or malformed
 */
export async function fetchMnist(onProgress: (part: number) => void): Promise<DataSet> {
  let totalBytes = 0;
  let gotBytes = 0;
  return readMnist('MNIST', async (part) => {
    const url = `./mnist/${part}.gz`;
    try {
      const response = await fetch(url);
      if (!response.ok || !response.body) throw new Error(`the server says ${response.status}`);
      totalBytes += Number(response.headers.get('content-length') ?? 0);
      const packed = await collect(response.body, url, (bytes) => {
        gotBytes += bytes;
        if (totalBytes > 0) onProgress(Math.min(1, gotBytes / totalBytes));
      });
      return { name: url, bytes: await unpack(packed, url) };
    } catch (error) {
      if (error instanceof DataError) throw error;
      const { message } = error as Error;
      throw new DataError(`fetch ${url}: expected MNIST beside the page, got "${message}": reload the page`, {
        cause: error,
      });
    }
  });
}

/**
 * Reads a data set from four dropped files with MNIST's names, plain or packed.
 * @throws DataError when one is missing or malformed
 */
export async function readDropped(files: readonly File[]): Promise<DataSet> {
  const take = (part: MnistPart): File => {
    const names = candidateNames(part);
    const file = files.find(({ name }) => names.includes(name));
    if (file) return file;
    const got = files.map(({ name }) => name.slice(0, 60)).join(', ');
    throw new DataError(`read the dropped files: expected ${part} (or ${part}.gz) among four files, got ${got}`);
  };
  return readMnist('dropped files', async (part) => {
    const file = take(part);
    if (file.size > MAX_FILE_BYTES) {
      throw new DataError(
        `read ${file.name}: expected at most ${MAX_FILE_BYTES} bytes, got ${file.size}: use a smaller data set`,
      );
    }
    return { name: file.name, bytes: await unpack(new Uint8Array(await file.arrayBuffer()), file.name) };
  });
}
