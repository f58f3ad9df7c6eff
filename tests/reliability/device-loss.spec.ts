import { type Device, DeviceLostError } from '../../src/gpu/device.ts';
import { RepeatedDeviceLossError, readCheckpoint, writeCheckpoint } from '../../src/index.ts';
import { type CreateOptions, type TrainOptions, Vae } from '../../src/vae/vae.ts';
import { expect, test } from '../support/fixtures.ts';
import { bitsOf, ownDevice, recordFault, times, tinyData } from './faults.ts';

const data = tinyData();
const config = { hidden: [24, 10], batch: 16, epochs: 6, seed: 5 };
/** SwiftShader compiles it in a fifth of the default's time, on every device anew. */
const VARIANTS = 'tile_32x32';

const SAME_BITS = 'rebuilt from the last snapshot in memory; the run ended with the same bits';

interface Ending {
  bits: Buffer;
  history: unknown;
  recoveries: number[];
  epochs: number[];
}

/** Trains to the end on devices of its own, while `disturb` does what it likes. */
async function trainWith(disturb: (vae: Vae) => TrainOptions, options: { chunkMs?: number } = {}): Promise<Ending> {
  let device = await ownDevice();
  const recoveries: number[] = [];
  const create: CreateOptions = {
    variants: VARIANTS,
    reopen: async () => {
      device.dispose();
      device = await ownDevice();
      return device;
    },
    onRecover: ({ step }) => void recoveries.push(step),
  };
  const vae = await Vae.create(device, data, config, { ...create, chunkMs: 1, ...options });
  try {
    const disturbed = disturb(vae);
    const epochs: number[] = [];
    const { finished } = await vae.train({
      snapshotEveryMs: 20,
      ...disturbed,
      onEpoch: async (result) => {
        epochs.push(result.epoch);
        await disturbed.onEpoch?.(result);
      },
    });
    expect(finished).toBe(true);
    const history = vae.history.map(({ seconds: _, ...rest }) => rest);
    return { bits: bitsOf(await vae.parameters()), history, recoveries, epochs };
  } finally {
    vae.dispose();
    device.dispose();
  }
}

function expectSame(got: Ending, expected: Ending): void {
  expect(got.bits.equals(expected.bits), 'parameters bit for bit').toBe(true);
  expect(got.history).toEqual(expected.history);
}

/** Destroys the device as a reset of the driver would: nobody on our side has asked for it. */
function lose(device: Device): void {
  device.handle.destroy();
}

/** Tells `called` of every call of a method of WebGPU, from 1, after the call. */
function watchCalls(type: { prototype: object }, method: string, called: (count: number) => void): () => void {
  const methods = type.prototype as Record<string, (...args: unknown[]) => unknown>;
  const original = methods[method]!;
  let count = 0;
  methods[method] = function (this: unknown, ...args: unknown[]) {
    const result = original.apply(this, args);
    called(++count);
    return result;
  };
  return () => {
    methods[method] = original;
  };
}

const moments = [
  { fault: 'device lost in the middle of a chunk of steps', method: 'submit', type: () => GPUQueue },
  { fault: 'device lost during a read-back', method: 'mapAsync', type: () => GPUBuffer },
] as const;

let undisturbed: Promise<Ending> | undefined;
function undisturbedTraining(): Promise<Ending> {
  undisturbed ??= trainWith(() => ({}));
  return undisturbed;
}

for (const { fault, method, type } of moments) {
  test(`${fault}: the same bits`, async ({ device: _ }) => {
    test.setTimeout(30 * 60_000);
    const expected = await undisturbedTraining();
    let calls = 0;
    const stopCounting = watchCalls(type(), method, (count) => {
      calls = count;
    });
    expectSame(await trainWith(() => ({})).finally(stopCounting), expected);

    const injected = times(3, 20);
    for (let done = 0; done < injected; ) {
      const moment = 1 + Math.floor(((done + 0.5) * calls) / injected);
      let seen = 0;
      let restore = () => {};
      const ending = await trainWith((vae) => {
        restore = watchCalls(type(), method, (count) => {
          seen = count;
          if (count === moment) lose(vae.device);
        });
        return {};
      }).finally(() => restore());
      expectSame(ending, expected);
      // How many calls there are depends on the clock: this one may not have come.
      if (seen < moment) calls = seen;
      else {
        expect(ending.recoveries, `call ${moment} of ${calls}`).toHaveLength(1);
        done++;
      }
    }
    recordFault(test.info(), { fault, injected, outcome: SAME_BITS, lost: 'nothing' });
  });
}

test('device lost during an evaluation: the same bits', async ({ device: _ }) => {
  const expected = await undisturbedTraining();
  // Epochs of 200 images in batches of 16 end after these steps.
  const ends = [13, 25, 38].slice(0, times(2, 3));
  for (const end of ends) {
    let isEvaluating = false;
    let restore = () => {};
    const ending = await trainWith((vae) => {
      restore = watchCalls(GPUQueue, 'submit', () => {
        if (!isEvaluating) return;
        isEvaluating = false;
        lose(vae.device);
      });
      let done = false;
      return {
        onProgress: ({ step }) => {
          if (step !== end || done) return;
          done = true;
          isEvaluating = true;
        },
      };
    }).finally(() => restore());
    expect(ending.recoveries).toHaveLength(1);
    expect(ending.epochs).toEqual([1, 2, 3, 4, 5, 6]);
    expectSame(ending, expected);
  }
  recordFault(test.info(), {
    fault: 'device lost during an evaluation',
    injected: ends.length,
    outcome: SAME_BITS,
    lost: 'nothing',
  });
});

test('device lost while an epoch is drawn: the drawing is done again, the same bits', async ({ device: _ }) => {
  const expected = await undisturbedTraining();
  let drawn = 0;
  const ending = await trainWith((vae) => ({
    onEpoch: async ({ epoch }) => {
      const encoding = vae.encode(data.test.images);
      if (epoch === 3) lose(vae.device);
      const { mu } = await encoding;
      expect(mu.every(Number.isFinite)).toBe(true);
      drawn++;
    },
  }));
  expect(ending.recoveries).toEqual([38]);
  expect(drawn).toBe(6);
  expectSame(ending, expected);
  recordFault(test.info(), {
    fault: 'device lost while pictures are made',
    injected: 1,
    outcome: SAME_BITS,
    lost: 'nothing',
  });
});

test('a snapshot that is asked for in training pauses it and changes nothing', async ({ device: _ }) => {
  const expected = await undisturbedTraining();
  const taken: Promise<number>[] = [];
  const ending = await trainWith((vae) => ({
    onProgress: ({ step }) => {
      if (step % 10 !== 0) return;
      taken.push(
        vae.snapshot().then((snapshot) => {
          expect(readCheckpoint(writeCheckpoint(snapshot))).toEqual(snapshot);
          return snapshot.step - step;
        }),
      );
    },
  }));
  for (const late of await Promise.all(taken)) expect(late).toBeGreaterThanOrEqual(0);
  expectSame(ending, expected);
});

test('the fourth loss within a minute is a typed error, and what was learned is there', async ({ device: _ }) => {
  const expected = await undisturbedTraining();
  // Opening four devices may take a slow machine longer than a minute: here it has ten.
  const now = performance.now.bind(performance);
  performance.now = () => now() / 10;
  let device = await ownDevice();
  const reopen = async () => {
    device.dispose();
    device = await ownDevice();
    return device;
  };
  const vae = await Vae.create(device, data, config, { variants: VARIANTS, chunkMs: 1, reopen });
  let bytes: Uint8Array;
  try {
    let losses = 0;
    const error = await vae
      .train({
        snapshotEveryMs: 2,
        onProgress: ({ step }) => {
          if (step < 5 * (losses + 1)) return;
          losses++;
          lose(vae.device);
        },
      })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RepeatedDeviceLossError);
    expect(error).toBeInstanceOf(DeviceLostError);
    expect((error as Error).message).toMatch(/lost 4 times within a minute, expected at most 3/);
    expect(losses).toBe(4);
    bytes = writeCheckpoint(vae.lastSnapshot);
  } finally {
    performance.now = now;
    vae.dispose();
    device.dispose();
  }

  const next = await ownDevice();
  const resumed = await Vae.create(next, data, {}, { snapshot: readCheckpoint(bytes) });
  try {
    await resumed.train();
    expect(bitsOf(await resumed.parameters()).equals(expected.bits)).toBe(true);
  } finally {
    resumed.dispose();
    next.dispose();
  }
  recordFault(test.info(), {
    fault: 'device lost four times within a minute',
    injected: 1,
    outcome: 'RepeatedDeviceLossError; the last snapshot, resumed, ended with the same bits',
    lost: 'nothing',
  });
});

test('without a way to reopen it, a lost device is a typed error', async ({ device: _ }) => {
  const device = await ownDevice();
  const vae = await Vae.create(device, data, config);
  try {
    const training = vae.train({ onProgress: () => lose(device) });
    await expect(training).rejects.toThrow(DeviceLostError);
    await expect(vae.parameters()).rejects.toThrow(DeviceLostError);
  } finally {
    vae.dispose();
    device.dispose();
  }
});

test('a device that its owner disposed of is not replaced', async ({ device: _ }) => {
  const device = await ownDevice();
  const vae = await Vae.create(device, data, config, { reopen: ownDevice });
  const training = vae.train({ onProgress: () => device.dispose() });
  await expect(training).rejects.toThrow(/was disposed|was lost/);
  vae.dispose();
});
