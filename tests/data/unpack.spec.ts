import { gzipSync } from 'node:zlib';
import { expect, test } from 'playwright/test';
import { DataError } from '../../src/data/errors.ts';
import { unpack, whatElse } from '../../src/data/unpack.ts';

const text = Buffer.from('a text that is packed, a text that is packed');
const packed = gzipSync(text);

/** Browsers unpack one member and refuse whatever comes after it; Node does not, so this stands in for them. */
class OneMember {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;

  constructor() {
    const chunks: Uint8Array[] = [];
    const through = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk) => void chunks.push(chunk),
      flush(controller) {
        if (!Buffer.concat(chunks).equals(packed)) throw new TypeError('Junk found after end of compressed data.');
        controller.enqueue(text);
      },
    });
    this.readable = through.readable;
    this.writable = through.writable;
  }
}

const cases: [title: string, bytes: Uint8Array, expected: string | RegExp][] = [
  ['one member', packed, text.toString()],
  ['two members', Buffer.concat([packed, packed]), text.toString().repeat(2)],
  ['zeros at the end', Buffer.concat([packed, Buffer.alloc(70_000)]), text.toString()],
  ['not packed', text, text.toString()],
  ['nothing', new Uint8Array(), ''],
  ['junk at the end', Buffer.concat([packed, Buffer.from('junk')]), /^unpack f: .*"incorrect header check"/],
  ['cut', packed.subarray(0, -3), /^unpack f: expected a complete gzip file, got one that is broken off: get/],
  ['only the magic', packed.subarray(0, 2), /broken off/],
  [
    'a wrong checksum',
    Uint8Array.from(packed, (b, i) => (i === packed.length - 8 ? b ^ 1 : b)),
    /"incorrect data check"/,
  ],
];

for (const [where, native] of [
  ['Node', DecompressionStream],
  ['a browser', OneMember],
] as const) {
  test(`what is unpacked, and what is refused, as in ${where}`, async () => {
    const own = globalThis.DecompressionStream;
    globalThis.DecompressionStream = native as typeof DecompressionStream;
    try {
      for (const [title, bytes, expected] of cases) {
        const result = await unpack(bytes, 'f').then(
          (unpacked) => Buffer.from(unpacked).toString(),
          (error: unknown) => {
            expect(error, title).toBeInstanceOf(DataError);
            return (error as Error).message;
          },
        );
        if (typeof expected === 'string') expect(result, title).toBe(expected);
        else expect(result, title).toMatch(expected);
      }
    } finally {
      globalThis.DecompressionStream = own;
    }
  });
}

test('a small file that unpacks to a large one is refused on the way', async () => {
  const bomb = gzipSync(new Uint8Array(2 ** 22));
  for (const bytes of [bomb, Buffer.concat([packed, bomb])]) {
    const refused = unpack(bytes, 'bomb.gz', 2 ** 16);
    await expect(refused).rejects.toThrow('unpack bomb.gz: expected at most 65536 bytes, got more');
    await expect(refused).rejects.toBeInstanceOf(DataError);
  }
  expect(await unpack(bomb, 'bomb.gz', 2 ** 22)).toHaveLength(2 ** 22);
});

test('what is no IDX file is told by its first bytes', () => {
  const what = (bytes: Uint8Array | string) => whatElse(Buffer.from(bytes as string, 'latin1'))?.what;
  expect(what('<html lang="en">')).toBe('a web page (HTML)');
  expect(what('\xef\xbb\xbf\r\n <!DOCTYPE HTML PUBLIC')).toBe('a web page (HTML)');
  expect(what('<?xml version="1.0"?><Error><Code>AccessDenied')).toBe('a web page (HTML)');
  expect(what(`${'a'.repeat(257)}ustar`)).toBe('a tar archive');
  expect(what('\x93NUMPY\x01\x00')).toBe('a NumPy array');
  expect(what('MATLAB 5.0 MAT-file')).toBe('a MATLAB file');
  expect(what('version https://git-lfs.github.com/spec/v1\noid')).toBe('a pointer of Git LFS');
  for (const other of ['', '<', 'PK', 'hello, world', '\0\0\x08\x03']) expect(what(other)).toBeUndefined();
});
