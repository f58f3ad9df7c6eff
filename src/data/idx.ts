/**
 * The IDX file format of MNIST (Y. LeCun, C. Cortes, C. Burges, http://yann.lecun.com/exdb/mnist/): two zero bytes, an
 * element type, a rank, `rank` big-endian u32 sizes, then the elements, row-major and big-endian. Images are read from
 * unsigned bytes, labels from unsigned bytes and from 16- and 32-bit integers.
 */
import { DataError } from './errors.ts';
import { whatElse } from './unpack.ts';

const MAGIC_BYTES = 4;
const SIZE_BYTES = 4;

const UNSIGNED_BYTE = 0x08;
const SHORT = 0x0b;
const INT = 0x0c;

const ELEMENTS: Record<number, { name: string; bytes: number }> = {
  [UNSIGNED_BYTE]: { name: 'unsigned bytes', bytes: 1 },
  9: { name: 'signed bytes', bytes: 1 },
  [SHORT]: { name: '16-bit integers', bytes: 2 },
  [INT]: { name: '32-bit integers', bytes: 4 },
  13: { name: '32-bit floats', bytes: 4 },
  14: { name: '64-bit floats', bytes: 8 },
};

/** The images of one IDX file. */
export interface IdxImages {
  /** (count, rows, columns, channels) u8, row-major: a view into the parsed bytes, a copy only where the channels came first. */
  images: Uint8Array;
  count: number;
  rows: number;
  columns: number;
  /** 3 of colour images, red, green and blue; left out of grey ones. */
  channels?: number;
}

/** (count): the class of each image, 0 or more; as wide as its file has it. */
export type Labels = Uint8Array | Uint16Array | Uint32Array;

/** What one kind of file has to be. */
interface Kind {
  what: 'images' | 'labels';
  /** The usual one first. */
  ranked: readonly number[];
  types: readonly number[];
  /** What to do about another type. */
  convert: string;
  /** What to do about a rank that people have. */
  ranks: Record<number, string>;
}

const EXCHANGED = 'check that image and label files are not exchanged';

const IMAGES: Kind = {
  what: 'images',
  ranked: [3, 4],
  types: [UNSIGNED_BYTE],
  convert: 'convert them to unsigned bytes, 0 for black and 255 for white',
  ranks: {
    1: EXCHANGED,
    2: 'one row for each image, so write it with the shape (count, rows, columns)',
    5: 'write one file of images with the shape (count, rows, columns) or, in colour, (count, rows, columns, 3)',
  },
};

const LABELS: Kind = {
  what: 'labels',
  ranked: [1],
  types: [UNSIGNED_BYTE, SHORT, INT],
  convert: 'convert them to unsigned bytes, or leave the file away: a model needs no labels',
  ranks: {
    2: 'keep one number for each image, its class, or leave the file away: a model needs no labels',
    3: EXCHANGED,
    4: EXCHANGED,
  },
};

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

function checkMagic(bytes: Uint8Array, name: string, { what, ranked, types, convert, ranks }: Kind): void {
  const other = whatElse(bytes);
  if (other) throw new DataError(`read ${what}: ${name} is ${other.what}, expected an IDX file: ${other.remedy}`);
  const [type] = types as [number];
  const [rank] = ranked as [number];
  const expected = `${hex(Uint8Array.of(0, 0, type, rank))} (IDX, ${ELEMENTS[type]!.name}, rank ${ranked.join(' or ')})`;
  const got = hex(bytes.subarray(0, MAGIC_BYTES));
  const [zero0, zero1, gotType, gotRank] = bytes as unknown as [number, number, number, number];
  const fail = (reason: string): never => {
    throw new DataError(`read ${what}: ${name} begins with ${got}, expected ${expected}: ${reason}`);
  };
  if (zero0 !== 0 || zero1 !== 0) fail(`this is not an IDX file; use MNIST's original files`);
  if (!types.includes(gotType)) {
    fail(`its elements are ${ELEMENTS[gotType]?.name ?? `of unknown type ${gotType}`}; ${convert}`);
  }
  if (!ranked.includes(gotRank))
    fail(`its rank is ${gotRank}; ${ranks[gotRank] ?? `expected the original file of the ${what}`}`);
}

/** Checks the whole header and the exact length; returns the sizes, the type and the elements' bytes. */
function parseIdx(bytes: Uint8Array, name: string, kind: Kind): { sizes: number[]; type: number; data: Uint8Array } {
  const { what, ranked } = kind;
  if (bytes.length === 0) throw new DataError(`read ${what}: ${name} is empty: put the complete file there`);
  if (bytes.length >= MAGIC_BYTES) checkMagic(bytes, name, kind);
  const rank = bytes[MAGIC_BYTES - 1] ?? ranked[0]!;
  const headerBytes = MAGIC_BYTES + rank * SIZE_BYTES;
  if (bytes.length < headerBytes) {
    throw new DataError(
      `read ${what}: ${name} has ${bytes.length} bytes, expected a header of ${headerBytes}: the file is truncated, get it again`,
    );
  }
  const header = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  const sizes = Array.from({ length: rank }, (_, axis) => header.getUint32(MAGIC_BYTES + axis * SIZE_BYTES, false));
  const type = header.getUint8(2);
  const shape = `(${sizes.join(', ')})`;
  if (sizes.some((size) => size === 0)) {
    throw new DataError(
      `read ${what}: ${name} has the shape ${shape}, expected sizes of at least 1: get the file again`,
    );
  }
  // Four u32 sizes can exceed 2^53, but a rounded product that large never equals a real length.
  const dataBytes = sizes.reduce((product, size) => product * size, ELEMENTS[type]!.bytes);
  const gotBytes = bytes.length - headerBytes;
  if (gotBytes !== dataBytes) {
    const trouble = gotBytes < dataBytes ? 'the file is truncated' : 'the file has bytes after its end';
    throw new DataError(
      `read ${what}: ${name} has the shape ${shape} and so ${dataBytes} bytes of data, got ${gotBytes}: ${trouble}, get it again`,
    );
  }
  return { sizes, type, data: bytes.subarray(headerBytes) };
}

/**
 * Reads the images of an IDX file of rank 3, (count, rows, columns), or 4, (count, rows, columns, channels) with one channel or three. A
 * file whose last size is neither, but whose second one is, has the channels first, as PyTorch has them: they are put last.
 * @param bytes the whole file, unpacked
 * @param name the file's name, for messages
 * @throws DataError unless magic, sizes (all at least 1) and exact length are right, and there are one or three channels
 */
export function parseIdxImages(bytes: Uint8Array, name: string): IdxImages {
  const { sizes, data } = parseIdx(bytes, name, IMAGES);
  return arrangeImages(data, sizes, name);
}

/**
 * Images of the shape (count, rows, columns), or of rank 4 as {@link parseIdxImages} takes it.
 * @throws DataError unless there are one or three channels
 */
export function arrangeImages(data: Uint8Array, sizes: readonly number[], name: string): IdxImages {
  const [count, second, third, fourth = 1] = sizes as [number, number, number, number?];
  const isColour = (channels: number) => channels === 1 || channels === 3;
  if (isColour(fourth)) {
    return { images: data, count, rows: second, columns: third, ...(fourth > 1 && { channels: fourth }) };
  }
  if (!isColour(second)) {
    throw new DataError(
      `read images: ${name} has the shape (${sizes.join(', ')}), expected (count, rows, columns, channels) with 1 channel or 3: leave transparency out, or make one grey value of each pixel`,
    );
  }
  const images = second === 1 ? data : channelsLast(data, count, second, third * fourth);
  return { images, count, rows: third, columns: fourth, ...(second > 1 && { channels: second }) };
}

/** (count, channels, pixels) as (count, pixels, channels). */
function channelsLast(data: Uint8Array, count: number, channels: number, pixels: number): Uint8Array {
  const turned = new Uint8Array(data.length);
  for (let image = 0; image < count; image++) {
    const first = image * channels * pixels;
    for (let channel = 0; channel < channels; channel++) {
      for (let pixel = 0; pixel < pixels; pixel++) {
        turned[first + pixel * channels + channel] = data[first + channel * pixels + pixel]!;
      }
    }
  }
  return turned;
}

/**
 * Reads the labels of an IDX file of rank 1: unsigned bytes, 16-bit integers (taken as unsigned) or 32-bit integers.
 * @param bytes the whole file, unpacked
 * @param name the file's name, for messages
 * @returns (count): of unsigned bytes a view into `bytes`, of others a copy
 * @throws DataError unless magic, size (at least 1) and exact length are right and no label is below 0
 */
export function parseIdxLabels(bytes: Uint8Array, name: string): Labels {
  const { sizes, type, data } = parseIdx(bytes, name, LABELS);
  if (type === UNSIGNED_BYTE) return data;
  const length = sizes[0]!;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  if (type === SHORT) return Uint16Array.from({ length }, (_, i) => view.getUint16(2 * i, false));
  return Uint32Array.from({ length }, (_, i) => {
    const label = view.getInt32(4 * i, false);
    if (label < 0) {
      throw new DataError(
        `read labels: ${name} has the label ${label} at image ${i}, expected 0 or more: number the classes from 0, or leave the file away`,
      );
    }
    return label;
  });
}

/** The bytes that an IDX file says it has, from its first ones; undefined if they are not of an IDX file. */
export function idxFileBytes(start: Uint8Array): number | undefined {
  const [zero0, zero1, type, rank] = start;
  const element = ELEMENTS[type ?? 0];
  const headerBytes = MAGIC_BYTES + (rank ?? 0) * SIZE_BYTES;
  if (zero0 !== 0 || zero1 !== 0 || !element || !rank || start.length < headerBytes) return undefined;
  const header = new DataView(start.buffer, start.byteOffset, headerBytes);
  let dataBytes = element.bytes;
  for (let axis = 0; axis < rank; axis++) dataBytes *= header.getUint32(MAGIC_BYTES + axis * SIZE_BYTES, false);
  return headerBytes + dataBytes;
}
