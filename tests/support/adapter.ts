import { type TestInfo, test } from 'playwright/test';
import type { Device } from '../../src/gpu/device.ts';
import { type GemmVariant, supportedVariants } from '../../src/kernels/gemm.ts';

/** How a test says that the adapter lacks what it needs; reporter.ts counts those, and fails for every other skip. */
export const NOT_HERE = 'not on this adapter: ';

/** Ends the test without a result if the adapter lacks something. */
export function skipIfMissing(missing: string | undefined, info: TestInfo = test.info()): void {
  info.skip(missing !== undefined, `${NOT_HERE}${missing}`);
}

/** The variant, if the device cannot run it. */
export function missingVariant(device: Device, variant: GemmVariant | undefined): string | undefined {
  return variant && !supportedVariants(device).includes(variant) ? `the variant ${variant}` : undefined;
}
