/**
 * The safetensors file format (https://huggingface.co/docs/safetensors), F32 only: a u64 header length, a JSON header,
 * then the tensors' bytes, little-endian. The reader trusts nothing: every byte of a file must be accounted for.
 */

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

interface Entry {
  name: string;
  shape: number[];
  begin: number;
  end: number;
}

/**
 * Writes tensors in the order given, without gaps, after a header padded with spaces to a multiple of 8 bytes.
 *
 * @param tensors - names unique and other than `__metadata__`; `data` as long as the product of `shape`.
 * @param metadata - free text under `__metadata__`; strings only.
 * @returns the whole file.
 * @throws SafetensorsError on a bad or repeated name, a shape that does not fit its data, metadata that is not text.
 */
export function writeSafetensors(tensors: NamedTensor[], metadata: Record<string, string>): Uint8Array {
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
    const end = dataBytes + data.length * F32_BYTES;
    // Fields are joined by hand because an object would reorder names that look like integers.
    fields.push(
      `${JSON.stringify(name)}:${JSON.stringify({ dtype: 'F32', shape: [...shape], data_offsets: [dataBytes, end] })}`,
    );
    dataBytes = end;
  }

  const text = new TextEncoder().encode(`{${fields.join(',')}}`);
  const headerBytes = Math.ceil(text.length / LENGTH_BYTES) * LENGTH_BYTES;
  if (headerBytes > MAX_HEADER_BYTES) {
    fail('write', `the header is ${headerBytes} bytes, the format allows ${MAX_HEADER_BYTES}: write fewer tensors`);
  }

  const file = new Uint8Array(LENGTH_BYTES + headerBytes + dataBytes);
  const view = new DataView(file.buffer);
  view.setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  file.set(text, LENGTH_BYTES);
  let offset = LENGTH_BYTES + headerBytes;
  for (const { data } of tensors) {
    // Bits, not floats: a conversion through a number may change a NaN's payload.
    const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
    for (let i = 0; i < bits.length; i++, offset += F32_BYTES) view.setUint32(offset, bits[i]!, true);
  }
  return file;
}

/**
 * Reads a file and checks all of it before any tensor is made: header length, JSON without repeated keys, text-only
 * metadata, shape x 4 bytes = extent for each tensor, extents that cover the data exactly once.
 *
 * @param bytes - the whole file, at any alignment.
 * @returns the tensors in the order of their data, with their own copies of it, and the metadata ({} if none).
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

  const view = new DataView(bytes.buffer, bytes.byteOffset + dataStart, dataBytes);
  const tensors = entries.map(({ name, shape, begin, end }) => {
    const data = new Float32Array((end - begin) / F32_BYTES);
    const bits = new Uint32Array(data.buffer);
    for (let i = 0; i < bits.length; i++) bits[i] = view.getUint32(begin + i * F32_BYTES, true);
    return { name, shape, data };
  });
  return { tensors, metadata };
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

  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(LENGTH_BYTES, dataStart));
    header = JSON.parse(text);
  } catch {
    fail('read', 'the header is not JSON in UTF-8');
  }
  const repeated = repeatedKey(text);
  if (repeated !== undefined) fail('read', `the header has the key ${quote(repeated)} twice`);
  // It began with "{" and is valid JSON, so it is an object.
  return { header: header as object, dataStart };
}

function readMetadata(value: unknown): Record<string, string> {
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
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (dtype !== 'F32') {
    fail('read', `tensor ${quote(name)} has dtype ${quote(String(dtype))}, expected F32: convert it to float32`);
  }
  if (!isSizes(shape)) fail('read', `tensor ${quote(name)} has a shape that is not a list of sizes`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]! || offsets[1]! > dataBytes) {
    fail('read', `tensor ${quote(name)} has data_offsets outside the ${dataBytes} bytes of data`);
  }
  const [begin, end] = offsets as [number, number];
  const sizeBytes = elementCount('read', name, shape) * F32_BYTES;
  if (end - begin !== sizeBytes) {
    fail(
      'read',
      `tensor ${quote(name)} has ${end - begin} bytes, expected ${sizeBytes} for shape [${shape.join(', ')}] in F32`,
    );
  }
  return { name, shape, begin, end };
}

/** The product of a shape; refuses one whose size in bytes is beyond exact integers. */
function elementCount(operation: string, name: string, shape: number[]): number {
  if (!isSizes(shape)) fail(operation, `tensor ${quote(name)} has a shape that is not a list of sizes`);
  // A zero anywhere makes the product 0, whatever the order in which the others are multiplied.
  const count = shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1);
  if (!Number.isSafeInteger(count * F32_BYTES)) {
    fail(operation, `tensor ${quote(name)} has shape [${shape.join(', ')}], which no file can hold`);
  }
  return count;
}

/**
 * The first key that stands twice in one object of `text`, which must be valid JSON. JSON.parse keeps the last of such
 * keys silently, so that two readers may see two different files.
 */
function repeatedKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = []; // one per bracket: an object's keys so far, undefined for an array
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const start = i;
      for (i++; text[i] !== '"'; i++) if (text[i] === '\\') i++;
      const keys = open.at(-1);
      if (keys === undefined || !isKeyEnd(text, i + 1)) continue;
      const key = JSON.parse(text.slice(start, i + 1)) as string; // "\u0061" and "a" are the same key
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

/** Whether the next character that is not white space is the colon that follows a key. */
function isKeyEnd(text: string, from: number): boolean {
  let i = from;
  while (text[i] === ' ' || text[i] === '\n' || text[i] === '\r' || text[i] === '\t') i++;
  return text[i] === ':';
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** A name from a file, safe to print on one line. */
function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}

function fail(operation: string, message: string): never {
  throw new SafetensorsError(`safetensors ${operation}: ${message}`);
}
