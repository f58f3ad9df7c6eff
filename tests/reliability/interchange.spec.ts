import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readParameters } from '../../src/vae/checkpoint.ts';
import { writeSafetensors } from '../../src/vae/safetensors.ts';
import { Vae } from '../../src/vae/vae.ts';
import { adapterOptions, webgpuVae } from '../cli/command.ts';
import { expect, test } from '../support/fixtures.ts';
import { bitsOf, recordFault, tinyData } from './faults.ts';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('interchange.py', import.meta.url));

/** A Python that has PyTorch; `PYTHON` names another one. */
async function pythonWithTorch(): Promise<string | undefined> {
  for (const python of [process.env.PYTHON, 'python3', '/usr/bin/python3', 'python']) {
    if (!python) continue;
    const found = await run(python, ['-c', 'import torch']).then(
      () => true,
      () => false,
    );
    if (found) return python;
  }
  return undefined;
}

/** The format as its description has it, in as few lines as possible and without the program's own reader. */
function readIndependently(file: Buffer): Map<string, { shape: number[]; data: Buffer }> {
  const end = 8 + Number(file.readBigUInt64LE());
  const header = JSON.parse(file.toString('utf8', 8, end)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = Object.entries(header).filter(([name]) => name !== '__metadata__');
  return new Map(
    tensors.map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        expect(dtype).toBe('F32');
        return [name, { shape, data: file.subarray(end + from, end + to) }];
      },
    ),
  );
}

test('--init begins with a file that PyTorch wrote', async () => {
  const cwd = test.info().outputPath('work');
  await mkdir(cwd, { recursive: true });
  const at = (...names: string[]) => join(cwd, ...names);
  const small = [
    '--train-size',
    '100',
    '--batch',
    '50',
    '--hidden',
    '8',
    '--epochs',
    '1',
    '--quiet',
    ...adapterOptions,
  ];
  const train = async (args: string[]) =>
    expect(await webgpuVae(['train', ...small, ...args], cwd)).toMatchObject({ code: 0, stderr: '' });
  await train(['--seed', '5', '--out', 'donor']);
  const python = await pythonWithTorch();
  if (python === undefined) {
    console.warn('no Python with PyTorch here: a file that it wrote could not be tried');
    return;
  }
  await writeFile(at('z.json'), JSON.stringify([0.5, -0.5]));
  const files = ['z.json', 'pixels.json', 'written.safetensors'].map((name) => at(name));
  await run(python, [SCRIPT, at('donor', 'model.safetensors'), ...files]);
  // Another file: PyTorch wrote it, in its own order and with its own metadata.
  const [own, theirs] = await Promise.all([at('donor', 'model.safetensors'), files[2]!].map((path) => readFile(path)));
  expect(theirs!.equals(own!)).toBe(false);
  await train(['--init', 'written.safetensors', '--out', 'from-pytorch']);
  await train(['--init', 'donor/model.safetensors', '--out', 'from-own']);
  const models = await Promise.all(
    ['from-pytorch', 'from-own', 'donor'].map((name) => readFile(at(name, 'model.safetensors'))),
  );
  expect(models[0]!.equals(models[1]!)).toBe(true);
  expect(models[0]!.equals(models[2]!)).toBe(false);
});

test('a model goes to PyTorch and comes back; without PyTorch, its file is read by other means', async ({ device }) => {
  const folder = test.info().outputPath('files');
  await mkdir(folder, { recursive: true });
  const data = tinyData(64);
  const config = { hidden: [11, 6], latent: 3, batch: 16, epochs: 5, seed: 9 };
  const vae = await Vae.create(device, data, config);
  try {
    await vae.train();
    const parameters = await vae.parameters();
    const { rows, columns } = data.train;
    const metadata = { format: 'pt', config: JSON.stringify({ ...vae.config, rows, columns }) };
    const path = join(folder, 'model.safetensors');
    await writeFile(path, writeSafetensors(parameters, metadata));

    const independent = readIndependently(await readFile(path));
    expect([...independent.keys()].sort()).toEqual(parameters.map(({ name }) => name).sort());
    for (const { name, shape, data: values } of parameters) {
      expect(independent.get(name)!.shape).toEqual(shape);
      expect(independent.get(name)!.data.equals(Buffer.from(values.buffer)), name).toBe(true);
    }

    const python = await pythonWithTorch();
    if (python === undefined) {
      const description = 'no Python with PyTorch here: the file was read by an independent reader, not by PyTorch';
      test.info().annotations.push({ type: 'PyTorch is missing', description });
      console.warn(description);
      return;
    }
    const z = await vae.encode(data.test.images);
    const at = (name: string) => join(folder, name);
    await writeFile(at('z.json'), JSON.stringify([...z.mu]));
    const { stdout } = await run(python, [SCRIPT, path, at('z.json'), at('pixels.json'), at('written.safetensors')]);
    console.log(stdout.trim());
    test.info().annotations.push({ type: 'PyTorch', description: stdout.trim() });

    const ours = await vae.decode(z.mu);
    const theirs = JSON.parse(await readFile(at('pixels.json'), 'utf8')) as number[];
    expect(theirs).toHaveLength(ours.length);
    // Sums of at most 21 terms of either sign and a sigmoid, both in f32.
    for (const [i, pixel] of ours.entries()) expect(Math.abs(pixel - theirs[i]!)).toBeLessThan(1e-5);

    const back = readParameters(await readFile(at('written.safetensors')));
    const reopened = await Vae.create(device, data, config, { parameters: back });
    try {
      expect(bitsOf(await reopened.parameters()).equals(bitsOf(parameters))).toBe(true);
    } finally {
      reopened.dispose();
    }
    recordFault(test.info(), {
      fault: `model to PyTorch and back (${stdout.trim()})`,
      injected: 1,
      outcome: 'load_state_dict(strict=True), the same pixels within 1e-5, and the same weights bit for bit on return',
      lost: 'nothing',
    });
  } finally {
    vae.dispose();
  }
});
