/** Bytes of unknown origin: whether they are packed, and what they are if not what was expected. Names decide nothing here. */
import { DataError } from './errors.ts';

/** A file's contents. */
export interface NamedBytes {
  /** The file's name or address, for messages. */
  name: string;
  bytes: Uint8Array;
}

/**
 * Larger files are refused, and none is unpacked beyond this, so that a small gzip bomb cannot fill the memory. 1 GiB is
 * 21 times MNIST, and more than one storage buffer of a GPU usually holds.
 */
export const MAX_FILE_BYTES = 2 ** 30;

/**
 * Unpacks gzip data; anything else is returned as it is. Several members and zeros after the last one are allowed.
 * @param maxBytes more than this is refused while it is unpacked
 * @throws DataError when it is no complete gzip data, or larger than `maxBytes` unpacked
 */
export async function unpack(bytes: Uint8Array, name: string, maxBytes = MAX_FILE_BYTES): Promise<Uint8Array> {
  if (!startsWith(bytes, 0x1f, 0x8b)) return bytes;
  return (await unpackNatively(bytes, maxBytes)) ?? (await unpackAnyhow(bytes, name, maxBytes));
}

/**
 * The whole of a stream, refused as soon as it grows past a limit.
 * @param onChunk told each part as it arrives
 * @throws DataError when there are more than `maxBytes`
 */
export async function readAll(
  stream: ReadableStream<Uint8Array>,
  name: string,
  { maxBytes = MAX_FILE_BYTES, onChunk }: { maxBytes?: number; onChunk?: (chunk: Uint8Array) => void } = {},
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    sizeBytes += part.value.length;
    onChunk?.(part.value);
    if (sizeBytes > maxBytes) {
      await reader.cancel();
      throw tooLarge('read', name, maxBytes);
    }
  }
  return joined(chunks);
}

/** @throws DataError for more bytes than are read */
export function checkFileSize(sizeBytes: number, name: string): void {
  if (sizeBytes > MAX_FILE_BYTES) throw tooLarge('read', name, MAX_FILE_BYTES, sizeBytes);
}

/** The platform's own unpacking, several times as fast; undefined for what it refuses, rightly or not. */
async function unpackNatively(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
    return await readAll(stream.pipeThrough(new DecompressionStream('gzip')), '', { maxBytes });
  } catch {
    return undefined;
  }
}

/** Browsers refuse what follows the first member, be it a second one or zeros, where gzip itself and Node go on. */
async function unpackAnyhow(bytes: Uint8Array, name: string, maxBytes: number): Promise<Uint8Array> {
  const { Inflate } = await import('pako');
  const inflate = new Inflate();
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  inflate.onData = (chunk: Uint8Array) => {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) throw tooLarge('unpack', name, maxBytes);
    chunks.push(chunk);
  };
  inflate.push(bytes, true);
  if (inflate.err !== 0) {
    const got = inflate.msg === 'buffer error' ? 'one that is broken off' : `"${inflate.msg}"`;
    throw new DataError(`unpack ${name}: expected a complete gzip file, got ${got}: get the file again`);
  }
  return joined(chunks);
}

function tooLarge(verb: string, name: string, maxBytes: number, gotBytes?: number): DataError {
  return new DataError(
    `${verb} ${name}: expected at most ${maxBytes} bytes, got ${gotBytes ?? 'more'}: use a smaller data set`,
  );
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

function startsWith(bytes: Uint8Array, ...start: number[]): boolean {
  return start.every((value, i) => bytes[i] === value);
}

const UNPACK_FIRST = 'unpack it and give the files in it';
const AS_IDX = 'write its images and labels as IDX files';

/** First bytes, as Latin-1 text, of what people have in a data file's place. */
const FOREIGN: readonly [start: string, what: string, remedy: string][] = [
  ['\x1f\x8b', 'gzip data, packed twice', 'unpack it once'],
  ['PK\x03\x04', 'a ZIP archive', UNPACK_FIRST],
  ['7z\xbc\xaf', 'a 7z archive', UNPACK_FIRST],
  ['Rar!', 'a RAR archive', UNPACK_FIRST],
  ['BZh', 'packed with bzip2', UNPACK_FIRST],
  ['\xfd7zXZ', 'packed with xz', UNPACK_FIRST],
  ['\x28\xb5\x2f\xfd', 'packed with zstd', UNPACK_FIRST],
  ['\x93NUMPY', 'a NumPy array', 'name it as its part is named, such as x_train.npy'],
  ['MATLAB', 'a MATLAB file', 'use the IDX files (EMNIST has them in gzip.zip)'],
  ['\x89HDF', 'an HDF5 file', AS_IDX],
  ['PAR1', 'a Parquet file', AS_IDX],
  ['\x89PNG', 'a PNG picture', AS_IDX],
  ['\xff\xd8\xff', 'a JPEG picture', AS_IDX],
  ['version https://git-lfs', 'a pointer of Git LFS', 'run `git lfs pull` where it comes from'],
];
const WEB_PAGE = /^(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body|script|!--|\?xml)/i;

/** What bytes are that are no IDX file, and what to do about it; undefined if that cannot be told. */
export function whatElse(bytes: Uint8Array): { what: string; remedy: string } | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 300));
  if (WEB_PAGE.test(start)) {
    return { what: 'a web page (HTML)', remedy: 'the server sent a page in its place, so download it again' };
  }
  if (start.slice(257, 262) === 'ustar') return { what: 'a tar archive', remedy: UNPACK_FIRST };
  const found = FOREIGN.find(([first]) => start.startsWith(first));
  return found && { what: found[1], remedy: found[2] };
}
