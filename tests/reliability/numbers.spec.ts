import type { DataSet } from '../../src/data/dataset.ts';
import type { Device } from '../../src/gpu/device.ts';
import { ADAM_DEFAULTS } from '../../src/kernels/adam.ts';
import { NonFiniteError } from '../../src/train/non-finite.ts';
import { type Snapshot, Vae } from '../../src/vae/vae.ts';
import { expect, test } from '../support/fixtures.ts';
import { bitsOf, recordFault, tinyData } from './faults.ts';

const config = { hidden: [6], batch: 16, epochs: 40, seed: 3 };
const PIXELS = 21;
const F32_MAX = (2 - 2 ** -23) * 2 ** 127;

/** Tiny data whose first two pixels are black, so that the weights from there change no result. */
function withBlackPixels(): DataSet {
  const data = tinyData(100);
  for (const { images } of [data.train, data.test]) {
    for (let i = 0; i < images.length; i += PIXELS) images.fill(0, i, i + 2);
  }
  return data;
}

async function errorOf(work: Promise<unknown>): Promise<NonFiniteError> {
  const error = await work.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(NonFiniteError);
  return error as NonFiniteError;
}

function expectFinite({ parameters, m, v }: Pick<Snapshot, 'parameters' | 'm' | 'v'>): void {
  for (const { data } of [...parameters, ...m, ...v]) expect(data.every(Number.isFinite)).toBe(true);
}

test('a gradient that is finite but not its square: the first step stops, and names the moment', async ({ device }) => {
  const vae = await Vae.create(device, tinyData(100), { ...config, beta: 1e25 });
  try {
    let chunks = 0;
    const error = await errorOf(vae.advance(200, { onChunk: () => chunks++ }));
    expect(error.message).toMatch(
      /^train: the state after step 1 is not finite: first in Adam v of encoder\.0\.weight, element \d+ is Infinity: /,
    );
    expect(error).toMatchObject({ step: 1, bad: { tensor: 'Adam v of encoder.0.weight', value: Infinity } });
    expect(chunks).toBe(0);
    // Losses, gradients and parameters are finite: only Adam could tell.
    for (const { data } of [...(await vae.gradients()), ...(await vae.parameters())]) {
      expect(data.every(Number.isFinite)).toBe(true);
    }
    for (const again of [() => vae.advance(1), () => vae.train(), () => vae.snapshot()]) {
      expect(await errorOf(again())).toBe(error);
    }
    expect(vae.lastSnapshot.step).toBe(0);
    expectFinite(vae.lastSnapshot);
  } finally {
    vae.dispose();
  }
  recordFault(test.info(), {
    fault: "square of a gradient that leaves f32 within Adam, where loss and gradients don't",
    injected: 1,
    outcome: 'NonFiniteError in that step, with tensor and index; nothing of it was kept',
    lost: 'nothing',
  });
});

/** A weight that runs away by its momentum alone, and the step after which it is no f32 any more. */
async function runaway(device: Device, data: DataSet): Promise<{ snapshot: Snapshot; index: number; step: number }> {
  const donor = await Vae.create(device, data, config);
  await donor.advance(10);
  const snapshot = structuredClone(await donor.snapshot());
  donor.dispose();
  const index = 2 * PIXELS + 1;
  const { learningRate } = snapshot.config;
  const { beta1, epsilon } = ADAM_DEFAULTS;
  // v is 0 there, so each update is learning_rate m / (1 - beta1^t) / epsilon.
  let m = -6e31;
  let weight = 3e38;
  snapshot.m[0]!.data[index] = m;
  snapshot.v[0]!.data[index] = 0;
  snapshot.parameters[0]!.data[index] = weight;
  let { step } = snapshot;
  while (weight <= F32_MAX) {
    step++;
    m *= beta1;
    weight -= (learningRate * m) / (1 - beta1 ** step) / epsilon;
  }
  return { snapshot, index, step };
}

test('a parameter that overflows in Adam within a chunk: that step is the last one', async ({ device }) => {
  const data = withBlackPixels();
  const { snapshot, index, step } = await runaway(device, data);
  const endings: Buffer[] = [];
  for (const chunkMs of [Number.POSITIVE_INFINITY, 1e-6]) {
    const vae = await Vae.create(device, data, {}, { snapshot, chunkMs });
    try {
      const seen: number[] = [];
      const error = await errorOf(vae.advance(100, { onChunk: (losses) => seen.push(losses.length) }));
      expect(error.message).toContain(`the state after step ${step} is not finite: first in encoder.0.weight, element`);
      expect(error).toMatchObject({ step, bad: { tensor: 'encoder.0.weight', index, value: Infinity } });
      // One chunk to compile, one to measure, and then one that is much longer than what is left.
      const before = chunkMs > 1 ? [1, 1] : new Array(step - snapshot.step - 1).fill(1);
      expect(seen).toEqual(before);
      const { m, v } = await vae.moments();
      endings.push(bitsOf([...(await vae.parameters()), ...m, ...v]));
    } finally {
      vae.dispose();
    }
  }
  // Whatever was in flight behind that step has changed nothing.
  expect(step - snapshot.step).toBeGreaterThan(3);
  expect(endings[0]!.equals(endings[1]!)).toBe(true);

  const kept: number[] = [];
  const vae = await Vae.create(device, data, {}, { snapshot, chunkMs: 1e-6 });
  try {
    const onSnapshot = (taken: Snapshot) => {
      kept.push(taken.step);
      expectFinite(taken);
    };
    expect((await errorOf(vae.train({ snapshotEveryMs: 0, onSnapshot }))).step).toBe(step);
    expect(kept.at(-1)).toBe(step - 1);
    expect(vae.lastSnapshot.step).toBe(step - 1);
    expectFinite(vae.lastSnapshot);
  } finally {
    vae.dispose();
  }
  recordFault(test.info(), {
    fault: 'parameter that leaves f32 within Adam, in the middle of a chunk',
    injected: 3,
    outcome: 'NonFiniteError with step, tensor and index; later steps of the chunk changed nothing',
    lost: 'nothing: the last snapshot is of the step before, where one was taken',
  });
});

test('a test loss that is not finite names what it came from', async ({ device }) => {
  const data = withBlackPixels();
  // Both pixels are white in the last test image, and their weights together are no f32.
  data.test.images.fill(255, 99 * PIXELS, 99 * PIXELS + 2);
  const donor = await Vae.create(device, data, config);
  const parameters = await donor.parameters();
  donor.dispose();
  parameters[0]!.data.fill(3e38, 4 * PIXELS, 4 * PIXELS + 2);
  const vae = await Vae.create(device, data, config, { parameters });
  try {
    const { step, bad, message } = await errorOf(vae.train());
    expect(message).toContain(`the test loss after step ${step} is not finite: first in encoder.0 output, element`);
    // One step of 100 images: row 99, unit 4.
    expect({ step, bad }).toEqual({
      step: 7,
      bad: { tensor: 'encoder.0 output', index: 99 * 6 + 4, value: Infinity },
    });
    // Nothing is wrong with the model itself.
    expectFinite(await vae.snapshot());
  } finally {
    vae.dispose();
  }
});
