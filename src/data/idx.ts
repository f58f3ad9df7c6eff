/**
 * The IDX file format of MNIST (Y. LeCun, C. Cortes, C. Burges, http://yann.lecun.com/exdb/mnist/): two zero bytes, an
 * element type, a rank, `rank` big-endian u32 sizes, then the elements, row-major. Only unsigned bytes are read here.
 */
import { DataError } from './errors.ts';

const UNSIGNED_BYTE = 0x08;
const MAGIC_BYTES = 4;
const SIZE_BYTES = 4;

const TYPE_NAMES: Record<number, string> = {
  8: 'unsigned bytes',
  9: 'signed bytes',
  11: '16-bit integers',
  12: '32-bit integers',
  13: '32-bit floats',
  14: '64-bit floats',
};

/** The images of one IDX file. */
export interface IdxImages {
  /** (count, rows, columns) u8, row-major: a view into the parsed bytes, not a copy. */
  images: Uint8Array;
  count: number;
  rows: number;
  columns: number;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

function checkMagic(bytes: Uint8Array, name: string, rank: number, what: string): void {
  const expected = `${hex(Uint8Array.of(0, 0, UNSIGNED_BYTE, rank))} (IDX, unsigned bytes, rank ${rank})`;
  const got = hex(bytes.subarray(0, MAGIC_BYTES));
  const [zero0, zero1, type, gotRank] = bytes;
  const fail = (reason: string): never => {
    throw new DataError(`read ${what}: ${name} begins with ${got}, expected ${expected}: ${reason}`);
  };
  if (zero0 === 0x1f && zero1 === 0x8b) fail('this is gzip data, so unpack it or add .gz to its name');
  if (zero0 !== 0 || zero1 !== 0) fail(`this is not an IDX file; use MNIST's original files`);
  if (type !== UNSIGNED_BYTE) {
    fail(`its elements are ${TYPE_NAMES[type] ?? `of unknown type ${type}`}; convert them to unsigned bytes`);
  }
  if (gotRank !== rank) fail(`its rank is ${gotRank}; check that image and label files are not exchanged`);
}

/** Checks the whole header and the exact length; returns the sizes and the elements. */
function parseIdx(bytes: Uint8Array, name: string, rank: number, what: string): { sizes: number[]; data: Uint8Array } {
  if (bytes.length === 0) throw new DataError(`read ${what}: ${name} is empty: put the complete file there`);
  const headerBytes = MAGIC_BYTES + rank * SIZE_BYTES;
  if (bytes.length >= MAGIC_BYTES) checkMagic(bytes, name, rank, what);
  if (bytes.length < headerBytes) {
    throw new DataError(
      `read ${what}: ${name} has ${bytes.length} bytes, expected a header of ${headerBytes}: the file is truncated, get it again`,
    );
  }
  const header = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  const sizes = Array.from({ length: rank }, (_, axis) => header.getUint32(MAGIC_BYTES + axis * SIZE_BYTES, false));
  const shape = `(${sizes.join(', ')})`;
  if (sizes.some((size) => size === 0)) {
    throw new DataError(
      `read ${what}: ${name} has the shape ${shape}, expected sizes of at least 1: get the file again`,
    );
  }
  // Three u32 sizes can exceed 2^53, but a rounded product that large never equals a real length.
  const dataBytes = sizes.reduce((product, size) => product * size, 1);
  const gotBytes = bytes.length - headerBytes;
  if (gotBytes !== dataBytes) {
    const trouble = gotBytes < dataBytes ? 'the file is truncated' : 'the file has bytes after its end';
    throw new DataError(
      `read ${what}: ${name} has the shape ${shape} and so ${dataBytes} bytes of data, got ${gotBytes}: ${trouble}, get it again`,
    );
  }
  return { sizes, data: bytes.subarray(headerBytes) };
}

/**
 * Reads the images of an IDX file of rank 3.
 * @param bytes the whole file, unpacked
 * @param name the file's name, for messages
 * @throws DataError unless magic, sizes (all at least 1) and exact length are right
 */
export function parseIdxImages(bytes: Uint8Array, name: string): IdxImages {
  const { sizes, data } = parseIdx(bytes, name, 3, 'images');
  const [count, rows, columns] = sizes as [number, number, number];
  return { images: data, count, rows, columns };
}

/**
 * Reads the labels of an IDX file of rank 1.
 * @param bytes the whole file, unpacked
 * @param name the file's name, for messages
 * @returns (count) u8: a view into `bytes`, not a copy
 * @throws DataError unless magic, size (at least 1) and exact length are right
 */
export function parseIdxLabels(bytes: Uint8Array, name: string): Uint8Array {
  return parseIdx(bytes, name, 1, 'labels').data;
}
