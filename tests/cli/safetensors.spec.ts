import fc from 'fast-check';
import { expect, test } from 'playwright/test';
import { JsonError, parseJson } from '../../src/train/json.ts';
import { type NamedTensor, readSafetensors, SafetensorsError, writeSafetensors } from '../../src/train/safetensors.ts';
import { readParameters } from '../../src/vae/checkpoint.ts';
import { entry, fileOf, halves } from './safetensors-file.ts';

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
  ['doubles', fileOf(`{"a":${entry([1], [0, 8], 'F64')}}`, 8), /dtype "F64", expected F32, F16, BF16: round it with/],
  [
    'integers',
    fileOf(`{"a":${entry([], [0, 8], 'I64')}}`, 8),
    /dtype "I64", .*: integers are no weights, leave it out/,
  ],
  ['an unknown dtype', fileOf(`{"a":${entry([1], [0, 1], 'F8_E4M3')}}`, 1), /dtype "F8_E4M3", .*: convert it with/],
  ['a name of all objects as dtype', fileOf(`{"a":${entry([1], [0, 4], 'toString')}}`, 4), /dtype "toString"/],
  ['a dtype that cannot be text', fileOf(`{"a":${entry([1], [0, 4], { toString: 1 })}}`, 4), /dtype "\{\\"toString/],
  ['halves of an odd length', fileOf(`{"a":${entry([1], [0, 3], 'BF16')}}`, 3), /3 bytes, expected 2 for .* in BF16/],
  ['65 axes', fileOf(`{"a":${entry(new Array(65).fill(1), [0, 4])}}`, 4), /not a list of sizes, at most 64/],
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

test('"__metadata__": null is none', () => {
  const { tensors, metadata } = readSafetensors(fileOf(`{"__metadata__":null,"a":${entry([1], [0, 4])}}`, 4));
  expect(tensors.map(({ name }) => name)).toEqual(['a']);
  expect(metadata).toEqual({});
});

/** IEEE 754: `bits` as a number, with exponents of that many bits. */
function numberOf(bits: number, exponentBits: number): number {
  const fractionBits = 15 - exponentBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits & 0x7fff) >> fractionBits;
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  if (exponent === 2 ** exponentBits - 1) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent ? (1 + fraction) * 2 ** (exponent - bias) : fraction * 2 ** (1 - bias));
}

for (const [dtype, exponentBits] of [
  ['F16', 5],
  ['BF16', 8],
] as const) {
  test(`${dtype} is read as F32, every value exactly, and said so`, () => {
    const all = Array.from({ length: 65536 }, (_, bits) => bits);
    const header = `{"a":${entry([3], [0, 6], dtype)},"b":${entry([256, 256], [6, 131078], dtype)},"c":${entry([1], [131078, 131082])}}`;
    const { tensors, notices } = readSafetensors(
      fileOf(header, new Uint8Array([...halves([1, 2, 3]), ...halves(all), 0, 0, 128, 63])),
    );
    expect(notices).toEqual([`2 tensors were converted from ${dtype} to F32, exactly.`]);
    expect(tensors.map(({ name, shape }) => [name, shape])).toEqual([
      ['a', [3]],
      ['b', [256, 256]],
      ['c', [1]],
    ]);
    const wrong = all.filter((bits) => !Object.is(tensors[1]!.data[bits], numberOf(bits, exponentBits)));
    expect(wrong).toEqual([]);
    expect(tensors[2]!.data).toEqual(Float32Array.of(1));
    // A value whose bits everybody knows.
    expect(tensors[1]!.data[dtype === 'F16' ? 0x7bff : 0x3f80]).toBe(dtype === 'F16' ? 65504 : 1);
  });
}

test('names that PyTorch wrapped are unwrapped, and said so', () => {
  const read = (names: string[]) => {
    const notices: string[] = [];
    const tensors = names.map((name) => ({ name, shape: [1], data: Float32Array.of(1) }));
    const parameters = readParameters(writeSafetensors(tensors, {}), (line) => notices.push(line));
    return { names: parameters.map(({ name }) => name), notices };
  };
  expect(read(['mu.weight', 'submodule.bias'])).toEqual({ names: ['mu.weight', 'submodule.bias'], notices: [] });
  expect(read(['module.mu.weight', 'module.mu.bias'])).toEqual({
    names: ['mu.weight', 'mu.bias'],
    notices: [`PyTorch's "module." was left out of the tensors' names.`],
  });
  for (const wrapped of ['_orig_mod.module.mu.bias', 'module._orig_mod.mu.bias']) {
    const { names, notices } = read([wrapped]);
    expect(names).toEqual(['mu.bias']);
    expect(notices[0]).toMatch(/"_orig_mod\."/);
    expect(notices[0]).toMatch(/"module\."/);
  }
  expect(() => read(['mu.bias', 'module.mu.bias'])).toThrow(/two tensors are named "mu.bias" without module\./);
});

test('parameters that were converted are told of', () => {
  const notices: string[] = [];
  const file = fileOf(`{"module.a":${entry([1], [0, 2], 'BF16')}}`, halves([0x3f80]));
  expect(readParameters(file, (line) => notices.push(line))).toEqual([
    { name: 'a', shape: [1], data: Float32Array.of(1) },
  ]);
  expect(notices).toHaveLength(2);
  expect(notices[0]).toBe('One tensor was converted from BF16 to F32, exactly.');
});

/** What JSON.parse was given while `work` failed, and how. */
function parsedBy(work: () => unknown): { parsed: string[]; message: string } {
  const { parse } = JSON;
  const parsed: string[] = [];
  JSON.parse = (text: string, ...rest) => {
    parsed.push(text);
    return parse(text, ...rest);
  };
  try {
    work();
  } catch (error) {
    return { parsed, message: (error as Error).message };
  } finally {
    JSON.parse = parse;
  }
  throw new Error('accepted');
}

test('deep and wide JSON is refused where it exceeds the limits, before any of it is parsed', () => {
  const limits = { depth: 3, entries: 1000, keys: 100 };
  const million = 1_000_000;
  const keys = Array.from({ length: million }, (_, i) => `"${i}":0`).join();
  const texts: [text: string, says: string][] = [
    ['['.repeat(million), 'is nested deeper than 3 levels at character 3'],
    ['{"a":'.repeat(million), 'is nested deeper than 3 levels at character 15'],
    [`[${'1,'.repeat(million)}1]`, 'has more than 1000 entries at character 2000'],
    [`[${'[],'.repeat(million)}1]`, 'has more than 1000 entries at character 1500'],
    [`{${keys}}`, 'has an object of more than 100 keys at character 691'],
    [`[${'1,'.repeat(500)}[${'1,'.repeat(million)}1]]`, 'has more than 1000 entries at character 1999'],
  ];
  for (const [text, says] of texts) {
    expect(() => parseJson(text, limits)).toThrow(JsonError);
    expect(parsedBy(() => parseJson(text, limits))).toEqual({ parsed: [], message: says });
  }
  // As large as allowed, and brackets and commas in a string are neither depth nor entries.
  const allowed = `[[["${'[{,'.repeat(5000)}\\"${'[,'.repeat(5000)}"]],${'1,'.repeat(996)}1]`;
  expect(parseJson(allowed, limits)).toHaveLength(998);
  expect(() => parseJson(allowed.replace('1]', '1,1]'), limits)).toThrow(/more than 1000 entries/);
  for (const empty of ['[]', '{}']) expect(parseJson(empty, { ...limits, entries: 1 })).toEqual(JSON.parse(empty));

  for (const header of [`{"a":${'['.repeat(million)}`, `{"a":{"shape":[${'1,'.repeat(million)}1]}}`, `{${keys}}`]) {
    const { parsed, message } = parsedBy(() => readSafetensors(fileOf(header)));
    expect(parsed).toEqual([]);
    expect(message).toMatch(
      /^safetensors read: the header (is nested deeper|has more than|has an object of more than)/,
    );
  }
});

test('text that ends anywhere is no JSON', () => {
  const text = '{"a\\"\\\\":[1,"b"],"c":{"d":null}}';
  const limits = { depth: 3, entries: 1000, keys: 100 };
  expect(parseJson(text, limits)).toEqual(JSON.parse(text));
  for (let length = 0; length < text.length; length++) {
    expect(() => parseJson(text.slice(0, length), limits)).toThrow('is not JSON');
  }
  expect(() => parseJson('{"\\q":1}', limits)).toThrow('is not JSON');
});

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
