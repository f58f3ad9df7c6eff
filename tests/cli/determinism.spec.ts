import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'playwright/test';
import { readSafetensors } from '../../src/train/safetensors.ts';
import { smallMnist } from '../support/small-mnist.ts';
import { adapterOptions, test, webgpuVae } from './command.ts';

/** 32 steps of a network whose layers use every kernel: widths that four divides, and widths that it does not. */
const RUN = ['train', '--epochs', '1', '--hidden', '65,32', '--latent', '3', '--batch', '63', '--data', '.', '--quiet'];

async function weights(cwd: string, name: string, seed: string): Promise<Buffer> {
  const { code, stderr } = await webgpuVae([...RUN, '--seed', seed, '--out', name, ...adapterOptions], cwd);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { tensors } = readSafetensors(await readFile(join(cwd, name, 'model.safetensors')));
  return Buffer.concat(tensors.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)));
}

test('two processes make the same bits from the same seed', async ({ cwd }) => {
  await smallMnist(cwd);
  const [first, second, other] = [
    await weights(cwd, 'a', '5'),
    await weights(cwd, 'b', '5'),
    await weights(cwd, 'c', '6'),
  ];
  expect(first.equals(second)).toBe(true);
  expect(first.equals(other)).toBe(false);
});
