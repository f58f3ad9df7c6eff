import { DeviceLimitError } from '../../src/gpu/device.ts';
import { ConfigError, type DataSet, type ImageSet, type VaeConfig } from '../../src/index.ts';
import { NonFiniteError } from '../../src/vae/non-finite.ts';
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
const extremes: [name: string, config: Partial<VaeConfig>, data: DataSet][] = [
  ['learning rate 10', { learningRate: 10, epochs: 20 }, data],
  ['learning rate 1e30', { learningRate: 1e30 }, data],
  ['learning rate 1e-45, below every f32', { learningRate: 1e-45 }, data],
  ['beta 1e6', { beta: 1e6, epochs: 10 }, data],
  ['beta 1e38', { beta: 1e38 }, data],
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
let refused = 0;

for (const [name, settings, set] of extremes) {
  test(`${name}: trains with finite numbers, or says why not`, async ({ device }) => {
    const kept: number[] = [];
    const vae = await Vae.create(device, set, { ...base, ...settings }).catch((error: unknown) => {
      expect(error).toBeInstanceOf(ConfigError);
      expect((error as Error).message).toMatch(/learningRate|beta/);
      return undefined;
    });
    if (!vae) {
      refused++;
      return;
    }
    try {
      const result = await vae
        .train({
          onSnapshot: ({ step, parameters, m, v }) => {
            kept.push(step);
            for (const tensor of [...parameters, ...m, ...v]) expect(tensor.data.every(Number.isFinite)).toBe(true);
          },
        })
        .catch((error: unknown) => error);
      if (result instanceof Error) {
        expect(result).toBeInstanceOf(NonFiniteError);
        expect(result.message).toMatch(/step \d+ is not finite: .*: try a smaller learning rate or beta/);
        refused++;
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
  expect(trained + refused).toBe(extremes.length);
  recordFault(test.info(), {
    fault: 'extreme setting or data set (learning rate 10, beta 1e6, latent 512, batch 1, one image, ...)',
    injected: extremes.length,
    outcome: `${trained} trained with finite numbers, ${refused} ended with an error that names step and tensor`,
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
    const bad = structuredClone(snapshot);
    bad[part][at]!.data[1] = Number.NaN;
    const vae = await Vae.create(device, data, {}, { snapshot: bad });
    try {
      const kept: number[] = [];
      const error = await vae
        .train({ snapshotEveryMs: 0, onSnapshot: ({ step }) => void kept.push(step) })
        .catch((reason: unknown) => reason);
      expect(error, `${part} of ${name}`).toBeInstanceOf(NonFiniteError);
      const tensor = part === 'parameters' ? name : `Adam ${part} of ${name}`;
      expect((error as NonFiniteError).bad).toMatchObject({ tensor, index: 1 });
      expect((error as NonFiniteError).step).toBe(snapshot.step + 1);
      expect(kept).toEqual([]);
    } finally {
      vae.dispose();
    }
  }
  recordFault(test.info(), {
    fault: 'NaN put into a parameter, or into one of its moments',
    injected: injections.length,
    outcome: 'NonFiniteError in the first step, with tensor and index; nothing of it was kept',
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
