import type { DataSet, ImageSet } from '../../src/data/dataset.ts';
import type { Losses } from '../../src/train/losses.ts';
import { type EpochResult, type Snapshot, Vae } from '../../src/vae/vae.ts';
import { expect, test } from '../support/fixtures.ts';

function gradients(count: number, rows: number, columns: number): ImageSet {
  const images = Uint8Array.from({ length: count * rows * columns }, (_, i) => (i * 37 + Math.floor(i / 11)) % 256);
  return { images, labels: new Uint8Array(count), count, rows, columns };
}

const data: DataSet = { name: 'stripes', train: gradients(100, 3, 7), test: gradients(33, 3, 7) };

test('epochs end where every image has been seen, and training stops and goes on', async ({ device }) => {
  // 100 images in batches of 32: 3.125 steps per epoch, so epochs end after 4, 7, 10 and 13 steps.
  const vae = await Vae.create(device, data, { hidden: [8], batch: 32, epochs: 4 });
  try {
    expect(vae.steps).toBe(13);
    const ends: [number, number][] = [];
    const stop = new AbortController();
    const first = await vae.train({
      signal: stop.signal,
      onEpoch: ({ epoch, step }) => {
        ends.push([epoch, step]);
        if (epoch === 2) stop.abort();
      },
    });
    expect(first).toEqual({ finished: false, step: 7 });
    const second = await vae.train({ onEpoch: ({ epoch, step }) => void ends.push([epoch, step]) });
    expect(second).toEqual({ finished: true, step: 13 });
    expect(ends).toEqual([
      [1, 4],
      [2, 7],
      [3, 10],
      [4, 13],
    ]);
    expect(await vae.train()).toEqual({ finished: true, step: 13 });
  } finally {
    vae.dispose();
  }
});

test('single steps end as one training does: same history, same bits, evaluated at the ends of epochs', async ({
  device,
}) => {
  const run = async (steps?: number) => {
    const vae = await Vae.create(device, data, { hidden: [8], batch: 32, epochs: 2 });
    try {
      const told: number[] = [];
      const reasons: string[] = [];
      const options = {
        ...(steps === undefined ? {} : { steps }),
        onEpoch: ({ step }: EpochResult) => void told.push(step),
        onSnapshot: (_: Snapshot, reason: string) => void reasons.push(reason),
      };
      while (!(await vae.train(options)).finished);
      const history = vae.history.map(({ seconds, ...result }) => result);
      return { told, reasons, history, parameters: await vae.parameters(), step: vae.step };
    } finally {
      vae.dispose();
    }
  };
  const whole = await run();
  expect(whole).toMatchObject({ told: [4, 7], reasons: ['epoch', 'epoch'], step: 7 });
  const { reasons, ...single } = await run(1);
  expect(reasons).toEqual(['stop', 'stop', 'stop', 'epoch', 'stop', 'stop', 'epoch']);
  expect({ ...single, reasons: whole.reasons }).toEqual(whole);
  expect((await run(5)).reasons).toEqual(['epoch', 'stop', 'epoch']);
});

test("an epoch's training loss is the mean over its own steps", async ({ device }) => {
  const vae = await Vae.create(device, data, { hidden: [8], batch: 32, epochs: 3, beta: 3 });
  try {
    const losses: Losses[] = [];
    while (!(await vae.train({ steps: 1, onProgress: ({ train }) => void losses.push(train) })).finished);
    expect(losses).toHaveLength(10);
    for (const { train, epoch } of vae.history) {
      // Epochs end after 4, 7 and 10 steps.
      const own = losses.slice(epoch === 1 ? 0 : 3 * epoch - 2, 3 * epoch + 1);
      for (const key of ['loss', 'bce', 'kld'] as const) {
        const mean = own.reduce((sum, loss) => sum + loss[key], 0) / own.length;
        expect(train[key], `${key} of epoch ${epoch}`).toBeCloseTo(mean, 10);
      }
    }
    expect(vae.history).toHaveLength(3);
  } finally {
    vae.dispose();
  }
});

test('progress reports every step once, with finite numbers', async ({ device }) => {
  const vae = await Vae.create(device, data, { hidden: [8], batch: 50, epochs: 3, beta: 2 });
  try {
    let last = 0;
    await vae.train({
      onProgress: ({ step, steps, epoch, epochs, train, stepsPerSecond, secondsLeft }) => {
        expect(step).toBeGreaterThan(last);
        last = step;
        expect([steps, epochs]).toEqual([6, 3]);
        expect(epoch).toBe(Math.ceil(step / 2));
        expect(train.loss).toBeCloseTo(train.bce + 2 * train.kld, 8);
        expect(stepsPerSecond).toBeGreaterThan(0);
        expect(secondsLeft).toBeGreaterThanOrEqual(0);
      },
    });
    expect(last).toBe(6);
  } finally {
    vae.dispose();
  }
});

test('the same seed gives the same bits, another seed others', async ({ device }) => {
  const run = async (seed: number): Promise<Buffer> => {
    const vae = await Vae.create(device, data, { hidden: [20, 10], batch: 16, epochs: 3, seed });
    try {
      await vae.train();
      return Buffer.concat((await vae.parameters()).map(({ data: { buffer } }) => Buffer.from(buffer)));
    } finally {
      vae.dispose();
    }
  };
  const [a, b, c] = [await run(1), await run(1), await run(2)];
  expect(a.equals(b)).toBe(true);
  expect(a.equals(c)).toBe(false);
});

test('how steps are cut into submissions changes no bit', async ({ device }) => {
  const run = async (chunkMs: number): Promise<Buffer> => {
    const vae = await Vae.create(device, data, { hidden: [20], batch: 16, epochs: 10 }, { chunkMs });
    try {
      await vae.train();
      return Buffer.concat((await vae.parameters()).map(({ data: { buffer } }) => Buffer.from(buffer)));
    } finally {
      vae.dispose();
    }
  };
  expect((await run(0)).equals(await run(1000))).toBe(true);
});

test('encode and decode agree with the losses, at any count', async ({ device }) => {
  const vae = await Vae.create(device, { ...data, test: gradients(501, 3, 7) }, { hidden: [8], batch: 16 });
  try {
    await vae.advance(30);
    const set = gradients(501, 3, 7);
    const { mu, logvar } = await vae.encode(set.images);
    const kld = mu.reduce((sum, m, i) => sum - 0.5 * (1 + logvar[i]! - m * m - Math.exp(logvar[i]!)), 0) / 501;
    expect(kld).toBeCloseTo((await vae.evaluate(set)).kld, 5);
    const one = await vae.decode(mu.subarray(1000, 1002));
    const all = await vae.decode(mu);
    expect(all.length).toBe(501 * 21);
    expect(Array.from(one)).toEqual(Array.from(all.subarray(500 * 21)));
    expect(all.every((pixel) => pixel >= 0 && pixel <= 1)).toBe(true);
    expect(await vae.sample(3, 5)).toEqual(await vae.sample(3, 5));
    expect(await vae.sample(3, 5)).not.toEqual(await vae.sample(3, 6));
  } finally {
    vae.dispose();
  }
});

test('a batch may be larger than the data set', async ({ device }) => {
  const vae = await Vae.create(device, data, { hidden: [8], batch: 250, epochs: 5 });
  try {
    expect(vae.steps).toBe(2);
    expect(await vae.train()).toEqual({ finished: true, step: 2 });
  } finally {
    vae.dispose();
  }
});
