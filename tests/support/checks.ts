import { openAdapter } from '#host';
import { allChecks, type CheckReport } from '../../src/check/index.ts';
import { type AdapterDescription, type Device, openDevice } from '../../src/gpu/device.ts';
import { type GemmVariant, supportedVariants } from '../../src/kernels/gemm.ts';

/** One device and the accuracy checks that run on it; the same in Node and in a page. */
export interface CheckRunner {
  device: Device;
  adapter: AdapterDescription;
  /**
   * What the adapter lacks for the check of that name; undefined if it can run it.
   * @throws if there is no such check
   */
  missing(name: string): string | undefined;
  /**
   * Runs the check of that name.
   * @throws if there is no such check, if the adapter lacks a feature that it needs, or if WebGPU reports an error
   */
  run(name: string): Promise<CheckReport>;
  dispose(): void;
}

/** The variant, if the device cannot run it. */
export function missingVariant(device: Device, variant: GemmVariant | undefined): string | undefined {
  return variant && !supportedVariants(device).includes(variant) ? `the variant ${variant}` : undefined;
}

/** The same adapter as if it lacked features: what another one would be. */
function withhold(adapter: GPUAdapter, features: readonly string[]): GPUAdapter {
  return new Proxy(adapter, {
    get(target, name) {
      if (name === 'features') return new Set([...target.features].filter((feature) => !features.includes(feature)));
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/**
 * Opens the adapter and a device on it.
 * @param adapter part of the adapter's name; without it the host's own choice
 * @param withheld features that the device shall not have
 * @throws if there is no such adapter
 */
export async function openCheckRunner(adapter?: string, withheld: readonly string[] = []): Promise<CheckRunner> {
  const handle = await openAdapter(adapter ? { adapter } : {});
  const device = await openDevice(withhold(handle.adapter, withheld), handle.info, handle);
  const checks = new Map(allChecks().map((check) => [check.name, check]));
  const find = (name: string) => {
    const check = checks.get(name);
    if (!check) throw new Error(`runCheck: "${name}" is none of the ${checks.size} checks of src/check`);
    return check;
  };
  return {
    device,
    adapter: device.info,
    missing: (name) => missingVariant(device, find(name).variant),
    run: (name) => device.checked(name, () => find(name).run(device)),
    dispose: () => device.dispose(),
  };
}
