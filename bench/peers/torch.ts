import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DataSet } from '../../src/data/dataset.ts';
import { BATCH, imageBatches, initialLayers, LATENT, LEARNING_RATE, READ_EVERY } from './task.ts';

/** A Python that has PyTorch. */
export interface PythonWithTorch {
  executable: string;
  cuda: boolean;
}

/** Looks at `PYTHON`, the `python3` on the path, and the system's. Returns undefined if none has PyTorch. */
export async function findTorch(): Promise<PythonWithTorch | undefined> {
  const candidates = [process.env.PYTHON, 'python3', 'python', '/usr/bin/python3'].filter((path) => path !== undefined);
  for (const executable of candidates) {
    try {
      const probe = 'import torch; print(torch.cuda.is_available())';
      const { stdout } = await promisify(execFile)(executable, ['-c', probe], { timeout: 60_000 });
      return { executable, cuda: stdout.trim() === 'True' };
    } catch {
      // No such program, or none with PyTorch.
    }
  }
  return undefined;
}

/** Writes what peer_torch.py reads into a new folder, which the caller removes. */
export async function writeTask(data: DataSet): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'webgpu-vae-peers-'));
  const { encoder, heads, decoder } = initialLayers(data);
  const layers = [...encoder, heads, ...decoder];
  const task = {
    batch: BATCH,
    latent: LATENT,
    learningRate: LEARNING_RATE,
    readEvery: READ_EVERY,
    encoderLayers: encoder.length,
    layers: layers.map(({ inputs, outputs }) => [inputs, outputs]),
  };
  await writeFile(join(folder, 'task.json'), JSON.stringify(task));
  await writeFile(join(folder, 'images.f32'), Buffer.concat(imageBatches(data).map(bytesOf)));
  await writeFile(
    join(folder, 'layers.f32'),
    Buffer.concat(layers.flatMap(({ weight, bias }) => [weight, bias].map(bytesOf))),
  );
  return folder;
}

function bytesOf(numbers: Float32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}
