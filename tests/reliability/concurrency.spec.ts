import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { lockRunFolder } from '../../src/cli/run-lock.ts';
import type { Device } from '../../src/gpu/device.ts';
import { Vae } from '../../src/vae/vae.ts';
import { expect, test } from '../support/fixtures.ts';
import { bitsOf, ownDevice, recordAdapter, recordFault, tinyData } from './faults.ts';

const data = tinyData();
const configs = [
  { hidden: [24], batch: 16, epochs: 4, seed: 1 },
  { hidden: [10, 10], latent: 5, batch: 7, epochs: 3, seed: 2 },
];

async function train(device: Device, config: (typeof configs)[number]): Promise<Buffer> {
  const vae = await Vae.create(device, data, config, { chunkMs: 1 });
  try {
    await vae.train();
    return bitsOf(await vae.parameters());
  } finally {
    vae.dispose();
  }
}

test('two trainers at once, on one device and on two: the bits of one after the other', async ({ device }) => {
  recordAdapter(test.info(), device);
  const alone = [await train(device, configs[0]!), await train(device, configs[1]!)];
  const other = await ownDevice();
  try {
    for (const devices of [
      [device, device],
      [device, other],
    ]) {
      const together = await Promise.all(configs.map((config, i) => train(devices[i]!, config)));
      for (const [i, bits] of together.entries()) expect(bits.equals(alone[i]!)).toBe(true);
    }
  } finally {
    other.dispose();
  }
  recordFault(test.info(), {
    fault: 'two trainers at once in one process, on one device and on two',
    injected: 2,
    outcome: 'each ended with the bits that it has alone',
    lost: 'nothing',
  });
});

test('a model that is being trained refuses to be trained twice', async ({ device }) => {
  const vae = await Vae.create(device, data, configs[0]!);
  try {
    const first = vae.train();
    await expect(vae.train()).rejects.toThrow('is being trained already');
    expect(await first).toMatchObject({ finished: true });
  } finally {
    vae.dispose();
  }
});

test('a lock outlives neither its process nor a crash while it is taken', async () => {
  const folder = test.info().outputPath('run');
  await mkdir(folder, { recursive: true });
  const lock = join(folder, '.lock');
  const first = await lockRunFolder(folder);
  await expect(lockRunFolder(folder)).rejects.toThrow(/is in use by process \d+, expected one trainer per folder/);
  await first.release();
  expect(await readdir(folder)).toEqual([]);

  const here = hostname();
  const stale = ['', '{', JSON.stringify({ pid: process.pid, host: here, began: 'long ago' }), '{"pid":-1}', 'null'];
  for (const content of stale) {
    await writeFile(lock, content);
    await (await lockRunFolder(folder)).release();
    expect(await readdir(folder)).toEqual([]);
  }
  await writeFile(lock, JSON.stringify({ pid: 1, host: 'another-computer', began: '5' }));
  await expect(lockRunFolder(folder)).rejects.toThrow(/process 1 on another-computer/);
});

test('of many that want a folder whose owner is dead, one gets it', async () => {
  const folder = test.info().outputPath('contended');
  await mkdir(folder, { recursive: true });
  for (let round = 0; round < 20; round++) {
    await writeFile(join(folder, '.lock'), '');
    const claims = await Promise.allSettled([1, 2, 3, 4].map(() => lockRunFolder(folder)));
    const won = claims.filter((claim) => claim.status === 'fulfilled');
    expect(won).toHaveLength(1);
    await won[0]!.value.release();
  }
});
