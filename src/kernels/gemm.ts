import type { Device } from '../gpu/device.ts';
import { createKernel, type Kernel } from '../gpu/kernel.ts';

/**
 * The two families of GEMM kernels: `tile` (workgroup memory, for GPUs; runs everywhere) and `subgroup`
 * (broadcasts within a subgroup, for software adapters; needs subgroups of one size, 4, 8 or 16).
 */
export type GemmFamily = 'tile' | 'subgroup';

/** C = op(A) op(B) with A (M, K) B (N, K) for NT, A (M, K) B (K, N) for NN, A (K, M) B (K, N) for TN. */
export type GemmLayout = 'NT' | 'NN' | 'TN';

/** One kernel of a family. The subgroup family has three: for any problem, and with four-wide loads along K or along N. */
export type GemmVariant = 'tile' | 'subgroup' | 'subgroup_k4' | 'subgroup_n4';

const BROADCAST_SIZES = [4, 8, 16];

/** The families that the device can run; the first is the better one for it. */
export function gemmFamilies(device: Device): GemmFamily[] {
  const { min, max } = device.subgroupSizes;
  return min === max && BROADCAST_SIZES.includes(min) ? ['subgroup', 'tile'] : ['tile'];
}

/**
 * The family's kernel for a problem: four-wide loads where the operands allow them.
 * @throws RangeError if the device cannot run the family
 */
export function gemmVariant(
  device: Device,
  layout: GemmLayout,
  { N, K }: { N: number; K: number },
  wanted?: GemmFamily,
): GemmVariant {
  const families = gemmFamilies(device);
  const family = wanted ?? families[0]!;
  if (!families.includes(family)) {
    const { min, max } = device.subgroupSizes;
    const needs = `the ${family} kernels need subgroups of one size (${BROADCAST_SIZES.join(', ')})`;
    throw new RangeError(`gemm: ${needs}, this adapter has ${min} to ${max}: use ${families.join(' or ')}`);
  }
  if (family === 'tile') return 'tile';
  if (layout === 'NT') return K % 4 === 0 ? 'subgroup_k4' : 'subgroup';
  return N % 4 === 0 ? 'subgroup_n4' : 'subgroup';
}

/** How a variant cuts C up: threads of a workgroup, rows and columns of its tile. */
export function gemmTiling(device: Device, variant: GemmVariant): { threads: number; rows: number; columns: number } {
  if (variant === 'tile') return { threads: 64, rows: 32, columns: 32 };
  const lanes = device.subgroupSizes.min;
  return { threads: lanes, rows: variant === 'subgroup' ? 16 : 32, columns: 4 * lanes };
}

/** Puts a variant's core and an operation's files together. */
export function gemmKernel(device: Device, variant: GemmVariant, operation: readonly string[]): Kernel {
  const core =
    variant === 'tile'
      ? ['gemm_tile.wgsl']
      : [`broadcast_${device.subgroupSizes.min}.wgsl`, 'subgroup_tile.wgsl', `gemm_${variant}.wgsl`];
  return createKernel(device, [...core, 'gemm.wgsl', ...operation]);
}
