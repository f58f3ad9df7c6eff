import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import { readSafetensors } from '../../src/train/safetensors.ts';
import { adapterOptions, outcome, smallData, start, test, tinyRun, webgpuVae } from './command.ts';

const HEADER = 'epoch,step,train_loss,train_bce,train_kl,test_loss,test_bce,test_kl,seconds';
const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

async function metricsOf(folder: string): Promise<{ header: string; rows: number[][] }> {
  const [header = '', ...lines] = (await readFile(join(folder, 'metrics.csv'), 'utf8')).trimEnd().split('\n');
  return { header, rows: lines.map((line) => line.split(',').map(Number)) };
}

async function modelOf(folder: string): Promise<ReturnType<typeof readSafetensors>> {
  return readSafetensors(await readFile(join(folder, 'model.safetensors')));
}

test('a quiet run writes every file and prints the folder', async ({ cwd }) => {
  const { code, stdout, stderr } = await webgpuVae(
    ['train', ...tinyRun, '--quiet', '--out', 'runs/tiny', '--seed', '7', ...adapterOptions],
    cwd,
  );
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'runs/tiny\n', stderr: '' });

  const folder = join(cwd, 'runs', 'tiny');
  const files = (await readdir(folder)).sort();
  const pictures = ['latent_2d.png', 'loss_curve.png', 'manifold.png', 'recon_epoch_1.png', 'samples.png'];
  const checkpoints = ['checkpoint.safetensors', 'checkpoint.previous.safetensors'];
  expect(files).toEqual([...pictures, ...checkpoints, 'config.json', 'metrics.csv', 'model.safetensors'].sort());
  for (const picture of pictures) {
    expect([...(await readFile(join(folder, picture))).subarray(0, 8)], picture).toEqual(PNG_SIGNATURE);
  }

  const { header, rows } = await metricsOf(folder);
  expect(header).toBe(HEADER);
  expect(rows).toHaveLength(1);
  const [epoch, step, trainLoss, trainBce, trainKl, testLoss, testBce, testKl, seconds] = rows[0] as number[];
  expect([epoch, step]).toEqual([1, 8]);
  // Six decimals are written, so a sum of two is off by at most 1.5e-6.
  expect(Math.abs(trainBce! + trainKl! - trainLoss!)).toBeLessThanOrEqual(1.5e-6);
  expect(Math.abs(testBce! + testKl! - testLoss!)).toBeLessThanOrEqual(1.5e-6);
  // 784 ln 2 is what a model that says 0.5 everywhere has.
  expect(testLoss).toBeLessThan(784 * Math.LN2);
  expect(seconds).toBeGreaterThan(0);

  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  expect(config).toMatchObject({
    status: 'finished',
    hidden: [16],
    latent: 2,
    batch: 32,
    epochs: 1,
    learningRate: 1e-3,
    beta: 1,
    seed: 7,
    trainSize: 256,
    versions: { node: process.versions.node },
  });
  expect(config.adapter.name).not.toBe('');

  const { tensors, metadata } = await modelOf(folder);
  expect(tensors.map(({ name, shape }) => [name, ...shape])).toEqual([
    ['encoder.0.weight', 16, 784],
    ['encoder.0.bias', 16],
    ['mu.weight', 2, 16],
    ['mu.bias', 2],
    ['logvar.weight', 2, 16],
    ['logvar.bias', 2],
    ['decoder.0.weight', 16, 2],
    ['decoder.0.bias', 16],
    ['decoder.2.weight', 784, 16],
    ['decoder.2.bias', 784],
  ]);
  expect(tensors.every(({ data }) => data.every(Number.isFinite))).toBe(true);
  expect(JSON.parse(metadata.config ?? '')).toMatchObject({ hidden: [16], latent: 2, seed: 7, rows: 28, columns: 28 });
});

test('plain lines: the adapter first, then the first loss, one line per epoch, the folder last', async ({ cwd }) => {
  const args = ['--train-size', '64', '--batch', '50', '--epochs', '2', '--hidden', 'none', '--latent', '1'];
  const { code, stdout } = await webgpuVae(['train', ...args, ...adapterOptions], cwd);
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^Adapter: .+, \w+\./);
  expect(lines.filter((line) => /^epoch 1\/2, step 1\/3: train −ELBO [\d.]+$/.test(line))).toHaveLength(1);
  expect(lines.filter((line) => /^epoch \d\/2: test −ELBO [\d.]+ \(BCE [\d.]+, KL [\d.]+\)/.test(line))).toHaveLength(
    2,
  );

  // Without --out the folder's name is the date and time.
  const folder = /runs\S+$/.exec(lines.at(-1) ?? '')?.[0] ?? '';
  expect(folder).toMatch(/^runs.\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d$/);
  const files = await readdir(join(cwd, folder));
  expect(files).toContain('recon_epoch_2.png');
  // A sheet of the latent plane needs two latents.
  expect(files).not.toContain('manifold.png');
  expect((await metricsOf(join(cwd, folder))).rows.map(([epoch, step]) => [epoch, step])).toEqual([
    [1, 2],
    [2, 3],
  ]);
});

test('a bar in a terminal, which is left as it was', async ({ cwd }) => {
  const terminal = ['--import', 'data:text/javascript,process.stdout.isTTY=true'];
  const { code, stdout } = await webgpuVae(['train', ...tinyRun, '--out', 'run', ...adapterOptions], cwd, terminal);
  expect(code).toBe(0);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  const text = stdout.replace(/\x1b\[[\d;?]*[A-Za-z]/g, '');
  expect(text).toMatch(/epoch 1\/1 [█░]+ step \d\/8 −ELBO [\d.]+ [\d.]+ steps\/s .* left/);
  expect(text).toMatch(/epoch 1\/1: test −ELBO [\d.]+/);
  // The bar switches line wrapping off (?7l) while it stands.
  expect(stdout.lastIndexOf('\x1b[?7h')).toBeGreaterThan(stdout.lastIndexOf('\x1b[?7l'));
});

for (const [signal, exitCode] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} stops, writes what was learned and exits with ${exitCode}`, async ({ cwd }) => {
    // Long enough never to finish by itself.
    const args = [...smallData, '--batch', '8', '--hidden', '16', '--epochs', '100000', '--out', 'run'];
    const child = start(['train', ...args, ...adapterOptions], cwd);
    let sent = false;
    const { code } = await outcome(child, (soFar) => {
      if (sent || !soFar.includes('train −ELBO')) return;
      sent = true;
      child.kill(signal);
    });
    expect(code).toBe(exitCode);

    const folder = join(cwd, 'run');
    const files = await readdir(folder);
    expect(files).toEqual(expect.arrayContaining(['config.json', 'loss_curve.png', 'samples.png', 'latent_2d.png']));
    const { rows } = await metricsOf(folder);
    for (const row of rows) expect(row).toHaveLength(HEADER.split(',').length);
    const { tensors, metadata } = await modelOf(folder);
    expect(tensors.every(({ data }) => data.every(Number.isFinite))).toBe(true);
    expect(Number(metadata.step)).toBeGreaterThan(0);
    expect(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))).toMatchObject({ status: 'stopped' });
  });
}

test('--help explains every option with its default', async ({ cwd }) => {
  const { code, stdout } = await webgpuVae(['train', '--help'], cwd);
  expect(code).toBe(0);
  const text = stdout.replace(/\s+/g, ' ');
  const options =
    'data hidden latent batch epochs lr beta seed train-size resume init checkpoint-every out adapter quiet'.split(' ');
  for (const option of options) expect(text).toMatch(new RegExp(`--${option} [^-].*?\\(default: `));
  for (const value of ['512,256', '128', '20', '1e-3']) expect(text).toContain(`(default: ${value})`);
});
