import fc from 'fast-check';
import { expect, test } from 'playwright/test';
import { type NamedTensor, readSafetensors, SafetensorsError, writeSafetensors } from '../../src/vae/safetensors.ts';

/** A file from a header's text and a number of data bytes, with nothing checked. */
function fileOf(header: string, dataBytes = 0, declared = new TextEncoder().encode(header).length): Uint8Array {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(declared), true);
  file.set(text, 8);
  return file;
}

function entry(shape: unknown, offsets: unknown, dtype: unknown = 'F32'): string {
  return JSON.stringify({ dtype, shape, data_offsets: offsets });
}

/** Floats by their bits, so that NaN equals itself and -0 is not 0. */
function bitsOf({ name, shape, data }: NamedTensor): unknown {
  return [name, shape, [...new Uint32Array(data.buffer, data.byteOffset, data.length)]];
}

const tensorName = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('__proto__', 'constructor', '0', '', 'encoder.0.weight', 'a"b\\c\n'),
);

const tensor = fc
  .tuple(tensorName, fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }))
  .chain(([name, shape]) => {
    const count = shape.reduce((product, size) => product * size, 1);
    return fc
      .uint8Array({ minLength: 4 * count, maxLength: 4 * count })
      .map((bytes): NamedTensor => ({ name, shape, data: new Float32Array(bytes.slice().buffer) }));
  });

test('what is written is read back bit for bit, at any alignment', () => {
  const tensors = fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 5 });
  const metadata = fc.dictionary(tensorName, fc.string({ unit: 'grapheme' }));
  fc.assert(
    fc.property(tensors, metadata, fc.integer({ min: 0, max: 7 }), (written, text, shift) => {
      const file = writeSafetensors(written, text);
      const shifted = new Uint8Array(file.length + shift).subarray(shift);
      shifted.set(file);
      const read = readSafetensors(shifted);
      // Tensors without elements may change places: their bytes say nothing of their order.
      const sorted = (list: NamedTensor[]) =>
        list
          .map(bitsOf)
          .map((item) => JSON.stringify(item))
          .sort();
      expect(sorted(read.tensors)).toEqual(sorted(written));
      expect(Object.entries(read.metadata).sort()).toEqual(Object.entries(text).sort());
    }),
    { numRuns: 200 },
  );
});

test('the bytes are those of the format', () => {
  const header = '{"__metadata__":{"k":"v"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":';
  const text = `${header}{"dtype":"F32","shape":[],"data_offsets":[8,12]}}`;
  const padded = text.padEnd(Math.ceil(text.length / 8) * 8, ' ');
  const expected = fileOf(padded, 12);
  const view = new DataView(expected.buffer, 8 + padded.length);
  view.setFloat32(0, 1, true);
  view.setFloat32(4, -2.5, true);
  view.setFloat32(8, 3e-39, true);
  const tensors = [
    { name: 'b', shape: [2], data: Float32Array.of(1, -2.5) },
    { name: 'a', shape: [], data: Float32Array.of(3e-39) },
  ];
  const file = writeSafetensors(tensors, { k: 'v' });
  expect([...file]).toEqual([...expected]);
  expect(readSafetensors(file).tensors.map(bitsOf)).toEqual(tensors.map(bitsOf));
});

test('a header with white space, escapes and no metadata is read', () => {
  const { tensors, metadata } = readSafetensors(
    fileOf(`{ "\\u0061" :\n${entry([1], [0, 4])} , "z": ${entry([0, 9], [4, 4])} }  `, 4),
  );
  expect(tensors.map(({ name, shape }) => [name, shape])).toEqual([
    ['a', [1]],
    ['z', [0, 9]],
  ]);
  expect(metadata).toEqual({});
});

const hostile: [title: string, file: Uint8Array, says: RegExp][] = [
  ['nothing', new Uint8Array(0), /0 bytes, expected at least 8/],
  ['only a length', fileOf('', 0), /does not begin with "{"/],
  ['a header longer than the file', fileOf('{}', 0, 3), /length is 3 bytes, the file has 2/],
  ['a header longer than the format allows', fileOf('{}', 0, 100_000_001), /100000001 bytes, the format allows/],
  ['a header length beyond exact integers', new Uint8Array(16).fill(0xff), /18446744073709551615 bytes/],
  ['white space before the header', fileOf(' {}'), /does not begin with "{"/],
  ['a list', fileOf('[]'), /does not begin with "{"/],
  ['JSON cut off', fileOf('{"a":'), /not JSON/],
  ['two headers', fileOf('{}{}'), /not JSON/],
  ['bytes that are not UTF-8', fileOf('{"é":1}', 0, 8).map((byte) => (byte === 0xa9 ? 0x20 : byte)), /not JSON/],
  ['a tensor twice', fileOf(`{"a":${entry([1], [0, 4])},"a":${entry([1], [0, 4])}}`, 4), /key "a" twice/],
  ['a tensor twice, once escaped', fileOf(`{"a":${entry([0], [0, 0])},"\\u0061":${entry([0], [0, 0])}}`), /"a" twice/],
  ['a field twice', fileOf('{"a":{"dtype":"F64","dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4), /"dtype" twice/],
  ['metadata twice', fileOf('{"__metadata__":{},"__metadata__":{}}'), /"__metadata__" twice/],
  ['metadata that is a number', fileOf('{"__metadata__":{"a":1}}'), /metadata "a" is not a string/],
  ['metadata that is nested', fileOf('{"__metadata__":{"a":{}}}'), /metadata "a" is not a string/],
  ['metadata that is a list', fileOf('{"__metadata__":[]}'), /__metadata__ is not an object/],
  ['a tensor that is null', fileOf('{"a":null}'), /tensor "a" is not an object/],
  ['a field missing', fileOf('{"a":{"dtype":"F32","shape":[]}}'), /has the fields "dtype, shape"/],
  ['a field too many', fileOf('{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}}', 4), /has the fields/],
  ['another dtype', fileOf(`{"a":${entry([1], [0, 2], 'F16')}}`, 2), /dtype "F16", expected F32: convert/],
  ['a dtype that is a number', fileOf(`{"a":${entry([1], [0, 4], 7)}}`, 4), /dtype "7"/],
  ['a negative size', fileOf(`{"a":${entry([-1, -1], [0, 4])}}`, 4), /not a list of sizes/],
  ['a size that is a fraction', fileOf(`{"a":${entry([0.5, 2], [0, 4])}}`, 4), /not a list of sizes/],
  ['a size that is text', fileOf(`{"a":${entry(['1'], [0, 4])}}`, 4), /not a list of sizes/],
  ['a shape whose product overflows', fileOf(`{"a":${entry([2 ** 40, 2 ** 40], [0, 0])}}`), /no file can hold/],
  ['a shape larger than its bytes', fileOf(`{"a":${entry([2], [0, 4])}}`, 4), /4 bytes, expected 8 for shape \[2\]/],
  ['offsets in reverse', fileOf(`{"a":${entry([1], [4, 0])}}`, 4), /data_offsets outside the 4 bytes/],
  ['offsets beyond the file', fileOf(`{"a":${entry([2], [0, 8])}}`, 4), /data_offsets outside the 4 bytes/],
  ['three offsets', fileOf(`{"a":${entry([1], [0, 4, 4])}}`, 4), /data_offsets/],
  ['a hole', fileOf(`{"a":${entry([1], [0, 4])},"b":${entry([1], [8, 12])}}`, 12), /"b" begins at byte 8.*hole/],
  ['an overlap', fileOf(`{"a":${entry([2], [0, 8])},"b":${entry([1], [4, 8])}}`, 8), /"b" begins at byte 4.*overlaps/],
  ['data that no tensor claims', fileOf(`{"a":${entry([1], [0, 4])}}`, 5), /cover 4 bytes of data, the file has 5/],
];

for (const [title, file, says] of hostile) {
  test(`refused: ${title}`, () => {
    expect(() => readSafetensors(file)).toThrow(SafetensorsError);
    expect(() => readSafetensors(file)).toThrow(says);
  });
}

test('names from a file reach no prototype', () => {
  const header = `{"__metadata__":{"__proto__":"x"},"__proto__":${entry([1], [0, 4])}}`;
  const { tensors, metadata } = readSafetensors(fileOf(header, 4));
  expect(tensors.map(({ name }) => name)).toEqual(['__proto__']);
  expect(Object.entries(metadata)).toEqual([['__proto__', 'x']]);
  expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
});

test('messages stay on one line whatever the names are', () => {
  const name = `${'\n\u001b[2J'.repeat(50)}`;
  const file = fileOf(JSON.stringify({ [name]: null }));
  let message = '';
  try {
    readSafetensors(file);
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).toMatch(/^safetensors read: tensor "[\x20-\x7e]{1,700}" is not an object$/);
});

const data = new Float32Array(4);
const unwritable: [title: string, write: () => Uint8Array, says: RegExp][] = [
  ['a shape that does not fit', () => writeSafetensors([{ name: 'a', shape: [5], data }], {}), /4 values, expected 5/],
  ['a shape with a fraction', () => writeSafetensors([{ name: 'a', shape: [0.5], data }], {}), /not a list of sizes/],
  ['the reserved name', () => writeSafetensors([{ name: '__metadata__', shape: [4], data }], {}), /reserves/],
  [
    'a name twice',
    () =>
      writeSafetensors(
        [
          { name: 'a', shape: [4], data },
          { name: 'a', shape: [4], data },
        ],
        {},
      ),
    /two tensors are named "a"/,
  ],
  ['metadata that is no text', () => writeSafetensors([], { a: 1 as unknown as string }), /"a" is a number/],
];

for (const [title, write, says] of unwritable) {
  test(`not written: ${title}`, () => {
    expect(write).toThrow(SafetensorsError);
    expect(write).toThrow(says);
  });
}
