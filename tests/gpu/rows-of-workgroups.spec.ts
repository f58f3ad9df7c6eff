import { allChecks } from '../../src/check/index.ts';
import { Device } from '../../src/gpu/device.ts';
import { linearWorkgroups } from '../../src/gpu/kernel.ts';
import { expect, test } from '../support/fixtures.ts';

/**
 * The same device with fewer workgroups per dimension, so that small problems need what 4 million elements need otherwise: a
 * second row of workgroups. Few enough for the checks' larger sizes, enough for as many rows.
 */
class NarrowDevice extends Device {
  readonly #limit: number;

  constructor(device: Device, limit: number) {
    const host = {
      idle: (ms: number) => device.idle(ms),
      languageFeatures: device.languageFeatures,
      dispose: () => {},
    };
    super(device.handle, device.info, device.subgroupSizes, host);
    this.#limit = limit;
  }

  override get limits(): GPUSupportedLimits {
    return new Proxy(super.limits, {
      get: (limits, name) =>
        name === 'maxComputeWorkgroupsPerDimension' ? this.#limit : Reflect.get(limits, name, limits),
    });
  }
}

const LIMITS: Record<string, number> = { gather: 10, reparameterize: 10, reparameterizeBackward: 10, adam: 7 };

for (const [op, limit] of Object.entries(LIMITS)) {
  test(`${op} computes the same in several rows of workgroups`, async ({ device }) => {
    const narrow = new NarrowDevice(device, limit);
    const checks = allChecks().filter((check) => check.op === op);
    expect(checks.length).toBeGreaterThan(0);
    for (const check of checks) {
      const { ok, message } = await narrow.checked(check.name, () => check.run(narrow));
      expect(ok, message).toBe(true);
    }
  });
}

test('threads are spread over as few rows of workgroups as hold them', ({ device }) => {
  const narrow = new NarrowDevice(device, 10);
  expect(linearWorkgroups(narrow, 1, 64)).toEqual([1, 1, 1]);
  expect(linearWorkgroups(narrow, 640, 64)).toEqual([10, 1, 1]);
  expect(linearWorkgroups(narrow, 641, 64)).toEqual([10, 2, 1]);
});
