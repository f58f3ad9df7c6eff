import type { Device } from '../gpu/device.ts';
import { createDispatch, createKernel } from '../gpu/kernel.ts';
import type { Command } from '../gpu/schedule.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { TEXELS_PER_ROW, TEXTURE_READING, textureSize } from '../gpu/texture.ts';

/**
 * How a matrix product is cut up. `subgroup`: a subgroup makes 32 x 32 of C by handing elements from lane to lane, for
 * software adapters; needs subgroups of one size, 4 or 8. `subgroup_texture`: the same, on software adapters
 * only, from copies of A and B in textures where these hold vec4s and fit, and with 8 lanes 32 x 64 of C.
 * `tile_ROWSxCOLUMNS`: 64 threads make that much of C from slices in workgroup memory, for GPUs; runs everywhere. `tile_32x32_split_k`: the same with k cut up, too, and a second dispatch that adds the parts, for
 * products of few tiles on a GPU of many cores; what does not gain from it is as with `tile_32x32`.
 */
export const GEMM_VARIANTS = [
  'subgroup',
  'subgroup_texture',
  'tile_32x32',
  'tile_64x32',
  'tile_32x32_split_k',
] as const;
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
/** Of k in a turn of the loop of gemm_subgroup_4.wgsl. */
const TURN = 8;
/** From so many weights on a layer is worth copies of its operands, and a dispatch for each of its gradients. */
const LARGE = 2 ** 14;
const TILES = {
  tile_32x32: { rows: 32, columns: 32 },
  tile_64x32: { rows: 64, columns: 32 },
  tile_32x32_split_k: { rows: 32, columns: 32 },
};
/** Parts of k are at least so long, and at most so many, */
const SHORTEST_PART = 128;
const MOST_PARTS = 8;
/** and no more than make so many workgroups: with as many tiles a GPU is busy, and the partial sums stay small. */
const MOST_WORKGROUPS = 1024;

/** `forward 128x784x512`: operation, B, C, OC. */
export function problemKey({ operation, B, C, OC }: DenseProblem): string {
  return `${operation} ${B}x${C}x${OC}`;
}

export function isSubgroupVariant(variant: GemmVariant): variant is 'subgroup' | 'subgroup_texture' {
  return variant === 'subgroup' || variant === 'subgroup_texture';
}

/** What the products of a problem are that split-K may cut up: not a weight's gradient, whose k is the batch. */
function splittable({ operation, B, C, OC }: DenseProblem): { M: number; N: number; K: number } | undefined {
  if (operation === 'forward' || operation === 'loss') return { M: B, N: OC, K: C };
  return operation === 'backward input' ? { M: B, N: C, K: OC } : undefined;
}

/** K, what the product of a problem that is not both gradients sums over. */
function depth({ operation, B, C, OC }: DenseProblem): number {
  if (operation === 'backward weight') return B;
  return operation === 'backward input' ? OC : C;
}

/** Into how many parts split-K cuts k; 1 where it does not. */
function partsOfK(problem: DenseProblem): number {
  const product = splittable(problem);
  if (!product) return 1;
  const { rows, columns } = TILES.tile_32x32_split_k;
  const tiles = Math.ceil(product.M / rows) * Math.ceil(product.N / columns);
  const most = Math.min(MOST_PARTS, Math.floor(MOST_WORKGROUPS / tiles));
  return Math.max(1, Math.min(most, Math.ceil(product.K / SHORTEST_PART)));
}

/** Whether a variant computes a problem as no other one does. */
export function isDistinct(variant: GemmVariant, problem: DenseProblem): boolean {
  return variant !== 'tile_32x32_split_k' || partsOfK(problem) > 1;
}

/** The variants that the device can run. */
export function supportedVariants(device: Device): GemmVariant[] {
  const { min, max } = device.subgroupSizes;
  const subgroups = min === max && SUBGROUP_SIZES.includes(min);
  const needs: Partial<Record<GemmVariant, boolean>> = {
    subgroup: subgroups,
    subgroup_texture:
      subgroups && device.info.software && (isSampled(device) || device.languageFeatures.has(TEXTURE_READING)),
  };
  return GEMM_VARIANTS.filter((variant) => needs[variant] ?? true);
}

/** The variant that is used where nobody chose another one. */
export function defaultVariant(device: Device, { C, OC }: Pick<DenseProblem, 'C' | 'OC'>): GemmVariant {
  const supported = supportedVariants(device);
  // Software adapters read textures faster than buffers.
  const isCopied = C * OC >= LARGE;
  return isCopied && supported.includes('subgroup_texture') ? 'subgroup_texture' : supported[0]!;
}

/** @throws RangeError if the device cannot run the variant chosen */
export function chosenVariant(device: Device, choice: VariantChoice | undefined, problem: DenseProblem): GemmVariant {
  const supported = supportedVariants(device);
  const chosen = typeof choice === 'string' ? choice : choice?.[problemKey(problem)];
  const variant = chosen === undefined || chosen === 'split' ? defaultVariant(device, problem) : chosen;
  if (!supported.includes(variant)) {
    const { min, max } = device.subgroupSizes;
    const textures = variant === 'subgroup_texture' ? ' and a software adapter that reads textures' : '';
    const needs = `the variant ${variant} needs subgroups of one size (${SUBGROUP_SIZES.join(' or ')})${textures}`;
    throw new RangeError(`gemm: ${needs}, this adapter has ${min} to ${max}: use ${supported.join(' or ')}`);
  }
  return variant;
}

/** Whether it may be worth a dispatch for each of a layer's two gradients, so that the tuner should find out. */
export function isSplittable(device: Device, { B, C, OC }: Omit<DenseProblem, 'operation'>): boolean {
  const isLarge = C * OC >= LARGE;
  const isSkinny = isDistinct('tile_32x32_split_k', { operation: 'backward input', B, C, OC });
  return isLarge && (isSkinny || supportedVariants(device).some(isSubgroupVariant));
}

/**
 * Whether a layer's two gradients get a dispatch each. Without a choice: with a subgroup variant, if the layer is large.
 * There a kernel of both is half as fast, because its loop, with the loads of either, outgrows the CPU's caches of code.
 * With `subgroup_texture` always: it has no kernel of both. With split-K because only the input's gradient gains from it.
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
  const variant = chosenVariant(device, choice, problem);
  const isSplitIfLarge = variant === 'subgroup' || variant === 'tile_32x32_split_k';
  return variant === 'subgroup_texture' || (isSplitIfLarge && sizes.C * sizes.OC >= LARGE);
}

/** How copies of the operands are read: by a sampler, else as storage textures. */
function isSampled(device: Device): boolean {
  return !device.isVectorized;
}

/** Whether a tile is twice as wide, which takes twice as long to compile: for large products on lavapipe. */
function isWide(device: Device, variant: GemmVariant): boolean {
  return variant === 'subgroup_texture' && device.isVectorized;
}

/** The core's files. */
function coreOf(device: Device, variant: GemmVariant): string[] {
  if (!isSubgroupVariant(variant))
    return [`tile_${TILES[variant].rows}x${TILES[variant].columns}.wgsl`, 'gemm_tile.wgsl'];
  const lanes = device.subgroupSizes.min;
  const columns = device.isVectorized ? [`columns_${gemmTiling(device, variant).columns}.wgsl`] : [];
  return [`gemm_subgroup_${lanes}.wgsl`, ...columns];
}

/** How a variant cuts C up: threads of a workgroup, rows and columns of its tile. */
export function gemmTiling(device: Device, variant: GemmVariant): { threads: number; rows: number; columns: number } {
  if (isSubgroupVariant(variant)) {
    return { threads: device.subgroupSizes.min, rows: 32, columns: isWide(device, variant) ? 64 : 32 };
  }
  return { threads: 64, ...TILES[variant] };
}

/** What a product reads and writes, by the names in WGSL, and its parameters. */
export interface GemmBindings {
  operands: { operand_a: Tensor; operand_b: Tensor };
  /** Of the operation's own. */
  tensors: Record<string, Tensor>;
  params: Record<string, number>;
}

/**
 * A product: the variant's files and the operation's, put together and bound; before it the copies that the variant needs, or
 * the dispatch that makes the sums of the parts of k.
 * @param options.quads whether every matrix's contiguous dimension is a multiple of four: then all are arrays of vec4
 * @param options.rowTiles row tiles, and columns of C
 */
export function gemmCommands(
  pool: BufferPool,
  label: string,
  variant: GemmVariant,
  operation: readonly string[],
  { operands, tensors, params }: GemmBindings,
  options: { problem: DenseProblem; quads: boolean; rowTiles: number; columns: number },
): Command[] {
  const { device } = pool;
  const { problem, quads, rowTiles, columns } = options;
  const core = coreOf(device, variant);
  const workgroups = [rowTiles, Math.ceil(columns / gemmTiling(device, variant).columns), 1] as const;
  const fits = ({ sizeBytes }: Tensor) => textureSize(sizeBytes).height <= device.limits.maxTextureDimension2D;
  if (variant === 'subgroup_texture' && quads && fits(operands.operand_a) && fits(operands.operand_b)) {
    const reading = isSampled(device) ? 'operands_sampled.wgsl' : 'operands_texture.wgsl';
    const files = [...core, reading, 'operands_vec4.wgsl', 'gemm.wgsl', ...operation];
    const constants = isSampled(device) ? { WHOLE_TURNS: Number(depth(problem) % TURN === 0) } : { TEXELS_PER_ROW };
    const kernel = createKernel(device, files, constants);
    const copies = { operand_a: pool.textureCopy(operands.operand_a), operand_b: pool.textureCopy(operands.operand_b) };
    const dispatch = createDispatch(pool, label, kernel, { ...copies, ...tensors }, params, workgroups);
    return [copies.operand_a, copies.operand_b, dispatch];
  }
  const reading = [...(quads ? ['operands_buffer.wgsl', 'operands_vec4.wgsl'] : ['operands_scalar.wgsl']), 'gemm.wgsl'];
  const parts = variant === 'tile_32x32_split_k' ? partsOfK(problem) : 1;
  const product = splittable(problem);
  if (parts === 1 || !product) {
    const kernel = createKernel(device, [...core, ...reading, ...operation]);
    return [createDispatch(pool, label, kernel, { ...operands, ...tensors }, params, workgroups)];
  }
  const partial_sums = pool.tensor(`${label} parts`, [parts, product.M, product.N]);
  const layout = { B_ALONG_K: Number(problem.operation !== 'backward input') };
  const partial = createKernel(device, [...core, ...reading, 'gemm_partial.wgsl'], layout);
  const sum = createKernel(device, ['gemm_sum.wgsl', ...reading, ...operation], { PARTS: parts });
  const deep = [workgroups[0], workgroups[1], parts] as const;
  const summands = { operand_a: partial_sums, operand_b: operands.operand_b };
  return [
    createDispatch(pool, `${label}, parts`, partial, { ...operands, partial_sums }, product, deep),
    createDispatch(pool, label, sum, { ...summands, ...tensors }, params, workgroups),
  ];
}
