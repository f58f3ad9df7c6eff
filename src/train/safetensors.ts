/**
 * The safetensors file format (https://huggingface.co/docs/safetensors): a u64 header length, a JSON header, then the
 * tensors' bytes, little-endian. Written as F32 or F16; F16 and BF16 are read as F32, which has all of their values.
 * The reader trusts nothing: every byte of a file must be accounted for.
 */
import { DTYPES, f16Bits, isDtype, remedyFor } from './dtypes.ts';
import { isObject, JsonError, type JsonLimits, parseJson, quote } from './json.ts';

/** A tensor by its name: row-major f32 values. */
export interface NamedTensor {
  /** For a model's parameter, PyTorch's name: `encoder.0.weight`. */
  name: string;
  /** Sizes, outermost first; `[]` is a scalar. */
  shape: number[];
  /** As many values as the product of `shape`. */
  data: Float32Array;
}

/** What a safetensors file holds. */
export interface SafetensorsFile {
  tensors: NamedTensor[];
  metadata: Record<string, string>;
  /** What the user should know about values that were converted, a line each. */
  notices: string[];
}

/** Bytes that are not a safetensors file this program can read, or tensors that cannot be written as one. */
export class SafetensorsError extends Error {
  override name = 'SafetensorsError';
}

/** The format's own limit, so that a forged length cannot ask for unbounded memory. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;
const F32_BYTES = 4;
const METADATA_KEY = '__metadata__';
/** Far more axes than anybody has, few enough to be printed. */
const MAX_RANK = 64;
/** Of tens of thousands of tensors. */
const HEADER_LIMITS: JsonLimits = { depth: 3, entries: 2 ** 18, keys: 2 ** 16 };

interface Entry {
  name: string;
  dtype: keyof typeof DTYPES;
  shape: number[];
  begin: number;
  end: number;
}

/**
 * Writes tensors in the order given, without gaps, after a header padded with spaces to a multiple of 8 bytes.
 *
 * @param tensors - names unique and other than `__metadata__`; `data` as long as the product of `shape`.
 * @param metadata - free text under `__metadata__`; strings only.
 * @param dtype - F16 rounds to the nearest.
 * @returns the whole file.
 * @throws SafetensorsError on a bad or repeated name, a shape that does not fit its data, metadata that is not text, a value
 * that F16 does not have.
 */
export function writeSafetensors(
  tensors: NamedTensor[],
  metadata: Record<string, string>,
  dtype: 'F32' | 'F16' = 'F32',
): Uint8Array {
  const fields: string[] = [];
  const metadataEntries = Object.entries(metadata);
  for (const [key, value] of metadataEntries) {
    if (typeof value !== 'string') fail('write', `metadata ${quote(key)} is a ${typeof value}, expected a string`);
  }
  if (metadataEntries.length > 0) fields.push(`${JSON.stringify(METADATA_KEY)}:${JSON.stringify(metadata)}`);

  const names = new Set<string>();
  let dataBytes = 0;
  for (const { name, shape, data } of tensors) {
    if (name === METADATA_KEY) fail('write', `a tensor is named ${METADATA_KEY}, which the format reserves: rename it`);
    if (names.has(name)) fail('write', `two tensors are named ${quote(name)}: names must differ`);
    names.add(name);
    const count = elementCount('write', name, shape);
    if (count !== data.length) {
      fail(
        'write',
        `tensor ${quote(name)} has ${data.length} values, expected ${count} for shape [${shape.join(', ')}]`,
      );
    }
    const end = dataBytes + data.length * DTYPES[dtype].bytes;
    // Fields are joined by hand because an object would reorder names that look like integers.
    fields.push(
      `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape: [...shape], data_offsets: [dataBytes, end] })}`,
    );
    dataBytes = end;
  }

  const text = new TextEncoder().encode(`{${fields.join(',')}}`);
  const headerBytes = Math.ceil(text.length / LENGTH_BYTES) * LENGTH_BYTES;
  if (headerBytes > MAX_HEADER_BYTES) {
    fail('write', `the header is ${headerBytes} bytes, the format allows ${MAX_HEADER_BYTES}: write fewer tensors`);
  }

  const file = new Uint8Array(LENGTH_BYTES + headerBytes + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  file.set(text, LENGTH_BYTES);
  let offset = LENGTH_BYTES + headerBytes;
  for (const { name, data } of tensors) {
    const elements = dtype === 'F32' ? data : f16Bits(data);
    if (!elements) fail('write', `tensor ${quote(name)} has a value beyond 65504, which F16 has not: write F32`);
    // Bytes, not floats: a conversion through a number may change a NaN's payload. All that has WebGPU is little-endian.
    file.set(new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength), offset);
    offset += elements.byteLength;
  }
  return file;
}

/**
 * Reads a file and checks all of it before any tensor is made: header length, JSON without repeated keys, text-only
 * metadata, shape x bytes per element = extent for each tensor, extents that cover the data exactly once.
 *
 * @param bytes - the whole file, at any alignment.
 * @returns the tensors in the order of their data, with their own copies of it, and the metadata ({} if none or null).
 * @throws SafetensorsError that says what was expected, what was found and, where there is one, the remedy.
 */
export function readSafetensors(bytes: Uint8Array): SafetensorsFile {
  const { header, dataStart } = readHeader(bytes);
  const dataBytes = bytes.length - dataStart;

  let metadata: Record<string, string> = {};
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA_KEY) metadata = readMetadata(value);
    else entries.push(readEntry(name, value, dataBytes));
  }

  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== covered) {
      const what = begin > covered ? 'leaves a hole before it' : 'overlaps another tensor';
      fail('read', `tensor ${quote(name)} begins at byte ${begin}, expected ${covered}: it ${what}`);
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    fail('read', `the tensors cover ${covered} bytes of data, the file has ${dataBytes}: it is cut off or padded`);
  }

  const data = bytes.subarray(dataStart);
  const tensors = entries.map(({ name, dtype, shape, begin, end }) => ({
    name,
    shape,
    data: DTYPES[dtype].toF32(data.subarray(begin, end)),
  }));
  return { tensors, metadata, notices: conversions(entries) };
}

function conversions(entries: Entry[]): string[] {
  const counts = new Map<string, number>();
  for (const { dtype } of entries) if (dtype !== 'F32') counts.set(dtype, (counts.get(dtype) ?? 0) + 1);
  return [...counts].map(
    ([dtype, count]) =>
      `${count === 1 ? 'One tensor was' : `${count} tensors were`} converted from ${dtype} to F32, exactly.`,
  );
}

function readHeader(bytes: Uint8Array): { header: object; dataStart: number } {
  if (bytes.length < LENGTH_BYTES) {
    fail('read', `the file has ${bytes.length} bytes, expected at least ${LENGTH_BYTES} for the header's length`);
  }
  const declared = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (declared > BigInt(MAX_HEADER_BYTES)) {
    fail('read', `the header's length is ${declared} bytes, the format allows ${MAX_HEADER_BYTES}`);
  }
  const dataStart = LENGTH_BYTES + Number(declared);
  if (dataStart > bytes.length) {
    fail('read', `the header's length is ${declared} bytes, the file has ${bytes.length - LENGTH_BYTES} after it`);
  }
  if (bytes[LENGTH_BYTES] !== 0x7b || declared === 0n) fail('read', `the header does not begin with "{"`);

  let header: unknown;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    header = parseJson(decoder.decode(bytes.subarray(LENGTH_BYTES, dataStart)), HEADER_LIMITS);
  } catch (error) {
    fail('read', `the header ${error instanceof JsonError ? error.message : 'is not JSON in UTF-8'}`);
  }
  // It began with "{" and is valid JSON, so it is an object.
  return { header: header as object, dataStart };
}

function readMetadata(value: unknown): Record<string, string> {
  // safetensors' own reader takes null for none, and some writers have it.
  if (value === null) return {};
  if (!isObject(value)) fail('read', `${METADATA_KEY} is not an object`);
  for (const [key, entry] of Object.entries(value)) {
    if (typeof entry !== 'string') fail('read', `metadata ${quote(key)} is not a string`);
  }
  // JSON.parse makes "__proto__" an own property, so nothing in it can reach a prototype.
  return value as Record<string, string>;
}

function readEntry(name: string, value: unknown, dataBytes: number): Entry {
  if (!isObject(value)) fail('read', `tensor ${quote(name)} is not an object`);
  const fields = Object.keys(value).sort().join(', ');
  if (fields !== 'data_offsets, dtype, shape') {
    fail('read', `tensor ${quote(name)} has the fields ${quote(fields)}, expected data_offsets, dtype, shape`);
  }
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDtype(dtype)) {
    const known = Object.keys(DTYPES).join(', ');
    // Not String(), which an object from a file may have made throw.
    const got = typeof dtype === 'string' ? dtype : JSON.stringify(dtype);
    fail('read', `tensor ${quote(name)} has dtype ${quote(got)}, expected ${known}: ${remedyFor(dtype)}`);
  }
  if (!isSizes(shape))
    fail('read', `tensor ${quote(name)} has a shape that is not a list of sizes, at most ${MAX_RANK}`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]! || offsets[1]! > dataBytes) {
    fail('read', `tensor ${quote(name)} has data_offsets outside the ${dataBytes} bytes of data`);
  }
  const [begin, end] = offsets as [number, number];
  const sizeBytes = elementCount('read', name, shape) * DTYPES[dtype].bytes;
  if (end - begin !== sizeBytes) {
    fail(
      'read',
      `tensor ${quote(name)} has ${end - begin} bytes, expected ${sizeBytes} for shape [${shape.join(', ')}] in ${dtype}`,
    );
  }
  return { name, dtype, shape, begin, end };
}

/** The product of a shape; refuses one whose size in bytes is beyond exact integers. */
function elementCount(operation: string, name: string, shape: number[]): number {
  if (!isSizes(shape)) {
    fail(operation, `tensor ${quote(name)} has a shape that is not a list of sizes, at most ${MAX_RANK}`);
  }
  // A zero anywhere makes the product 0, whatever the order in which the others are multiplied.
  const count = shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1);
  if (!Number.isSafeInteger(count * F32_BYTES)) {
    fail(operation, `tensor ${quote(name)} has shape [${shape.join(', ')}], which no file can hold`);
  }
  return count;
}

function isSizes(value: unknown): value is number[] {
  if (!Array.isArray(value) || value.length > MAX_RANK) return false;
  return value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function fail(operation: string, message: string): never {
  throw new SafetensorsError(`safetensors ${operation}: ${message}`);
}
