import { DeviceLimitError } from '../../src/gpu/device.ts';
import { upload, view } from '../../src/gpu/tensor.ts';
import type { DataSet, ImageSet, VaeConfig } from '../../src/index.ts';
import { NonFiniteError } from '../../src/train/non-finite.ts';
import { Vae } from '../../src/vae/vae.ts';
import { expect, test } from '../support/fixtures.ts';
import { recordFault, tinyData } from './faults.ts';

const base = { hidden: [16], latent: 2, batch: 16, epochs: 2, seed: 1 };

function dataOf(images: Uint8Array, count: number): DataSet {
  const set: ImageSet = { images, labels: new Uint8Array(count), count, rows: 3, columns: 7 };
  return { name: 'extreme', train: set, test: set };
}

const data = tinyData(100);
const ONE_IMAGE = 21;

/** What stops a training: the step, and the tensor in which a value first was not finite. */
interface Stop {
  step: number;
  tensor: string;
  what: string;
}

const extremes: [name: string, config: Partial<VaeConfig>, data: DataSet, stop?: Stop][] = [
  // Logarithms of variances in the thousands: their exponential is no f32.
  ['learning rate 10', { learningRate: 10, epochs: 20 }, data, { step: 3, tensor: 'z', what: 'the loss of step' }],
  // The first step moves every parameter by 1e30; the product of two of them is no f32.
  [
    'learning rate 1e30',
    { learningRate: 1e30 },
    data,
    { step: 2, tensor: 'mu+logvar output', what: 'the loss of step' },
  ],
  ['learning rate 1.2e-38, which changes no parameter', { learningRate: 1.2e-38 }, data],
  ['beta 1e6', { beta: 1e6, epochs: 10 }, data],
  // The square of a gradient is no f32.
  ['beta 1e38', { beta: 1e38 }, data, { step: 1, tensor: 'Adam v of encoder.0.weight', what: 'the state after step' }],
  ['beta 0', { beta: 0 }, data],
  ['latent 512', { latent: 512 }, data],
  ['batch 1', { batch: 1 }, data],
  ['batch 257 of 100 images', { batch: 257, epochs: 8 }, data],
  ['one image', { batch: 1 }, dataOf(data.train.images.subarray(0, ONE_IMAGE), 1)],
  ['one image, batch 16', { epochs: 40 }, dataOf(data.train.images.subarray(0, ONE_IMAGE), 1)],
  ['black images', { epochs: 5 }, dataOf(new Uint8Array(100 * ONE_IMAGE), 100)],
  ['white images', { epochs: 5 }, dataOf(new Uint8Array(100 * ONE_IMAGE).fill(255), 100)],
  ['no hidden layer', { hidden: [] }, data],
  ['ten hidden layers', { hidden: new Array(10).fill(7) }, data],
  ['a hidden layer of 1', { hidden: [1] }, data],
  ['the largest seed', { seed: 2 ** 32 - 1 }, data],
];

let trained = 0;
let stopped = 0;

for (const [name, settings, set, stop] of extremes) {
  test(`${name}: ${stop ? `stops in step ${stop.step}, and says why` : 'trains with finite numbers'}`, async ({
    device,
  }) => {
    const kept: number[] = [];
    const vae = await Vae.create(device, set, { ...base, ...settings });
    try {
      const result = await vae
        .train({
          onSnapshot: ({ step, parameters, m, v }) => {
            kept.push(step);
            for (const tensor of [...parameters, ...m, ...v]) expect(tensor.data.every(Number.isFinite)).toBe(true);
          },
        })
        .catch((error: unknown) => error);
      if (stop) {
        expect(result).toBeInstanceOf(NonFiniteError);
        const { step, bad, message } = result as NonFiniteError;
        expect({ step, tensor: bad?.tensor }).toEqual({ step: stop.step, tensor: stop.tensor });
        expect(Number.isFinite(bad?.value)).toBe(false);
        expect(message).toMatch(
          new RegExp(
            `^train: ${stop.what} ${step} is not finite: first in .*: try a smaller learning rate or smaller weights`,
          ),
        );
        // What was kept was finite, and from before.
        expect(kept.every((at) => at < step)).toBe(true);
        expect(vae.lastSnapshot.step).toBeLessThan(step);
        stopped++;
        return;
      }
      trained++;
      expect(result).toMatchObject({ finished: true, step: vae.steps });
      for (const { train, test: tested } of vae.history) {
        expect(Object.values({ ...train, ...tested }).every(Number.isFinite)).toBe(true);
      }
      expect(vae.history.length).toBeGreaterThan(0);
    } finally {
      vae.dispose();
    }
  });
}

test('every extreme setting was met', async () => {
  expect({ trained, stopped }).toEqual({ trained: 14, stopped: 3 });
  recordFault(test.info(), {
    fault: 'extreme setting or data set (learning rate 10, beta 1e6, latent 512, batch 1, one image, ...)',
    injected: extremes.length,
    outcome: `${trained} trained with finite numbers, ${stopped} ended with an error that names step and tensor`,
    lost: 'nothing: no snapshot holds a value that is not finite',
  });
});

test('a NaN anywhere in the state is found, named, and never kept', async ({ device }) => {
  const config = { ...base, hidden: [6] };
  const donor = await Vae.create(device, data, config);
  await donor.advance(3);
  const snapshot = await donor.snapshot();
  donor.dispose();
  const injections = (['parameters', 'm', 'v'] as const).flatMap((part) =>
    snapshot[part].map(({ name }, at) => ({ part, name, at })),
  );
  for (const { part, name, at } of injections) {
    // What a caller gives is looked at before it comes to the device.
    const bad = structuredClone(snapshot);
    bad[part][at]!.data[1] = Number.NaN;
    await expect(Vae.create(device, data, {}, { snapshot: bad })).rejects.toThrow(
      `parameters: ${name}[1] is NaN, expected finite numbers`,
    );
    if (part !== 'parameters') continue;
    const vae = await Vae.create(device, data, {}, { snapshot });
    try {
      const { offset } = vae.table.entries.find((entry) => entry.name === name)!;
      upload(device, view(vae.placed.param, `${name}[1]`, [1], offset + 1), Float32Array.of(Number.NaN));
      const kept: number[] = [];
      const error = await vae
        .train({ snapshotEveryMs: 0, onSnapshot: ({ step }) => void kept.push(step) })
        .catch((reason: unknown) => reason);
      expect(error, `${part} of ${name}`).toBeInstanceOf(NonFiniteError);
      expect((error as NonFiniteError).bad).toMatchObject({ tensor: name, index: 1 });
      expect((error as NonFiniteError).step).toBe(snapshot.step + 1);
      expect(kept).toEqual([]);
    } finally {
      vae.dispose();
    }
  }
  recordFault(test.info(), {
    fault: 'NaN put into a parameter, or into one of its moments',
    injected: injections.length,
    outcome:
      'given by a caller it is refused with name and index; made on the GPU it is a NonFiniteError in the first step, with tensor and index; nothing of it was kept',
    lost: 'nothing',
  });
});

test('a model that is too large is refused by name before anything is allocated', async ({ device }) => {
  const before = device.allocatedBytes;
  const sizes = [{ hidden: [2 ** 31 - 1] }, { latent: 2 ** 31 - 1 }, { batch: 2 ** 31 - 1 }];
  for (const size of sizes) {
    const error = await Vae.create(device, data, { ...base, ...size }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DeviceLimitError);
    expect((error as Error).message).toMatch(/needs [\d.]+ [GT]iB, the adapter allows/);
    expect(device.allocatedBytes).toBe(before);
  }
  recordFault(test.info(), {
    fault: 'model or batch larger than the device',
    injected: sizes.length,
    outcome: 'DeviceLimitError with tensor, size and limit; nothing stays allocated',
    lost: 'nothing',
  });
});
