/** How a training ends, and what is left then. */
import type { Device } from '../../src/gpu/device.ts';
import { DeviceLostError, DisposedError, GpuError, LostStepsError } from '../../src/index.ts';
import { type Snapshot, type TrainOptions, Vae } from '../../src/vae/vae.ts';
import { expect, test } from '../support/fixtures.ts';
import { bitsOf, ownDevice, recordFault, tinyData } from './faults.ts';

const data = tinyData();
/** Epochs end after 13, 25 and 38 steps. */
const config = { hidden: [8], batch: 16, epochs: 3, seed: 9 };
/** Chunks of one step. */
const options = { chunkMs: 1e-6 };

interface Ending {
  bits: Buffer;
  history: unknown;
}

async function endingOf(vae: Vae): Promise<Ending> {
  const history = vae.history.map(({ seconds: _, ...result }) => result);
  return { bits: bitsOf(await vae.parameters()), history };
}

let undisturbed: Promise<Ending> | undefined;

function trainUndisturbed(device: Device): Promise<Ending> {
  undisturbed ??= (async () => {
    const vae = await Vae.create(device, data, config, options);
    await vae.train();
    const ending = await endingOf(vae);
    vae.dispose();
    return ending;
  })();
  return undisturbed;
}

/** A run that goes on from a snapshot must end as one that never stopped. */
async function expectResumable(device: Device, snapshot: Snapshot, expected: Ending): Promise<void> {
  const vae = await Vae.create(device, data, {}, { snapshot });
  try {
    await vae.train();
    expect(await endingOf(vae)).toEqual(expected);
  } finally {
    vae.dispose();
  }
}

test('numbers that are no counts are refused at once, and name themselves', async ({ device }) => {
  const vae = await Vae.create(device, data, config);
  try {
    const bad = [Number.NaN, -1, 1.5, Number.NEGATIVE_INFINITY, '3' as unknown as number];
    for (const value of bad) {
      const refused: [Promise<unknown>, string][] = [
        [vae.train({ steps: value }), 'train: steps'],
        [vae.advance(value), 'advance: steps'],
        [vae.profile(value), 'profile: steps'],
        [vae.sample(value), 'sample: count'],
        [vae.sample(1, value), 'sample: seed'],
      ];
      for (const [promise, name] of refused) {
        await expect(promise, `${name} is ${value}`).rejects.toThrow(`${name} is ${value}, expected a whole number`);
      }
    }
    for (const value of [Number.NaN, -1]) {
      await expect(vae.train({ snapshotEveryMs: value })).rejects.toThrow(
        `train: snapshotEveryMs is ${value}, expected milliseconds`,
      );
      await expect(Vae.create(device, data, config, { chunkMs: value })).rejects.toThrow(`chunkMs is ${value}`);
    }
    for (const zero of [vae.profile(0), vae.sample(0)]) await expect(zero).rejects.toThrow('a whole number from 1');
    await expect(vae.sample(1, 2 ** 32)).rejects.toThrow('a whole number from 0 to 4294967295');
    await expect(vae.advance(Number.POSITIVE_INFINITY)).rejects.toThrow('advance: steps is Infinity');
    expect(vae.step).toBe(0);
    expect(await vae.train({ steps: 0 })).toEqual({ finished: false, step: 0 });
    await vae.advance(0);
    expect(await vae.train({ steps: Number.POSITIVE_INFINITY })).toEqual({ finished: true, step: 38 });
  } finally {
    vae.dispose();
  }
});

test('what an asynchronous callback comes to is waited for at the end, and its failure ends the training', async ({
  device,
}) => {
  const vae = await Vae.create(device, data, config, options);
  try {
    const fails = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      throw new Error('late');
    };
    await expect(vae.train({ steps: 1, onProgress: fails })).rejects.toThrow('late');
    await expect(vae.advance(1, { onChunk: fails })).rejects.toThrow('late');
    expect(vae.step).toBe(2);
    let waited = 0;
    const evaluates = async () => {
      await vae.evaluate();
      waited++;
    };
    await vae.train({ steps: 2, onProgress: evaluates });
    expect([vae.step, waited]).toEqual([4, 2]);
  } finally {
    vae.dispose();
  }
});

test('a callback that throws at any step loses nothing: every epoch has its result and is told', async ({ device }) => {
  const expected = await trainUndisturbed(device);
  const callbacks = ['onProgress', 'onEpoch', 'onSnapshot'] as const;
  // Nobody waits for an asynchronous `onProgress`; what it promises is heeded all the same.
  const ways = [...callbacks.map((name) => ({ name, later: false })), { name: callbacks[0], later: true }];
  let thrown = 0;
  for (const { name, later } of ways) {
    const vae = await Vae.create(device, data, config, options);
    try {
      const told: number[] = [];
      const calls = { onProgress: 0, onEpoch: 0, onSnapshot: 0 };
      let fails = true;
      const maybeFail = (which: (typeof callbacks)[number]) => {
        calls[which]++;
        // Every second call of the one.
        if (which !== name || calls[which] % 2 === 0) return;
        fails = true;
        throw new Error(`${which} fails`);
      };
      const trainOptions: TrainOptions = {
        snapshotEveryMs: 0,
        onProgress: later ? async () => maybeFail('onProgress') : () => maybeFail('onProgress'),
        onEpoch: ({ epoch }) => {
          maybeFail('onEpoch');
          told.push(epoch);
        },
        onSnapshot: async () => maybeFail('onSnapshot'),
      };
      while (fails) {
        fails = false;
        const error = await vae.train(trainOptions).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (!fails) {
          expect(error).toBeUndefined();
          break;
        }
        expect((error as Error).message).toBe(`${name} fails`);
        thrown++;
        // Whatever was taken last is whole, and so is what is taken now.
        const { lastSnapshot } = vae;
        if (thrown % 8 === 0) {
          await expectResumable(device, lastSnapshot, expected);
          await expectResumable(device, await vae.snapshot(), expected);
        }
      }
      expect([...new Set(told)]).toEqual([1, 2, 3]);
      expect(await endingOf(vae), name).toEqual(expected);
    } finally {
      vae.dispose();
    }
  }
  expect(thrown).toBeGreaterThan(20);
  recordFault(test.info(), {
    fault: 'onProgress, onEpoch or onSnapshot that throws',
    injected: thrown,
    outcome: 'train() rejected with that error; called again it went on: the same bits, no epoch without its result',
    lost: 'nothing',
  });
});

test('steps done by advance() to the very end of an epoch: train() evaluates it, also after a resume', async ({
  device,
}) => {
  const expected = await trainUndisturbed(device);
  const vae = await Vae.create(device, data, config, options);
  let snapshot: Snapshot;
  try {
    await vae.advance(13);
    expect(vae.history).toEqual([]);
    snapshot = await vae.snapshot();
    expect(snapshot.sums.weight).toBe(13);
    const error = await vae
      .advance(3, {
        onChunk: () => {
          throw new Error('onChunk fails');
        },
      })
      .catch((reason: Error) => reason.message);
    expect(error).toBe('onChunk fails');
    // The chunk that was in flight then is counted.
    expect(vae.step).toBeGreaterThan(13);
    expect((await vae.snapshot()).step).toBe(vae.step);
  } finally {
    vae.dispose();
  }
  await expectResumable(device, snapshot, expected);
});

const methods: [name: string, call: (vae: Vae) => Promise<unknown>][] = [
  ['train', (vae) => vae.train()],
  ['advance', (vae) => vae.advance(1)],
  ['evaluate', (vae) => vae.evaluate()],
  ['evaluate another set', (vae) => vae.evaluate(data.train)],
  ['encode', (vae) => vae.encode(data.test.images)],
  ['decode', (vae) => vae.decode(new Float32Array(2))],
  ['sample', (vae) => vae.sample(1)],
  ['snapshot', (vae) => vae.snapshot()],
  ['parameters', (vae) => vae.parameters()],
  ['gradients', (vae) => vae.gradients()],
  ['moments', (vae) => vae.moments()],
  ['profile', (vae) => vae.profile(1)],
];

/** What a call came to: the name of the error that it rejected with, after making sure that it has words. */
async function errorName(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => new Error('it fulfilled'),
    (reason: Error) => reason,
  );
  expect(error.message).not.toBe('');
  return error.name;
}

test('after dispose() every method rejects with a DisposedError, and the last snapshot stays', async ({ device }) => {
  const before = device.allocatedBytes;
  const refused = device.watchErrors();
  const vae = await Vae.create(device, data, config, options);
  await vae.advance(3);
  const snapshot = await vae.snapshot();
  const kept = structuredClone(snapshot);
  vae.dispose();
  expect(device.allocatedBytes).toBe(before);
  for (const [name, call] of methods) expect(await errorName(call(vae)), name).toBe('DisposedError');
  expect(() => vae.model).toThrow(DisposedError);
  vae.dispose();
  expect(vae.lastSnapshot).toEqual(snapshot);
  expect(vae.lastSnapshot).toEqual(kept);
  expect(vae.step).toBe(3);
  expect(refused()).toBeUndefined();
});

test('dispose() while anything is at work: that and all that waits reject, the memory comes back, nothing is refused', async ({
  device,
}) => {
  const before = device.allocatedBytes;
  const refused = device.watchErrors();
  for (const [name, call] of methods) {
    const vae = await Vae.create(device, data, config, options);
    await vae.advance(2);
    const first = vae.lastSnapshot;
    const working = call(vae);
    const waiting = methods.map(([, other]) => errorName(other(vae)));
    vae.dispose();
    expect(await errorName(working), name).toBe('DisposedError');
    // Somebody who does steps refuses another one before the disposal.
    for (const error of await Promise.all(waiting)) expect(['DisposedError', 'BusyError']).toContain(error);
    await expect.poll(() => device.allocatedBytes, { message: name }).toBe(before);
    expect(vae.lastSnapshot).toBe(first);
  }
  expect(refused()).toBeUndefined();
});

test('dispose() in a training: it rejects without waiting for anybody', async ({ device }) => {
  const before = device.allocatedBytes;
  for (const when of ['onProgress', 'onEpoch', 'onSnapshot'] as const) {
    const vae = await Vae.create(device, data, config, options);
    let calls = 0;
    const disposeAndHang = () => {
      if (++calls < 2) return undefined;
      vae.dispose();
      return new Promise<void>(() => {});
    };
    const training = vae.train({ snapshotEveryMs: 0, [when]: disposeAndHang });
    expect(await errorName(training), when).toBe('DisposedError');
    await expect.poll(() => device.allocatedBytes).toBe(before);
    expect(calls, 'callbacks are not called any more').toBe(2);
  }
});

test('disposed of together with its device, at work: DisposedError, and nothing is reopened', async () => {
  const device = await ownDevice();
  let reopened = 0;
  const vae = await Vae.create(device, data, config, {
    ...options,
    reopen: async () => {
      reopened++;
      return ownDevice();
    },
  });
  const training = vae.train({
    onProgress: () => {
      vae.dispose();
      device.dispose();
    },
  });
  expect(await errorName(training)).toBe('DisposedError');
  expect(reopened).toBe(0);
});

/** Something that WebGPU refuses outside of any scope. */
function misuse(device: Device): void {
  const buffer = device.handle.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_DST });
  device.handle.queue.writeBuffer(buffer, 0, new ArrayBuffer(32), 0, 32);
}

test('an error of somebody else on the device ends what runs with a GpuError; the model is whole and goes on', async ({
  device: shared,
}) => {
  const device = await ownDevice();
  try {
    const expected = await trainUndisturbed(shared);
    const vae = await Vae.create(device, data, config, options);
    let misused = 0;
    const train = () =>
      vae.train({
        onProgress: ({ step }) => {
          if (step < 5 * (misused + 1) || misused === 5) return;
          misused++;
          misuse(device);
        },
      });
    for (let i = 1; i <= 5; i++) {
      const error = await train().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(GpuError);
      expect(error).not.toBeInstanceOf(LostStepsError);
      expect((error as Error).message).toContain('the GPU refused a command: ');
      expect(misused).toBe(i);
      expect((await vae.snapshot()).step).toBe(vae.step);
    }
    expect((await train()).finished).toBe(true);
    expect(await endingOf(vae)).toEqual(expected);
    vae.dispose();
  } finally {
    device.dispose();
  }
});

test('steps that WebGPU refuses end the training for good, instead of being waited for', async () => {
  const device = await ownDevice();
  const { submit } = GPUQueue.prototype;
  try {
    for (const at of [1, 2, 3, 6]) {
      const vae = await Vae.create(device, data, config, options);
      await vae.advance(4);
      const good = await vae.snapshot();
      let submissions = 0;
      GPUQueue.prototype.submit = function (this: GPUQueue, buffers) {
        if (++submissions !== at) return submit.call(this, buffers);
        // What a command buffer that is not valid comes to.
        const gone = device.handle.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_SRC });
        const encoder = device.handle.createCommandEncoder();
        const target = device.handle.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_DST });
        encoder.copyBufferToBuffer(gone, 0, target, 0, 16);
        gone.destroy();
        return submit.call(this, [encoder.finish()]);
      };
      const error = await vae
        .train()
        .catch((reason: unknown) => reason)
        .finally(() => {
          GPUQueue.prototype.submit = submit;
        });
      expect(error, `submission ${at}`).toBeInstanceOf(LostStepsError);
      expect(error).toBeInstanceOf(GpuError);
      expect((error as Error).message).toMatch(
        /the GPU has done \d+, expected \d+ \(the GPU refused a command: .*destroyed/s,
      );
      for (const again of [() => vae.train(), () => vae.advance(1), () => vae.snapshot()])
        await expect(again()).rejects.toBe(error);
      expect(vae.lastSnapshot).toEqual(good);
      // Looking is still allowed.
      expect(bitsOf(await vae.parameters()).length).toBeGreaterThan(0);
      vae.dispose();
    }
  } finally {
    GPUQueue.prototype.submit = submit;
    device.dispose();
  }
  recordFault(test.info(), {
    fault: 'submission of training steps that WebGPU refuses',
    injected: 4,
    outcome: 'LostStepsError with what WebGPU said; the last snapshot is untouched',
    lost: 'nothing: the last snapshot is of the step before, where one was taken',
  });
});

test('a lookup that WebGPU refuses is an error, not zeros', async () => {
  const device = await ownDevice();
  const { submit } = GPUQueue.prototype;
  try {
    const vae = await Vae.create(device, data, config, options);
    for (const [name, call] of methods.filter(([method]) => method !== 'train' && method !== 'advance')) {
      // Once alone, so that everything is compiled.
      await call(vae).catch((error: Error) => expect(`${name}: ${error.name}`).toBe('profile: GpuError'));
      GPUQueue.prototype.submit = function (this: GPUQueue, buffers) {
        if (buffers[Symbol.iterator]().next().done) return submit.call(this, buffers);
        const gone = device.handle.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_SRC });
        const encoder = device.handle.createCommandEncoder();
        encoder.copyBufferToBuffer(gone, 0, device.handle.createBuffer({ size: 16, usage: 8 }), 0, 16);
        gone.destroy();
        return submit.call(this, [encoder.finish()]);
      };
      const error = await call(vae)
        .catch((reason: unknown) => reason)
        .finally(() => {
          GPUQueue.prototype.submit = submit;
        });
      expect(error, name).toBeInstanceOf(GpuError);
    }
    vae.dispose();
  } finally {
    GPUQueue.prototype.submit = submit;
    device.dispose();
  }
});

test('a DeviceLostError from a callback is no loss of the device: nothing is reopened', async ({ device }) => {
  let reopened = 0;
  const reopen = async () => {
    reopened++;
    return device;
  };
  for (const name of ['onProgress', 'onEpoch', 'onSnapshot']) {
    const vae = await Vae.create(device, data, config, { ...options, reopen });
    const lost = new DeviceLostError('another device');
    const fail = () => {
      throw lost;
    };
    await expect(vae.train({ [name]: fail }), name).rejects.toBe(lost);
    vae.dispose();
  }
  expect(reopened).toBe(0);
});
