import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encode as encodePng } from 'fast-png';
import { expect } from 'playwright/test';
import { parseNpy } from '../../src/data/npy.ts';
import { idxFile } from '../data/idx-file.ts';
import { vaeFile } from '../support/vae-file.ts';
import { adapterOptions, test } from './command.ts';
import { decode } from './drawing.ts';
import { run } from './in-process.ts';

const SIZE = { rows: 5, columns: 7 };

/** A run's folder with a model of 7 x 5 images and three dimensions, never trained. */
async function makeModel(cwd: string): Promise<string> {
  const folder = join(cwd, 'run');
  await mkdir(folder);
  await writeFile(join(folder, 'model.safetensors'), vaeFile({ hidden: [6], latent: 3 }, SIZE, { data: 'mine' }));
  return folder;
}

/** Pictures in a folder for each of two classes. */
async function makePictures(cwd: string, { rows, columns } = SIZE): Promise<string> {
  const folder = join(cwd, 'pictures');
  for (const [label, name] of ['cat', 'dog'].entries()) {
    await mkdir(join(folder, name), { recursive: true });
    for (const number of [2, 10]) {
      const data = Uint8Array.from({ length: rows * columns }, (_, i) => (i * 7 + number + 100 * label) % 256);
      const png = encodePng({ width: columns, height: rows, data, channels: 1, depth: 8 });
      await writeFile(join(folder, name, `${number}.png`), png);
    }
  }
  return folder;
}

async function numbers(path: string): Promise<{ shape: number[]; values: Float32Array }> {
  const { shape, data, dtype } = parseNpy(await readFile(path), path);
  expect(dtype).toBe('<f4');
  return { shape, values: new Float32Array(Uint8Array.from(data).buffer) };
}

test('sample, interpolate, traverse and manifold: pixels and pictures, by seed', async ({ cwd }) => {
  const model = await makeModel(cwd);
  const file = (name: string) => join(cwd, name);
  const look = async (command: string, out: string, ...more: string[]) => {
    const result = await run([command, '--model', model, '--out', file(out), ...more, ...adapterOptions]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(new RegExp(`${out}: .+\\.\n$`));
  };
  await look('sample', 'a.npy', '--count', '3', '--seed', '4');
  await look('sample', 'b.npy', '--count', '2', '--seed', '4');
  await look('sample', 'c.npy', '--count', '2', '--seed', '5');
  const [a, b, c] = await Promise.all(['a.npy', 'b.npy', 'c.npy'].map((name) => numbers(file(name))));
  expect(a!.shape).toEqual([3, 5, 7]);
  expect(b!.values).toEqual(a!.values.subarray(0, 70));
  expect(c!.values).not.toEqual(b!.values);

  // Both ends of a line are the samples of that seed.
  await look('interpolate', 'line.npy', '--pairs', '1', '--steps', '4', '--seed', '4');
  const line = await numbers(file('line.npy'));
  expect(line.shape).toEqual([1, 4, 5, 7]);
  expect(line.values.subarray(0, 35)).toEqual(a!.values.subarray(0, 35));
  expect(line.values.subarray(105)).toEqual(a!.values.subarray(35, 70));

  // In the middle of every dimension's way is the z that it began with.
  await look('traverse', 'way.npy', '--steps', '3', '--range', '2', '--seed', '4');
  const way = await numbers(file('way.npy'));
  expect(way.shape).toEqual([3, 3, 5, 7]);
  await look('manifold', 'sheet.npy', '--side', '3', '--dims', '3,1');
  const sheet = await numbers(file('sheet.npy'));
  expect(sheet.shape).toEqual([3, 3, 5, 7]);
  await look('traverse', 'zero.npy', '--steps', '3');
  const zero = await numbers(file('zero.npy'));
  for (const dim of [0, 1, 2]) {
    expect(zero.values.subarray((3 * dim + 1) * 35, (3 * dim + 2) * 35)).toEqual(sheet.values.subarray(4 * 35, 5 * 35));
  }

  await look('sample', 'a.png', '--count', '3');
  await look('interpolate', 'line.png', '--pairs', '2');
  await look('traverse', 'way.png');
  await look('manifold', 'sheet.png', '--side', '4');
  for (const name of ['a.png', 'line.png', 'way.png', 'sheet.png']) await decode(await readFile(file(name)));
  await look('traverse', 'way.gif', '--steps', '4');
  const gif = (await readFile(file('way.gif'))).toString('latin1');
  expect(gif.slice(0, 6)).toBe('GIF89a');
  // There and back: four steps, and two of them again.
  expect(gif.split('!\xf9\x04')).toHaveLength(1 + 6);
});

test('encode and reconstruct: PNGs by class, an IDX file, another size', async ({ cwd }) => {
  const model = await makeModel(cwd);
  const pictures = await makePictures(cwd);
  const file = (name: string) => join(cwd, name);
  const from = (command: string, images: string, out: string, ...more: string[]) =>
    run([command, '--model', model, '--images', images, '--out', file(out), ...more, ...adapterOptions]);
  expect(await from('encode', pictures, 'table.csv', '--seed', '1')).toMatchObject({ code: 0, stderr: '' });
  const [header, ...rows] = (await readFile(file('table.csv'), 'utf8')).trimEnd().split('\n');
  expect(header).toBe('image,file,label,class,mu_1,mu_2,mu_3,logvar_1,logvar_2,logvar_3,z_1,z_2,z_3');
  expect(rows.map((row) => row.split(',').slice(0, 4).join())).toEqual([
    '0,cat/2.png,0,cat',
    '1,cat/10.png,0,cat',
    '2,dog/2.png,1,dog',
    '3,dog/10.png,1,dog',
  ]);
  expect(await from('encode', pictures, 'table.npy')).toMatchObject({ code: 0 });
  const { shape, values } = await numbers(file('table.npy'));
  expect(shape).toEqual([4, 3]);
  // The table has as many digits as f32 needs.
  expect(Array.from(values)).toEqual(
    rows.flatMap((row) =>
      row
        .split(',')
        .slice(4, 7)
        .map((text) => Math.fround(Number(text))),
    ),
  );

  await writeFile(file('images'), idxFile([3, 5, 7]));
  expect(await from('reconstruct', file('images'), 'idx.png')).toMatchObject({ code: 0, stderr: '' });
  expect(await from('reconstruct', join(pictures, 'cat', '2.png'), 'one.npy')).toMatchObject({ code: 0 });
  expect((await numbers(file('one.npy'))).shape).toEqual([1, 5, 7]);
  expect(await from('interpolate', pictures, 'line.npy', '--steps', '2')).toMatchObject({ code: 0 });
  expect((await numbers(file('line.npy'))).shape).toEqual([2, 2, 5, 7]);

  await writeFile(file('larger'), idxFile([3, 9, 8]));
  const refused = await from('reconstruct', file('larger'), 'no.png');
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(
    /^error: .*larger: the images are 8 x 9 pixels, the model's 7 x 5: scale them with --resize\n$/,
  );
  expect(await from('reconstruct', file('larger'), 'scaled.npy', '--resize')).toMatchObject({ code: 0, stderr: '' });
  expect(await readdir(cwd)).not.toContain('no.png');
});

test('bad input: one line, and no file', async ({ cwd }) => {
  const model = await makeModel(cwd);
  const pictures = await makePictures(cwd, { rows: 4, columns: 4 });
  await mkdir(join(cwd, 'empty'));
  const whole = await readFile(join(model, 'model.safetensors'));
  await writeFile(join(cwd, 'short.safetensors'), whole.subarray(0, whole.length - 100));
  await writeFile(join(cwd, 'zip.safetensors'), 'PK\x03\x04 and so on, longer than eight bytes');
  await writeFile(join(cwd, 'none.png'), '<html>');
  const png = await readFile(join(pictures, 'cat', '2.png'));
  await writeFile(join(cwd, 'short.png'), png.subarray(0, png.length - 20));
  await writeFile(
    join(cwd, 'bits.png'),
    png.map((byte, i) => (i === 45 ? byte ^ 8 : byte)),
  );
  await writeFile(join(cwd, 'old.png'), 'precious');
  const before = (await readdir(cwd)).sort();
  const at = (path: string) => join(cwd, path);
  const refusals: [args: string[], code: number, says: RegExp][] = [
    [['sample', '--model', at('nothing'), '--out', at('x.png')], 2, /safetensors file at .*nothing, there is none/],
    [['sample', '--model', at('empty'), '--out', at('x.png')], 2, /found neither model\.safetensors nor checkpoint/],
    [['sample', '--model', at('short.safetensors'), '--out', at('x.png')], 1, /short\.safetensors: .*cut off|outside/],
    [['sample', '--model', at('zip.safetensors'), '--out', at('x.png')], 1, /zip\.safetensors: safetensors read/],
    [
      ['sample', '--model', model, '--out', at('x.jpg')],
      2,
      /x\.jpg: expected a file whose name ends in \.png or \.npy/,
    ],
    [['sample', '--model', model, '--out', at('no/x.png')], 2, /there is no folder .*no: make it first/],
    [['sample', '--model', model, '--out', at('old.png')], 2, /old\.png is there already.*--force/],
    [['sample', '--model', model, '--out', at('x.png'), '--count', '0'], 2, /--count.*'0'/],
    [['sample', '--out', at('x.png')], 2, /required option '--model <path>'/],
    [['interpolate', '--model', model, '--out', at('x.png'), '--steps', '1'], 2, /--steps.*at least 2/],
    [['manifold', '--model', model, '--out', at('x.png'), '--dims', '1,4'], 2, /--dims 1,4: .* has 3 dimensions of z/],
    [['manifold', '--model', model, '--out', at('x.png'), '--dims', '2,2'], 2, /two dimensions of z/],
    [['encode', '--model', model, '--out', at('x.csv')], 2, /trained on "mine": say with --images/],
    [['encode', '--model', model, '--out', at('x.csv'), '--images', at('lost')], 2, /at .*lost, there is none/],
    [['encode', '--model', model, '--out', at('x.csv'), '--images', at('empty')], 1, /empty: .*found an empty folder/],
    [
      ['encode', '--model', model, '--out', at('x.csv'), '--images', at('none.png')],
      1,
      /expected a PNG picture, it is a web page/,
    ],
    [
      ['encode', '--model', model, '--out', at('x.csv'), '--images', at('short.png')],
      1,
      /short\.png: expected a whole PNG/,
    ],
    [
      ['encode', '--model', model, '--out', at('x.csv'), '--images', at('bits.png')],
      1,
      /bits\.png: expected a whole PNG/,
    ],
    [
      ['encode', '--model', model, '--out', at('x.csv'), '--images', pictures],
      1,
      /cat.2\.png: it is 4 x 4 pixels, expected 7 x 5/,
    ],
    [
      ['traverse', '--model', model, '--out', at('x.gif'), '--images', at('pictures'), '--resize', '--image', '4'],
      1,
      /--image 4: there are 4 /,
    ],
  ];
  for (const [args, code, says] of refusals) {
    const result = await run([...args, ...adapterOptions]);
    expect(result.stderr).toMatch(/^error: .*\n$/);
    expect(result.stderr, args.join(' ')).toMatch(says);
    expect({ code: result.code, stdout: result.stdout }, args.join(' ')).toEqual({ code, stdout: '' });
  }
  expect((await readdir(cwd)).sort()).toEqual(before);
  expect(await readFile(at('old.png'), 'utf8')).toBe('precious');
});
