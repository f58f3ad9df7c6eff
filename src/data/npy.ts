/**
 * The NPY format of one NumPy array (NEP 1): `\x93NUMPY`, a version, the length of a header, the header as a Python literal with
 * the element type, the order and the shape, then the elements.
 */
import { DataError } from './errors.ts';

/** An array as its file has it. */
export interface NpyArray {
  /** NumPy's name of the element type: `|u1`, `<i8`, `<f4`. */
  dtype: string;
  shape: number[];
  /** The elements, row-major, as bytes. */
  data: Uint8Array;
}

const MAGIC = '\x93NUMPY';
const HEADER =
  /^\{\s*'descr':\s*'([^']{1,8})',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([\d,\s]*)\),?\s*\}\s*$/;
/** NumPy pads its header so that the elements begin at a multiple of this. */
const ALIGNMENT = 64;

export function isNpy(bytes: Uint8Array): boolean {
  return [...MAGIC].every((letter, i) => bytes[i] === letter.charCodeAt(0));
}

/**
 * Reads an array's header, and checks that its elements are all there.
 * @param bytes the whole file
 * @param name the file's name, for messages
 * @throws DataError
 */
export function parseNpy(bytes: Uint8Array, name: string): NpyArray {
  const fail = (got: string, remedy: string): never => {
    throw new DataError(`read ${name}: expected a NumPy array, got ${got}: ${remedy}`);
  };
  if (!isNpy(bytes)) fail('something else', 'write it with numpy.save');
  const isLong = bytes[6]! > 1;
  const start = isLong ? 12 : 10;
  if (bytes.length < start) fail('a file that is cut off', 'get it again');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = start + (isLong ? view.getUint32(8, true) : view.getUint16(8, true));
  if (bytes.length < end) fail('a file that is cut off', 'get it again');
  const header = new TextDecoder().decode(bytes.subarray(start, end));
  const [, dtype, order, sizes] = HEADER.exec(header) ?? fail('one of several fields or objects', 'save plain numbers');
  const shape = sizes!.split(',').flatMap((size) => (size.trim() === '' ? [] : [Number(size)]));
  if (order === 'True' && shape.length > 1)
    fail('columns first (Fortran order)', 'save numpy.ascontiguousarray(array)');
  const count = shape.reduce((product, size) => product * size, 1);
  const expected = count * Number(dtype!.slice(2));
  const data = bytes.subarray(end);
  if (data.length !== expected)
    fail(`${data.length} bytes for the shape (${shape.join(', ')}) of ${dtype}`, 'get it again');
  return { dtype: dtype!, shape, data };
}

/**
 * The bytes of an array's file.
 * @param shape as many elements as `data` has
 */
export function writeNpy(data: Float32Array | Uint32Array | Uint8Array, shape: readonly number[]): Uint8Array {
  const dtype = data instanceof Float32Array ? '<f4' : data instanceof Uint8Array ? '|u1' : '<u4';
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${dtype}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const length = Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT - 10;
  const bytes = new Uint8Array(10 + length + data.byteLength);
  bytes.set([...MAGIC].map((letter) => letter.charCodeAt(0)));
  bytes.set([1, 0, length & 255, length >> 8], 6);
  bytes.set(new TextEncoder().encode(`${text.padEnd(length - 1)}\n`), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + length);
  return bytes;
}
