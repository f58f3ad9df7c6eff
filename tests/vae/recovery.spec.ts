import { expect, test } from 'playwright/test';
import { type Device, DeviceLimitError, DeviceLostError } from '../../src/gpu/device.ts';
import { Recovery, RepeatedDeviceLossError } from '../../src/train/recovery.ts';

/** As much of a device as a recovery looks at. */
function fakeDevice(): Device {
  return { lost: false, disposed: false } as Device;
}

function lose(device: Device): DeviceLostError {
  (device as { lost: boolean }).lost = true;
  return new DeviceLostError('the GPU device was lost');
}

interface Model {
  recovery: Recovery;
  device: () => Device;
  log: string[];
}

/** A model without a GPU; `rebuild` may throw. */
function fakeModel(options: { reopen?: () => Promise<Device>; rebuild?: (device: Device) => void } = {}): Model {
  let device = fakeDevice();
  const log: string[] = [];
  const { reopen = async () => fakeDevice(), rebuild = () => {} } = options;
  const recovery = new Recovery(
    {
      device: () => device,
      release: () => void log.push('released'),
      async rebuildOn(other) {
        rebuild(other);
        device = other;
        log.push('rebuilt');
      },
    },
    reopen,
  );
  return { recovery, device: () => device, log };
}

test('three losses within a minute are recovered from, the fourth is an error', async () => {
  const { recovery, device, log } = fakeModel();
  let losses = 0;
  const loseOnce = () =>
    recovery.during(async () => {
      if (++losses % 2 === 1) throw lose(device());
      return 'done';
    });
  for (let i = 0; i < 3; i++) expect(await loseOnce()).toBe('done');
  expect(log).toEqual(['released', 'rebuilt', 'released', 'rebuilt', 'released', 'rebuilt']);
  await expect(loseOnce()).rejects.toThrow(RepeatedDeviceLossError);
});

test('what is no loss is not counted and moves nothing', async () => {
  const { recovery, log } = fakeModel();
  const failures = [new Error('a'), new DeviceLostError('of another device'), new DeviceLimitError('too large')];
  for (let i = 0; i < 12; i++) {
    const failure = failures[i % failures.length]!;
    await expect(recovery.during(() => Promise.reject(failure))).rejects.toBe(failure);
  }
  expect(log).toEqual([]);
});

test('a reopening that fails is tried again and is no loss; the error says that the device was lost, and why', async () => {
  let tries = 0;
  const { recovery, device } = fakeModel({
    reopen: async () => {
      tries++;
      if (tries % 3 !== 0) throw new Error('no adapter yet');
      return fakeDevice();
    },
  });
  // Three recoveries with two failures each: nine would be too many losses.
  for (let i = 0; i < 3; i++) {
    let lost = false;
    await recovery.during(async () => {
      if (lost) return;
      lost = true;
      throw lose(device());
    });
  }
  expect(tries).toBe(9);

  const never = fakeModel({ reopen: () => Promise.reject(new Error('no adapter')) });
  const error = await never.recovery
    .during(() => Promise.reject(lose(never.device())))
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DeviceLostError);
  expect(error).not.toBeInstanceOf(RepeatedDeviceLossError);
  expect((error as Error).message).toMatch(/was lost, and no other could be opened in 3 tries \(no adapter\)/);
});

test('a model that does not fit the next device says so at once', async () => {
  let rebuilds = 0;
  const { recovery, device } = fakeModel({
    rebuild: () => {
      rebuilds++;
      throw new DeviceLimitError('createBuffer: parameters needs 2 GiB');
    },
  });
  await expect(recovery.during(() => Promise.reject(lose(device())))).rejects.toThrow(DeviceLimitError);
  expect(rebuilds).toBe(1);
});

test('a device that is lost while the model is rebuilt on it is one more loss', async () => {
  let rebuilds = 0;
  const { recovery, device, log } = fakeModel({
    rebuild: (other) => {
      if (++rebuilds === 1) throw lose(other);
    },
  });
  let lost = false;
  await recovery.during(async () => {
    if (lost) return;
    lost = true;
    throw lose(device());
  });
  expect(rebuilds).toBe(2);
  expect(log).toEqual(['released', 'released', 'rebuilt']);
});
