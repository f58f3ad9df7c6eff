import { readFileSync, writeFileSync } from 'node:fs';
import { loadMnist } from '#host';
import { takeFirst } from '../../src/data/dataset.ts';
import type { Device } from '../../src/gpu/device.ts';
import type { GemmVariant } from '../../src/kernels/gemm.ts';
import { Vae } from '../../src/vae/vae.ts';
import { expect, test } from '../support/fixtures.ts';
import { watchCommands } from '../support/record-commands.ts';

/**
 * The default model's step and evaluation as WebGPU gets them: labels, kernels, workgroups and bindings in their order. The order of
 * dispatches and what they read decide a run's bits, so a change here must be meant. `RECORD_SCHEDULES=1 npx playwright test
 * --project node tests/train/schedule.spec.ts` writes the files anew for the adapter in use: look at their difference.
 */
async function recorded(device: Device, variants?: GemmVariant): Promise<string> {
  const mnist = await loadMnist();
  // One batch of 500, and what is left.
  const data = { ...mnist, train: takeFirst(mnist.train, 1000), test: takeFirst(mnist.test, 600) };
  const watch = watchCommands();
  try {
    const vae = await Vae.create(device, data, {}, variants ? { variants } : {});
    const step = await watch.record(() => vae.advance(1));
    // With the adapter's default kernels, whatever training was told to use.
    const evaluation = variants ? [] : ['# evaluation', ...(await watch.record(() => vae.evaluate()))];
    vae.dispose();
    return `${['# step', ...step, ...evaluation].join('\n')}\n`;
  } finally {
    watch.stop();
  }
}

async function expectRecorded(name: string, schedule: string): Promise<void> {
  const file = new URL(`schedules/${name}.txt`, import.meta.url);
  if (process.env.RECORD_SCHEDULES === '1') writeFileSync(file, schedule);
  expect(schedule).toBe(readFileSync(file, 'utf8'));
}

/** Adam's kernel has a loop on lavapipe. */
function tiles(device: Device): string {
  return device.capabilities.slowThreads ? 'tile_32x32_vectorized' : 'tile_32x32';
}

test('the default model has the recorded schedule with the kernels of every adapter', async ({ device }) => {
  await expectRecorded(tiles(device), await recorded(device, 'tile_32x32'));
});

test('the default model has the recorded schedule with the default kernels', async ({ device }) => {
  const { lanes } = device.capabilities;
  // A GPU has another default; software adapters have subgroups of 4 (SwiftShader) or 8 (lavapipe).
  const known = device.info.software && [4, 8].includes(lanes);
  const name = known ? `software_${lanes}` : tiles(device);
  await expectRecorded(name, await recorded(device, known ? undefined : 'tile_32x32'));
});
