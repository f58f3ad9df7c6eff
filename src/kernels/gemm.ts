import type { Device } from '../gpu/device.ts';
import { createDispatch } from '../gpu/kernel.ts';
import type { Command } from '../gpu/schedule.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { TEXELS_PER_ROW } from '../gpu/texture.ts';
import { GEMM_VARIANTS, type GemmVariant, isAmong, ruleOf } from './gemm-variants.ts';
import { packagedKernel } from './shaders.ts';

export { GEMM_VARIANTS, type GemmVariant };

// In shaders and the names of their bindings, a and b are the two operands of a product of matrices, (M, N), summed over K. B, C and
// OC are always the sizes of a layer.

/**
 * An operation of a dense layer, see dense.ts: forward, the last layer with its loss, or the gradients of what it says; or `conv`, any of a
 * convolution's products, with positions of the small side for B, numbers of a patch for C and channels of the small side for OC.
 */
export type DenseOperation = 'forward' | 'loss' | 'backward' | 'backward weight' | 'backward input' | 'conv';

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

/** Of k in a turn of the loop of gemm_subgroup_4.wgsl. */
const TURN = 8;
/** Parts of k are at least so long, and at most so many, */
const SHORTEST_PART = 128;
const MOST_PARTS = 8;
/** and no more than make so many workgroups: with as many tiles a GPU is busy, and the partial sums stay small. */
const MOST_WORKGROUPS = 1024;

/** `forward 128x784x512`: operation, B, C, OC. */
export function problemKey({ operation, B, C, OC }: DenseProblem): string {
  return `${operation} ${B}x${C}x${OC}`;
}

/** Floating-point operations of all these products, counting a multiply-add as two. */
export function stepFlops(problems: readonly DenseProblem[]): number {
  const products = ({ operation, B, C, OC }: DenseProblem) => (operation === 'backward' ? 2 : 1) * B * C * OC;
  return problems.reduce((sum, problem) => sum + 2 * products(problem), 0);
}

/** Rows, columns and depth of the product of a problem that is not both gradients. */
function productOf({ operation, B, C, OC }: DenseProblem): { M: number; N: number; K: number } {
  if (operation === 'backward weight') return { M: OC, N: C, K: B };
  return operation === 'backward input' ? { M: B, N: C, K: OC } : { M: B, N: OC, K: C };
}

/** Into how many parts a variant that splits k cuts it; 1 where it does not: a weight's gradient, whose k is the batch. */
function partsOfK(variant: GemmVariant, problem: DenseProblem): number {
  const { splitsK } = ruleOf(variant);
  if (!splitsK || problem.operation === 'backward' || problem.operation === 'backward weight') return 1;
  const { M, N, K } = productOf(problem);
  const { rows, columns } = splitsK;
  const tiles = Math.ceil(M / rows) * Math.ceil(N / columns);
  const most = Math.min(MOST_PARTS, Math.floor(MOST_WORKGROUPS / tiles));
  return Math.max(1, Math.min(most, Math.ceil(K / SHORTEST_PART)));
}

/** Whether a variant computes a problem as no other one does. */
export function isDistinct(variant: GemmVariant, problem: DenseProblem): boolean {
  return !ruleOf(variant).splitsK || partsOfK(variant, problem) > 1;
}

/** The variants that the device can run. */
export function supportedVariants({ capabilities }: Device): GemmVariant[] {
  return GEMM_VARIANTS.filter((variant) => ruleOf(variant).needs?.has(capabilities) ?? true);
}

/** The variant that is used where nobody chose another one. */
export function defaultVariant(
  device: Device,
  sizes: Partial<DenseProblem> & Pick<DenseProblem, 'C' | 'OC'>,
): GemmVariant {
  const supported = supportedVariants(device);
  // Of a convolution the rows are so many that copies cost little.
  const copying = supported.find((variant) => ruleOf(variant).copiesOperands);
  if (sizes.operation === 'conv' && copying) return copying;
  const first = (layers: 'all' | 'large') => supported.find((variant) => ruleOf(variant).byDefault === layers);
  return (isAmong('large', sizes) && first('large')) || first('all')!;
}

/** @throws RangeError if the device cannot run the variant chosen */
export function chosenVariant(device: Device, choice: VariantChoice | undefined, problem: DenseProblem): GemmVariant {
  const supported = supportedVariants(device);
  const chosen = typeof choice === 'string' ? choice : choice?.[problemKey(problem)];
  const variant = chosen === undefined || chosen === 'split' ? defaultVariant(device, problem) : chosen;
  if (!supported.includes(variant)) {
    const { min, max } = device.subgroupSizes;
    const needs = `the variant ${variant} needs ${ruleOf(variant).needs?.what}`;
    throw new RangeError(`gemm: ${needs}, this adapter has ${min} to ${max}: use ${supported.join(' or ')}`);
  }
  return variant;
}

/** Whether it may be worth a dispatch for each of a layer's two gradients, so that the tuner should find out. */
export function isSplittable(device: Device, sizes: Omit<DenseProblem, 'operation'>): boolean {
  const gains = (variant: GemmVariant) =>
    ruleOf(variant).splitsBackward !== 'none' && isDistinct(variant, { ...sizes, operation: 'backward input' });
  return isAmong('large', sizes) && supportedVariants(device).some(gains);
}

/** Whether a layer's two gradients get a dispatch each: as was chosen, else as the variant has it. */
export function isBackwardSplit(
  device: Device,
  choice: VariantChoice | undefined,
  { B, C, OC }: Omit<DenseProblem, 'operation'>,
): boolean {
  const problem: DenseProblem = { operation: 'backward', B, C, OC };
  if (typeof choice === 'object') {
    const chosen = choice[problemKey(problem)];
    if (chosen !== undefined) return chosen === 'split';
  }
  return isAmong(ruleOf(chosenVariant(device, choice, problem)).splitsBackward, problem);
}

/** How many tiles, and threads for each: of both gradients the weight's rows of tiles come first. */
export function gemmTiles(
  { capabilities }: Device,
  variant: GemmVariant,
  problem: DenseProblem,
): { rows: number; weightRows: number; columns: number; threads: number } {
  const { operation, B, C, OC } = problem;
  const tile = ruleOf(variant).core(capabilities);
  const isWeight = operation === 'backward weight' || operation === 'backward';
  const weightRows = isWeight ? Math.ceil(OC / tile.rows) : 0;
  const otherRows = operation === 'backward weight' ? 0 : Math.ceil(B / tile.rows);
  const N = operation === 'forward' || operation === 'loss' ? OC : C;
  return { rows: weightRows + otherRows, weightRows, columns: Math.ceil(N / tile.columns), threads: tile.threads };
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
 * the dispatch that makes the sums of the parts of k. Where a row of every matrix is a multiple of four, all are arrays of vec4.
 */
export function gemmCommands(
  pool: BufferPool,
  label: string,
  variant: GemmVariant,
  problem: DenseProblem,
  operation: readonly string[],
  { operands, tensors, params }: GemmBindings,
): Command[] {
  const { device } = pool;
  const { capabilities } = device;
  const rule = ruleOf(variant);
  const core = rule.core(capabilities).files;
  const tiles = gemmTiles(device, variant, problem);
  const workgroups = [tiles.rows, tiles.columns, 1] as const;
  const vec4Operands =
    problem.C % 4 === 0 && problem.OC % 4 === 0 && (problem.operation !== 'backward' || rule.backwardReadsVec4s);
  const hasCopy = ({ sizeBytes }: Tensor) => sizeBytes <= capabilities.maxCopyBytes;
  if (rule.copiesOperands && vec4Operands && hasCopy(operands.operand_a) && hasCopy(operands.operand_b)) {
    const isSampled = capabilities.operandCopies === 'sampler';
    const reading = isSampled ? 'operands_sampled.wgsl' : 'operands_texture.wgsl';
    const files = [...core, reading, 'operands_vec4.wgsl', 'gemm.wgsl', ...operation];
    const wholeTurns = productOf(problem).K % TURN === 0;
    const kernel = packagedKernel(device, files, isSampled ? { WHOLE_TURNS: Number(wholeTurns) } : { TEXELS_PER_ROW });
    const copies = { operand_a: pool.textureCopy(operands.operand_a), operand_b: pool.textureCopy(operands.operand_b) };
    const dispatch = createDispatch(pool, label, kernel, { ...copies, ...tensors }, params, workgroups);
    return [copies.operand_a, copies.operand_b, dispatch];
  }
  const reading = vec4Operands ? ['operands_buffer.wgsl', 'operands_vec4.wgsl'] : ['operands_scalar.wgsl'];
  const rest = [...reading, 'gemm.wgsl'];
  const parts = partsOfK(variant, problem);
  if (parts === 1) {
    const kernel = packagedKernel(device, [...core, ...rest, ...operation]);
    return [createDispatch(pool, label, kernel, { ...operands, ...tensors }, params, workgroups)];
  }
  const { M, N, K } = productOf(problem);
  const partial_sums = pool.tensor(`${label} parts`, [parts, M, N]);
  const layout = { OPERAND_B_ALONG_K: Number(problem.operation !== 'backward input') };
  const partial = packagedKernel(device, [...core, ...rest, 'gemm_partial.wgsl'], layout);
  const sum = packagedKernel(device, ['gemm_sum.wgsl', ...rest, ...operation], { PARTS: parts });
  const deep = [workgroups[0], workgroups[1], parts] as const;
  const summands = { operand_a: partial_sums, operand_b: operands.operand_b };
  return [
    createDispatch(pool, `${label}, parts`, partial, { ...operands, partial_sums }, { M, N, K }, deep),
    createDispatch(pool, label, sum, { ...summands, ...tensors }, params, workgroups),
  ];
}
