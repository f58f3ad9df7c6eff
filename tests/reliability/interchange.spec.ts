import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DataSet } from '../../src/data/dataset.ts';
import type { Device } from '../../src/gpu/device.ts';
import { writeSafetensors } from '../../src/train/safetensors.ts';
import { readParameters } from '../../src/vae/checkpoint.ts';
import { Vae } from '../../src/vae/vae.ts';
import { adapterOptions, webgpuVae } from '../cli/command.ts';
import { expect, test } from '../support/fixtures.ts';
import { bitsOf, isNightly, recordFault, tinyData } from './faults.ts';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('interchange.py', import.meta.url));

/**
 * A Python that has PyTorch; `PYTHON` names another one.
 * @throws if there is none: in the long version, the only one that asks, it must be there
 */
async function pythonWithTorch(): Promise<string> {
  for (const python of [process.env.PYTHON, 'python3', '/usr/bin/python3', 'python']) {
    if (!python) continue;
    const found = await run(python, ['-c', 'import torch']).then(
      () => true,
      () => false,
    );
    if (found) return python;
  }
  throw new Error('no Python with PyTorch here: install it (Debian: python3-torch), or name one by PYTHON=');
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

/** The same tensors as another program writes them: in another order, with other metadata and padding. */
function writtenElsewhere(file: Buffer): Buffer {
  const tensors = [...readIndependently(file)].reverse();
  let end = 0;
  const header: Record<string, unknown> = { __metadata__: { format: 'pt', by: 'somebody else' } };
  for (const [name, { shape, data }] of tensors) {
    header[name] = { data_offsets: [end, end + data.length], dtype: 'F32', shape };
    end += data.length;
  }
  const text = JSON.stringify(header).padEnd(4096, ' ');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, Buffer.from(text), ...tensors.map(([, { data }]) => data)]);
}

/** A small model that the command has trained in `cwd`, and runs that begin with a file. */
async function beginnings(cwd: string): Promise<{ donor: Buffer; from: (file: string) => Promise<Buffer> }> {
  await mkdir(cwd, { recursive: true });
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
  let runs = 0;
  const train = async (args: string[]): Promise<Buffer> => {
    const out = `run ${runs++}`;
    expect(await webgpuVae(['train', ...small, ...args, '--out', out], cwd)).toMatchObject({ code: 0, stderr: '' });
    return readFile(join(cwd, out, 'model.safetensors'));
  };
  const donor = await train(['--seed', '5']);
  await writeFile(join(cwd, 'donor.safetensors'), donor);
  return { donor, from: (file) => train(['--init', file]) };
}

test('--init begins with the same weights, whoever wrote the file', async () => {
  const cwd = test.info().outputPath('work');
  const { donor, from } = await beginnings(cwd);
  const theirs = writtenElsewhere(donor);
  expect(theirs.equals(donor)).toBe(false);
  await writeFile(join(cwd, 'elsewhere.safetensors'), theirs);
  const [own, other] = [await from('donor.safetensors'), await from('elsewhere.safetensors')];
  expect(other.equals(own)).toBe(true);
  expect(own.equals(donor)).toBe(false);
});

const config = { hidden: [11, 6], latent: 3, batch: 16, epochs: 5, seed: 9 };

/** Trains a model, and writes it to `path` as the command does. */
async function withWritten(
  device: Device,
  path: string,
  use: (vae: Vae, data: DataSet) => Promise<void>,
): Promise<void> {
  const data = tinyData(64);
  const vae = await Vae.create(device, data, config);
  try {
    await vae.train();
    const { rows, columns } = data.train;
    const metadata = { format: 'pt', config: JSON.stringify({ ...vae.config, rows, columns }) };
    await writeFile(path, writeSafetensors(await vae.parameters(), metadata));
    await use(vae, data);
  } finally {
    vae.dispose();
  }
}

test("a model's file says what the model is, to a reader that shares nothing with the writer", async ({ device }) => {
  const path = test.info().outputPath('model.safetensors');
  await withWritten(device, path, async (vae) => {
    const parameters = await vae.parameters();
    const independent = readIndependently(await readFile(path));
    expect([...independent.keys()].sort()).toEqual(parameters.map(({ name }) => name).sort());
    for (const { name, shape, data: values } of parameters) {
      expect(independent.get(name)!.shape).toEqual(shape);
      expect(independent.get(name)!.data.equals(Buffer.from(values.buffer)), name).toBe(true);
    }
  });
});

// PyTorch is asked by `npm run reliability`, and must be there then.
if (isNightly) {
  test('--init begins with a file that PyTorch wrote', async () => {
    const cwd = test.info().outputPath('work');
    const { donor, from } = await beginnings(cwd);
    await writeFile(join(cwd, 'z.json'), JSON.stringify([0.5, -0.5]));
    const files = ['donor.safetensors', 'z.json', 'pixels.json', 'written.safetensors'].map((name) => join(cwd, name));
    await run(await pythonWithTorch(), [SCRIPT, ...files]);
    // Another file: PyTorch wrote it, in its own order and with its own metadata.
    expect((await readFile(files[3]!)).equals(donor)).toBe(false);
    expect((await from('written.safetensors')).equals(await from('donor.safetensors'))).toBe(true);
  });

  test('a model goes to PyTorch and comes back', async ({ device }) => {
    const python = await pythonWithTorch();
    const at = (name: string) => test.info().outputPath(name);
    await withWritten(device, at('model.safetensors'), async (vae, data) => {
      const z = await vae.encode(data.test.images);
      await writeFile(at('z.json'), JSON.stringify([...z.mu]));
      const files = ['model.safetensors', 'z.json', 'pixels.json', 'written.safetensors'].map(at);
      const { stdout } = await run(python, [SCRIPT, ...files]);
      console.log(stdout.trim());
      test.info().annotations.push({ type: 'PyTorch', description: stdout.trim() });

      const ours = await vae.decode(z.mu);
      const theirs = JSON.parse(await readFile(at('pixels.json'), 'utf8')) as number[];
      expect(theirs).toHaveLength(ours.length);
      // Sums of at most 21 terms of either sign and a sigmoid, both in f32.
      for (const [i, pixel] of ours.entries()) expect(Math.abs(pixel - theirs[i]!)).toBeLessThan(1e-5);

      const parameters = readParameters(await readFile(at('written.safetensors')));
      const reopened = await Vae.create(device, data, config, { parameters });
      try {
        expect(bitsOf(await reopened.parameters()).equals(bitsOf(await vae.parameters()))).toBe(true);
      } finally {
        reopened.dispose();
      }
      recordFault(test.info(), {
        fault: `model to PyTorch and back (${stdout.trim()})`,
        injected: 1,
        outcome:
          'load_state_dict(strict=True), the same pixels within 1e-5, and the same weights bit for bit on return',
        lost: 'nothing',
      });
    });
  });
}
