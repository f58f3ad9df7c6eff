import { allChecks, type CheckReport } from '../../src/check/index.ts';
import type { AdapterDescription } from '../../src/gpu/device.ts';
import { createDevice, type Device } from '../../src/index.ts';
import { supportedVariants } from '../../src/kernels/gemm.ts';

/** One device and the accuracy checks that run on it; the same in Node and in a page. */
export interface CheckRunner {
  device: Device;
  adapter: AdapterDescription;
  /**
   * Runs the check of that name.
   * @throws if there is no such check, if the adapter lacks a feature that it needs, or if WebGPU reports an error
   */
  run(name: string): Promise<CheckReport>;
  dispose(): void;
}

/**
 * Opens the adapter and a device on it.
 * @param adapter part of the adapter's name; without it the host's own choice
 * @throws if there is no such adapter
 */
export async function openCheckRunner(adapter?: string): Promise<CheckRunner> {
  const device = await createDevice(adapter ? { adapter } : {});
  const checks = new Map(allChecks().map((check) => [check.name, check]));
  return {
    device,
    adapter: device.info,
    async run(name) {
      const check = checks.get(name);
      if (!check) throw new Error(`runCheck: "${name}" is none of the ${checks.size} checks of src/check`);
      if (check.variant && !supportedVariants(device).includes(check.variant)) {
        const has = supportedVariants(device).join(', ');
        throw new Error(
          `runCheck: "${name}" needs the variant ${check.variant}, ${device.info.name} can run ${has}: test on another adapter`,
        );
      }
      return device.checked(name, () => check.run(device));
    },
    dispose: () => device.dispose(),
  };
}
