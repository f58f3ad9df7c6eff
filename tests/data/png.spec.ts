import { encode } from 'fast-png';
import { expect, test } from 'playwright/test';
import { parseNpy, writeNpy } from '../../src/data/npy.ts';
import { readPng } from '../../src/data/png.ts';
import { resized } from '../../src/data/resize.ts';

test('PNGs of every kind become grey levels', async () => {
  const read = async (png: Parameters<typeof encode>[0]) => Array.from((await readPng(encode(png), 'x.png')).levels);
  const size = { width: 3, height: 1, depth: 8 as const };
  expect(await read({ ...size, channels: 1, data: Uint8Array.of(0, 128, 255) })).toEqual([0, 128, 255]);
  expect(await read({ ...size, channels: 3, data: Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255) })).toEqual([
    76, 150, 29,
  ]);
  // Black shows through what is transparent.
  expect(await read({ ...size, channels: 2, data: Uint8Array.of(200, 255, 200, 0, 200, 51) })).toEqual([200, 0, 40]);
  expect(await read({ ...size, channels: 1, depth: 16, data: Uint16Array.of(0, 257 * 9, 65535) })).toEqual([0, 9, 255]);
  expect(await read({ ...size, channels: 1, depth: 1, data: Uint8Array.of(0b10100000) })).toEqual([255, 0, 255]);
  const palette = [
    [10, 10, 10],
    [0, 0, 255],
  ];
  expect(await read({ ...size, channels: 1, depth: 1, data: Uint8Array.of(0b01000000), palette })).toEqual([
    10, 29, 10,
  ]);
});

test('scaling keeps what is even, means what becomes one pixel, and keeps the size asked for', () => {
  const even = { levels: new Uint8Array(35).fill(77), rows: 5, columns: 7 };
  for (const to of [
    { rows: 5, columns: 7 },
    { rows: 2, columns: 3 },
    { rows: 11, columns: 20 },
    { rows: 1, columns: 1 },
  ]) {
    const { levels, rows, columns } = resized(even, to);
    expect({ rows, columns }).toEqual(to);
    expect([...new Set(levels)]).toEqual([77]);
    expect(levels).toHaveLength(rows * columns);
  }
  const colours = { levels: Uint8Array.of(0, 200, 9, 100, 0, 9), rows: 1, columns: 2, channels: 3 };
  expect(resized(colours, { rows: 1, columns: 1 })).toEqual({
    levels: Uint8Array.of(50, 100, 9),
    rows: 1,
    columns: 1,
    channels: 3,
  });
  const line = { levels: Uint8Array.of(0, 0, 0, 255, 255, 255), rows: 1, columns: 6 };
  expect([...resized(line, { rows: 1, columns: 2 }).levels]).toEqual([32, 223]);
  expect([...resized({ levels: Uint8Array.of(0, 100), rows: 1, columns: 2 }, { rows: 1, columns: 4 }).levels]).toEqual([
    0, 25, 75, 100,
  ]);
});

test("NPY: what is written is read, and NumPy's other headers", () => {
  const values = Float32Array.of(1, -2.5, 3, 4, 5, 6);
  for (const shape of [[6], [2, 3], [1, 2, 3]]) {
    const file = writeNpy(values, shape);
    expect(file.length % 64).toBe(24);
    const array = parseNpy(file, 'x.npy');
    expect(array).toMatchObject({ dtype: '<f4', shape });
    expect(new Float32Array(Uint8Array.from(array.data).buffer)).toEqual(values);
  }
  const header = (text: string, data = 4) =>
    Buffer.concat([
      Buffer.from(`\x93NUMPY\x01\0${String.fromCharCode(text.length)}\0${text}`, 'latin1'),
      Buffer.alloc(data),
    ]);
  const say = (text: string, data?: number) => () => parseNpy(header(text, data), 'x.npy');
  expect(parseNpy(header("{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }"), 'x').shape).toEqual([4]);
  expect(say("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2), }")).toThrow(/Fortran/);
  expect(say("{'descr': '|O', 'fortran_order': False, 'shape': (4,), }")).toThrow(/4 bytes for the shape|objects/);
  expect(say("{'descr': '|u1', 'fortran_order': False, 'shape': (5,), }")).toThrow(
    /4 bytes for the shape \(5\) of \|u1/,
  );
  expect(() => parseNpy(header("{'descr'").subarray(0, 12), 'x.npy')).toThrow(/cut off/);
});
