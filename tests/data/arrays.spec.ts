import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { zipSync } from 'fflate';
import { expect } from 'playwright/test';
import { parseImages, parseLabels } from '../../src/data/arrays.ts';
import { readFiles } from '../../src/data/files.ts';
import { writeNpy } from '../../src/data/npy.ts';
import { loadMnist } from '../../src/host/mnist.node.ts';
import { test } from '../cli/command.ts';

const IMAGES = Uint8Array.from({ length: 4 * 35 }, (_, i) => (7 * i) % 256);
const TEST_IMAGES = IMAGES.subarray(0, 2 * 35);
/** As Keras has them in mnist.npz. */
const KERAS = {
  'x_test.npy': writeNpy(TEST_IMAGES, [2, 5, 7]),
  'x_train.npy': writeNpy(IMAGES, [4, 5, 7]),
  'y_test.npy': writeNpy(Uint8Array.of(3, 1), [2]),
  'y_train.npy': writeNpy(Uint8Array.of(0, 9, 2, 5), [4]),
};
const EXPECTED = {
  train: { images: IMAGES, count: 4, rows: 5, columns: 7, labels: Uint8Array.of(0, 9, 2, 5) },
  test: { images: TEST_IMAGES, count: 2, rows: 5, columns: 7, labels: Uint8Array.of(3, 1) },
};

/** The bytes of an array of another type than `writeNpy` has. */
function npy(dtype: string, shape: number[], data: Uint8Array): Uint8Array {
  const file = Buffer.from(writeNpy(Uint8Array.from(data), [data.length]));
  const tuple = `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;
  const header = `{'descr': '${dtype}', 'fortran_order': False, 'shape': ${tuple}, }`.padEnd(117);
  file.write(`${header}\n`, 10, 'latin1');
  return file;
}

test('NPZ and NPY as Keras ships them: by path, in a folder, chosen on the page', async ({ cwd }) => {
  await mkdir(join(cwd, 'npz'));
  await mkdir(join(cwd, 'npy'));
  await writeFile(join(cwd, 'npz', 'mine.npz'), zipSync(KERAS));
  for (const [name, bytes] of Object.entries(KERAS)) await writeFile(join(cwd, 'npy', name), bytes);
  expect(await loadMnist(join(cwd, 'npz', 'mine.npz'))).toMatchObject({ name: 'mine', ...EXPECTED });
  expect(await loadMnist(join(cwd, 'npz'))).toMatchObject({ name: 'npz', ...EXPECTED });
  expect(await loadMnist(join(cwd, 'npy'))).toMatchObject({ name: 'npy', ...EXPECTED });
  const { 'y_train.npy': _, ...unlabelled } = KERAS;
  const file = (name: string, bytes: Uint8Array) => new File([Uint8Array.from(bytes)], name);
  const chosen = Object.entries(unlabelled).map(([name, bytes]) => file(name, bytes));
  expect((await readFiles(chosen)).train.labels).toBeUndefined();
  expect(await readFiles([file('mine.npz', zipSync(KERAS))])).toMatchObject(EXPECTED);
});

test('arrays: integers of every width as labels, one grey axis, and what is refused', () => {
  for (const [dtype, width] of [
    ['|u1', 1],
    ['|i1', 1],
    ['<u2', 2],
    ['<i2', 2],
    ['<u4', 4],
    ['<i4', 4],
    ['<u8', 8],
    ['<i8', 8],
  ] as const) {
    const data = new Uint8Array(3 * width);
    for (const [i, label] of [7, 0, 100].entries()) data[i * width] = label;
    expect(parseLabels(npy(dtype, [3, 1], data), 'y'), dtype).toEqual(Uint8Array.of(7, 0, 100));
  }
  expect(parseLabels(npy('<i4', [1], Uint8Array.of(0, 1, 0, 0)), 'y')).toEqual(Uint32Array.of(256));
  expect(() => parseLabels(npy('<i2', [1], Uint8Array.of(255, 255)), 'y')).toThrow(/label -1 at image 0/);
  expect(() => parseLabels(npy('>i2', [1], Uint8Array.of(0, 1)), 'y')).toThrow(/type >i2/);
  expect(parseImages(npy('|u1', [2, 1, 3, 1], IMAGES.subarray(0, 6)), 'x')).toMatchObject({
    count: 2,
    rows: 1,
    columns: 3,
  });
  const colour = { count: 1, rows: 1, columns: 2, channels: 3, images: IMAGES.subarray(0, 6) };
  expect(parseImages(npy('|u1', [1, 1, 2, 3], IMAGES.subarray(0, 6)), 'x')).toMatchObject(colour);
  expect(() => parseImages(npy('<f4', [1, 1, 1], new Uint8Array(4)), 'x')).toThrow(/255 \* x/);
  expect(() => parseImages(npy('|u1', [2, 3], new Uint8Array(6)), 'x')).toThrow(/shape \(2, 3\).*reshape/);
  expect(() => parseImages(npy('|u1', [2, 3, 0], new Uint8Array(0)), 'x')).toThrow(/shape \(2, 3, 0\)/);
});

/** Writes a picture of one grey level. */
async function picture(path: string, level: number, size = 4, red = level): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  const data = Uint8Array.from({ length: 3 * size * size }, (_, i) => (i % 3 === 0 ? red : level));
  await writeFile(path, encode({ width: size, height: size, data, channels: 3, depth: 8 }));
}

test('PNGs in a folder per class, with train and test or set aside', async ({ cwd }) => {
  for (const [i, path] of ['train/cat/1', 'train/cat/2', 'train/dog/1', 'test/dog/1'].entries()) {
    await picture(join(cwd, 'pets', `${path}.png`), 10 * i);
  }
  const pets = await loadMnist(join(cwd, 'pets'));
  expect(pets).toMatchObject({ name: 'pets', classNames: ['cat', 'dog'] });
  // The only class of the test images is still the second one.
  expect(pets.test).toMatchObject({ labels: Uint8Array.of(1), images: new Uint8Array(16).fill(30) });
  expect([...pets.train.labels!]).toEqual([0, 0, 1]);

  for (const [i, path] of ['7/b', '7/a', '2/c', '2/d'].entries()) await picture(join(cwd, 'digits', `${path}.png`), i);
  await expect(loadMnist(join(cwd, 'digits'))).rejects.toThrow(/expected folders train and test .*--test-size/);
  const digits = await loadMnist(join(cwd, 'digits'), { testSize: 1 });
  expect([...digits.train.labels!, ...digits.test.labels!].sort()).toEqual([2, 2, 7, 7]);
  expect(digits.classNames).toBeUndefined();
  await picture(join(cwd, 'digits', '7', 'z.png'), 0, 5);
  await expect(loadMnist(join(cwd, 'digits'))).rejects.toThrow(
    /z\.png: it is 5 x 5 pixels, expected 4 x 4, as c\.png is: make them one size/,
  );
  await picture(join(cwd, 'pets', 'train', 'dog', '2.png'), 5, 4, 6);
  expect(await loadMnist(join(cwd, 'pets'))).toMatchObject({ train: { channels: 3 }, test: { channels: 3 } });
  await picture(join(cwd, 'pets', 'test', 'bird', '1.png'), 0);
  await expect(loadMnist(join(cwd, 'pets'))).rejects.toThrow(/has the class bird, which the training images have not/);
});

test("what is in a data set's place is named, with what to do", async ({ cwd }) => {
  const at = (name: string) => join(cwd, name);
  await writeFile(at('fashion.zip'), zipSync({ 'train-images-idx3-ubyte': new Uint8Array(9) }));
  await writeFile(at('short.npz'), zipSync(KERAS).subarray(0, 300));
  await writeFile(at('notes.txt'), 'hello');
  await picture(at('one.png'), 0);
  await mkdir(at('two'));
  for (const name of ['a.npz', 'b.npz']) await writeFile(at(`two/${name}`), zipSync(KERAS));
  for (const [name, says] of [
    ['fashion.zip', /at .*fashion\.zip, it is a ZIP archive: unpack it/],
    ['short.npz', /unpack .*short\.npz: expected a whole ZIP archive/],
    ['notes.txt', /it is a file: name the folder/],
    ['one.png', /it is a PNG picture: name the folder that it lies in/],
    ['two', /found a\.npz, b\.npz: name one of these files/],
  ] as const) {
    await expect(loadMnist(at(name))).rejects.toThrow(says);
  }
});
