import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { encode as encodePng } from 'fast-png';
import { expect } from 'playwright/test';
import { parseNpy } from '../../src/data/npy.ts';
import { idxFile, wideLabels } from '../data/idx-file.ts';
import { adapterOptions, test, webgpuVae } from './command.ts';
import { decode } from './drawing.ts';
import { run } from './in-process.ts';

const TRAIN_IMAGES = idxFile([40, 5, 7]);
const tiny = ['--hidden', '6', '--batch', '8', '--quiet', ...adapterOptions];

/** Training images and labels as EMNIST names them: 300 classes, one file packed as its name says, none for testing. */
async function trainingFilesOnly(cwd: string): Promise<void> {
  await mkdir(join(cwd, 'set'));
  const labels = Array.from({ length: 40 }, (_, i) => (i * 7) % 300);
  await writeFile(join(cwd, 'set', 'emnist-letters-train-images-idx3-ubyte (1).gz'), gzipSync(TRAIN_IMAGES));
  await writeFile(join(cwd, 'set', 'emnist-letters-train-labels-idx1-ubyte.gz'), wideLabels(0x0b, labels));
}

test('test images set aside and images transposed are the same in a run that is resumed', async ({ cwd }) => {
  await trainingFilesOnly(cwd);
  const data = ['--data', 'set', '--transpose', '--test-size', '8'];
  const whole = await webgpuVae(['train', ...data, '--epochs', '2', '--out', 'whole', ...tiny], cwd);
  expect(whole).toMatchObject({ code: 0, stderr: '' });
  const half = await webgpuVae(['train', ...data, '--epochs', '1', '--out', 'half', ...tiny], cwd);
  expect(half).toMatchObject({ code: 0, stderr: '' });
  // Neither option is given again: the run's folder knows.
  const rest = await webgpuVae(['train', '--resume', 'half', '--epochs', '2', '--quiet', ...adapterOptions], cwd);
  expect(rest).toMatchObject({ code: 0, stderr: '' });

  const config = JSON.parse(await readFile(join(cwd, 'half', 'config.json'), 'utf8'));
  expect(config).toMatchObject({ transpose: true, trainSize: 32, testSize: 8, rows: 7, columns: 5 });
  const model = (run: string) => readFile(join(cwd, run, 'model.safetensors'));
  expect((await model('half')).equals(await model('whole'))).toBe(true);
  const lastRow = async (run: string) => {
    const rows = (await readFile(join(cwd, run, 'metrics.csv'), 'utf8')).trimEnd().split('\n');
    return rows.at(-1)?.replace(/,[^,]*$/, '');
  };
  expect(await lastRow('half')).toBe(await lastRow('whole'));
  expect(await lastRow('whole')).toMatch(/^2,8,/);

  const other = await webgpuVae(['train', '--resume', 'half', '--test-size', '9'], cwd);
  expect(other.code).toBe(2);
  expect(other.stderr).toMatch(/^error: resume: --test-size is 9, the checkpoint has 8: leave it out/);
});

test('a model is trained without labels, and its pictures are drawn', async ({ cwd }) => {
  const folder = join(cwd, 'root', 'MNIST', 'raw');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'TRAIN-IMAGES.IDX3-UBYTE'), TRAIN_IMAGES);
  await writeFile(join(folder, 't10k-images-idx3-ubyte'), idxFile([8, 5, 7]));
  const args = ['--data', 'root', '--epochs', '1', '--out', 'run', '--hidden', '6', '--batch', '8', ...adapterOptions];
  const { code, stdout } = await webgpuVae(['train', ...args], cwd);
  expect(code).toBe(0);
  expect(stdout).toContain('Data: MNIST, 40 training and 8 test images of 7 x 5 pixels, without labels.\n');
  expect(await readdir(join(cwd, 'run'))).toContain('latent_2d.png');
});

test('images in colour are trained, resumed, drawn and looked into', async ({ cwd }) => {
  const folder = join(cwd, 'colours');
  await mkdir(folder);
  // The channels first: they are turned round.
  await writeFile(join(folder, 'train-images-idx4-ubyte'), idxFile([40, 3, 5, 7]));
  await writeFile(join(folder, 't10k-images-idx4-ubyte'), idxFile([8, 5, 7, 3]));
  const args = ['--data', folder, '--hidden', '6', '--batch', '8', ...adapterOptions];
  const at = (name: string) => join(cwd, name);
  const first = await run(['train', ...args, '--epochs', '1', '--out', at('half')]);
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.stdout).toContain(
    'Data: colours, 40 training and 8 test images of 7 x 5 pixels in colour, without labels.',
  );
  expect(first.stdout).toContain('Model: 105-6-2 and back');
  await run(['train', ...args, '--epochs', '2', '--quiet', '--out', at('whole')]);
  expect(await run(['train', '--resume', at('half'), '--epochs', '2', '--quiet', ...adapterOptions])).toMatchObject({
    code: 0,
  });
  const model = (name: string) => readFile(join(at(name), 'model.safetensors'));
  expect((await model('half')).equals(await model('whole'))).toBe(true);
  const config = JSON.parse(await readFile(join(at('half'), 'config.json'), 'utf8'));
  expect(config).toMatchObject({ rows: 5, columns: 7, imageChannels: 3 });
  for (const name of ['recon_epoch_2.png', 'samples.png', 'manifold.png']) {
    expect(await isColoured(await readFile(join(at('half'), name))), name).toBe(true);
  }

  // A picture in colour is taken as it is, a grey one as grey; images of a data set have to be in colour.
  const look = (...more: string[]) => run([...more, '--model', at('half'), ...adapterOptions]);
  const data = Uint8Array.from({ length: 105 }, (_, i) => (i * 7) % 256);
  await writeFile(at('one.png'), encodePng({ width: 7, height: 5, data, channels: 3, depth: 8 }));
  expect(await look('reconstruct', '--images', at('one.png'), '--out', at('one.npy'))).toMatchObject({ code: 0 });
  expect(parseNpy(await readFile(at('one.npy')), 'one.npy').shape).toEqual([1, 5, 7, 3]);
  const grey = encodePng({ width: 7, height: 5, data: data.subarray(0, 35), channels: 1, depth: 8 });
  await writeFile(at('grey.png'), grey);
  expect(await look('reconstruct', '--images', at('grey.png'), '--out', at('grey.png'), '--force')).toMatchObject({
    code: 0,
  });
  expect(await look('traverse', '--steps', '3', '--out', at('way.gif'))).toMatchObject({ code: 0, stderr: '' });
  expect(await look('interpolate', '--pairs', '1', '--out', at('line.png'))).toMatchObject({ code: 0 });
  expect(await isColoured(await readFile(at('line.png')))).toBe(true);
  expect(await run(['export', '--html', '--model', at('half'), '--out', at('plane.html')])).toMatchObject({
    code: 0,
    stderr: '',
  });
  expect(await readFile(at('plane.html'), 'utf8')).toContain('7 × 5 pixels in colour');
  await writeFile(at('grey-images-idx3-ubyte'), idxFile([3, 5, 7]));
  const wrong = await look('reconstruct', '--images', at('grey-images-idx3-ubyte'), '--out', at('x.png'));
  expect(wrong).toMatchObject({ code: 1, stdout: '' });
  expect(wrong.stderr).toMatch(/the images are grey, the model has colours: use others\n$/);
});

/** Whether any pixel of a picture is not grey. */
async function isColoured(png: Buffer): Promise<boolean> {
  const canvas = await decode(png);
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.some((level, i) => i % 4 < 2 && level !== data[i + 1]);
}

test('no test files: the error names --test-size, and a size that is too large is wrong usage', async ({ cwd }) => {
  await trainingFilesOnly(cwd);
  const none = await webgpuVae(['train', '--data', 'set'], cwd);
  expect(none).toMatchObject({ code: 1, stdout: '' });
  expect(none.stderr).toMatch(
    /^error: load data: expected t10k-images-idx3-ubyte, plain or \.gz, in .*set, found emnist-letters-train-images-.*: put it there, or .*--test-size.*\n$/,
  );
  const all = await webgpuVae(['train', '--data', 'set', '--test-size', '40'], cwd);
  expect(all).toMatchObject({ code: 2, stdout: '' });
  expect(all.stderr).toMatch(/^error: --test-size 40: .*expected 1 to 39 of the 40 training images, got 40: .*\n$/);
  const embedded = await webgpuVae(['train', '--test-size', '10001'], cwd);
  expect(embedded).toMatchObject({ code: 2, stdout: '' });
  expect(embedded.stderr).toMatch(/^error: --test-size 10001: .*at most 10000, got 10001/);
  expect(await readdir(cwd)).toEqual(['set']);
});
