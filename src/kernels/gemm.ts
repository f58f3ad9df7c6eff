import type { Device } from '../gpu/device.ts';
import { createKernel, type Kernel } from '../gpu/kernel.ts';

/**
 * How a matrix product is cut up. `subgroup`: a subgroup makes 32 x 32 of C by handing elements from lane to lane, for
 * software adapters; needs subgroups of one size, 4 or 8. `tile_ROWSxCOLUMNS`: 64 threads make that much of C from slices
 * in workgroup memory, for GPUs; runs everywhere.
 */
export const GEMM_VARIANTS = ['subgroup', 'tile_32x32', 'tile_64x32'] as const;
export type GemmVariant = (typeof GEMM_VARIANTS)[number];

/** C = op(A) op(B) with A (M, K) B (N, K) for NT, A (M, K) B (K, N) for NN, A (K, M) B (K, N) for TN. */
export type GemmLayout = 'NT' | 'NN' | 'TN';

/** An operation of a dense layer, see dense.ts: forward, the last layer with its loss, or the gradients of what it says. */
export type DenseOperation = 'forward' | 'loss' | 'backward' | 'backward weight' | 'backward input';

/** B rows of the batch, C inputs and OC outputs of the layer. */
export interface DenseProblem {
  operation: DenseOperation;
  B: number;
  C: number;
  OC: number;
}

/**
 * Which variant is used: one for everything, or one for each problem by its key; the default one for what is not there.
 * `split` for a `backward` means that the two gradients get a dispatch each.
 */
export type VariantChoice = GemmVariant | Readonly<Record<string, GemmVariant | 'split'>>;

const SUBGROUP_SIZES = [4, 8];
/** Weights from which on the subgroup variant makes a layer's two gradients in two dispatches. */
const SPLIT_FROM = 2 ** 14;
const TILES = {
  tile_32x32: { rows: 32, columns: 32 },
  tile_64x32: { rows: 64, columns: 32 },
};

/** `forward 128x784x512`: operation, B, C, OC. */
export function problemKey({ operation, B, C, OC }: DenseProblem): string {
  return `${operation} ${B}x${C}x${OC}`;
}

/** The variants that the device can run; the first one is the default. */
export function supportedVariants(device: Device): GemmVariant[] {
  const { min, max } = device.subgroupSizes;
  return GEMM_VARIANTS.filter((variant) => variant !== 'subgroup' || (min === max && SUBGROUP_SIZES.includes(min)));
}

/** @throws RangeError if the device cannot run the variant chosen */
export function chosenVariant(device: Device, choice: VariantChoice | undefined, problem: DenseProblem): GemmVariant {
  const supported = supportedVariants(device);
  const chosen = typeof choice === 'string' ? choice : choice?.[problemKey(problem)];
  const variant = chosen === undefined || chosen === 'split' ? supported[0]! : chosen;
  if (!supported.includes(variant)) {
    const { min, max } = device.subgroupSizes;
    const needs = `the variant ${variant} needs subgroups of one size (${SUBGROUP_SIZES.join(' or ')})`;
    throw new RangeError(`gemm: ${needs}, this adapter has ${min} to ${max}: use ${supported.join(' or ')}`);
  }
  return variant;
}

/**
 * Whether a layer's two gradients get a dispatch each. Without a choice: with the subgroup variant, if the layer is large.
 * There a kernel of both is half as fast, because its loop, with the loads of either, outgrows the CPU's caches of code.
 */
export function isBackwardSplit(
  device: Device,
  choice: VariantChoice | undefined,
  sizes: Omit<DenseProblem, 'operation'>,
): boolean {
  const problem: DenseProblem = { operation: 'backward', ...sizes };
  if (typeof choice === 'object') {
    const chosen = choice[problemKey(problem)];
    if (chosen !== undefined) return chosen === 'split';
  }
  return chosenVariant(device, choice, problem) === 'subgroup' && sizes.C * sizes.OC >= SPLIT_FROM;
}

/** How a variant cuts C up: threads of a workgroup, rows and columns of its tile. */
export function gemmTiling(device: Device, variant: GemmVariant): { threads: number; rows: number; columns: number } {
  if (variant === 'subgroup') return { threads: device.subgroupSizes.min, rows: 32, columns: 32 };
  return { threads: 64, ...TILES[variant] };
}

/**
 * Puts a variant's files and an operation's together.
 * @param quads whether both operands' contiguous dimensions are multiples of four, so that they can be read as vec4
 */
export function gemmKernel(device: Device, variant: GemmVariant, quads: boolean, operation: readonly string[]): Kernel {
  const core =
    variant === 'subgroup'
      ? [`subgroup_${device.subgroupSizes.min}.wgsl`, 'gemm_subgroup.wgsl']
      : [`${variant}.wgsl`, 'gemm_tile.wgsl'];
  const operands = `operands_${quads ? 'vec4' : 'scalar'}.wgsl`;
  return createKernel(device, [...core, operands, 'gemm.wgsl', ...operation]);
}
