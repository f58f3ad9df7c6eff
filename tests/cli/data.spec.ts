import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'playwright/test';
import { idxFile, wideLabels } from '../data/idx-file.ts';
import { adapterOptions, test, webgpuVae } from './command.ts';

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
