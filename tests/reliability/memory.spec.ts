import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Device } from '../../src/gpu/device.ts';
import { Vae } from '../../src/vae/vae.ts';
import { skipIfMissing } from '../support/adapter.ts';
import { expect, test } from '../support/fixtures.ts';
import { ownDevice, recordFault, times, tinyData } from './faults.ts';

const data = tinyData(64);
const config = { hidden: [8], batch: 16, epochs: 1, seed: 2 };
const MIB = 2 ** 20;
/**
 * What the second half may add: room for the pools of driver and allocator, which fill up slowly. A leak of 64 KiB per
 * model, or of 640 KiB per recovery, is more than that in the long version.
 */
const MOST_GROWTH = 32 * MIB;
const MOST_ROUNDS = 4;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Resident memory after everything that can be collected is; the smallest of some readings. */
async function residentBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 20));
    least = Math.min(least, process.memoryUsage().rss);
  }
  return least;
}

/**
 * Does `once` again and again, and compares the memory after the first half with that after the second: what a process
 * needs at first, for compilers and pools, is no leak; what every later round adds is.
 */
async function growthOf(
  repeats: number,
  once: () => Promise<void>,
  perRepeat = 1,
): Promise<{ bytes: number; text: string }> {
  const half = Math.ceil(repeats / 2);
  const round = async (): Promise<void> => {
    for (let i = 0; i < half; i++) await once();
  };
  await round();
  let before = await residentBytes();
  for (let rounds = 2; ; rounds++) {
    await round();
    const after = await residentBytes();
    const text = `${Math.round(before / MIB)} MiB after ${half * (rounds - 1) * perRepeat}, ${Math.round(after / MIB)} MiB after ${half * rounds * perRepeat}`;
    // A leak grows in every round; a pool that another test left half full does so once.
    if (after - before < MOST_GROWTH || rounds === MOST_ROUNDS) return { bytes: after - before, text };
    before = after;
  }
}

function record(fault: string, injected: number, text: string): void {
  console.log(`${fault}: ${injected}, process memory ${text}`);
  recordFault(test.info(), {
    fault,
    injected,
    outcome: `GPU memory back to where it was; process ${text}`,
    lost: 'nothing',
  });
}

for (const isTrained of [false, true]) {
  test(`models built, ${isTrained ? 'trained ' : ''}and disposed of`, async ({ device }) => {
    test.setTimeout(30 * 60_000);
    const repeats = times(100, 1000);
    const allocated = device.allocatedBytes;
    const kernels = device.kernels.size;
    const { bytes, text } = await growthOf(repeats, async () => {
      const vae = await Vae.create(device, data, config);
      if (isTrained) await vae.train();
      if (isTrained) await vae.sample(3);
      vae.dispose();
      expect(device.allocatedBytes).toBe(allocated);
    });
    expect(device.kernels.size - kernels, 'kernels are compiled once').toBeLessThan(40);
    expect(bytes).toBeLessThan(MOST_GROWTH);
    record(`models built, ${isTrained ? 'trained ' : ''}and disposed of in one process`, repeats, text);
  });
}

test('recoveries of a lost device', async ({ device: _ }) => {
  test.setTimeout(30 * 60_000);
  const repeats = times(10, 100);
  const open: Device[] = [];
  const { bytes, text } = await growthOf(repeats, async () => {
    // At most three within a minute are recovered from, so every model has one.
    open.push(await ownDevice());
    const vae = await Vae.create(open[0]!, data, config, {
      reopen: async () => {
        open.pop()!.dispose();
        open.push(await ownDevice());
        return open[0]!;
      },
    });
    let lost = false;
    const { finished } = await vae.train({
      onProgress: () => {
        if (lost) return;
        lost = true;
        vae.device.handle.destroy();
      },
    });
    expect({ finished, lost }).toEqual({ finished: true, lost: true });
    vae.dispose();
    expect(open[0]!.allocatedBytes).toBe(0);
    open.pop()!.dispose();
  });
  expect(bytes).toBeLessThan(MOST_GROWTH);
  record('recoveries, each with two devices opened and closed', repeats, text);
});

test('steps without end', async ({ device }) => {
  test.setTimeout(60 * 60_000);
  const steps = times(4000, 100_000);
  const vae = await Vae.create(device, data, config);
  try {
    await vae.advance(100);
    const allocated = device.allocatedBytes;
    const { bytes, text } = await growthOf(10, () => vae.advance(steps / 10), steps / 10);
    expect(vae.step).toBeGreaterThanOrEqual(100 + steps);
    expect(device.allocatedBytes).toBe(allocated);
    expect(bytes).toBeLessThan(MOST_GROWTH);
    record('training steps in one process', steps, text);
  } finally {
    vae.dispose();
  }
});

test('a cap on all memory is checked before a buffer is made', async () => {
  const device = await ownDevice();
  try {
    // A GPU's own memory is not told to programs: there only the size of each buffer is checked.
    skipIfMissing(device.info.software ? undefined : "the computer's memory for its own");
    const buffers: GPUBuffer[] = [];
    device.handle.pushErrorScope('out-of-memory');
    const { maxBufferSize } = device.limits;
    expect(() => {
      // A driver that refuses such a buffer earlier reports it to the error scopes; the count goes on.
      for (let i = 0; i < 10_000; i++)
        buffers.push(device.createBuffer(`part ${i}`, maxBufferSize, GPUBufferUsage.COPY_DST));
    }).toThrow(/part \d+ needs .* on top of .*, the computer had .* of free memory/);
    await device.handle.popErrorScope();
    for (const buffer of buffers) device.destroyBuffer(buffer);
    expect(device.allocatedBytes).toBe(0);
  } finally {
    device.dispose();
  }
});
