import { createDispatch, linearWorkgroups } from '../gpu/kernel.ts';
import type { Command } from '../gpu/schedule.ts';
import { type BufferPool, elementCount, type Tensor } from '../gpu/tensor.ts';
import { TEXELS_PER_ROW } from '../gpu/texture.ts';
import {
  type ConvCore,
  type ConvSizes,
  type ConvSteps,
  convCore,
  convProblem,
  convSizes,
  spreadTiles,
  weightParts,
} from './conv-sizes.ts';
import { elementsOf, expectSameShape } from './elementwise.ts';
import { chosenVariant, type GemmVariant, type VariantChoice } from './gemm.ts';
import { packagedKernel } from './shaders.ts';
import { expectShape } from './shape.ts';

// A layer has a large side (B, H, W, C), a small side (B, HO, WO, OC) and weights (KH, KW, C, OC): shaders/conv.wgsl. A convolution
// goes from the large side to the small one, a transposed convolution back, so the forward pass of either is the input gradient of
// the other. Every operation is one dispatch, and before it the copies of its operands that the variant reads, if it reads
// copies; gradients of weight and bias have another one, which adds parts up.

export type ConvActivation = 'none' | 'relu' | 'silu';

const ACTIVATION_CODES: Record<ConvActivation, number> = { none: 0, relu: 1, silu: 2 };

interface Options extends ConvSteps {
  label?: string;
  variants?: VariantChoice | undefined;
}

const WORKGROUP_SIZE = 64;
/** Of the sum that is the gradient of a transposed convolution's bias. */
const BIAS_PARTS = 64;
/** Of k in a turn of the loop of gemm_subgroup_4.wgsl. */
const TURN = 8;

/** What becomes of a sum: a layer's output, or the gradient of an input. */
type End =
  | { kind: 'output'; bias: Tensor; out: Tensor; activation: ConvActivation }
  | { kind: 'gradient'; dinp: Tensor; mask?: Tensor | undefined };

/** Commands that make a tensor. */
interface Made {
  commands: Command[];
  tensor: Tensor;
}

function multipleOf4(size: number): number {
  return Math.ceil(size / 4) * 4;
}

/** Bindings and parameters of an end. Without a mask something else is bound in its place, and not looked at. */
function bindingsOf(end: End, standIn: Tensor): { tensors: Record<string, Tensor>; params: Record<string, number> } {
  if (end.kind === 'output') {
    const { bias, out, activation } = end;
    return { tensors: { bias, out }, params: { activation: ACTIVATION_CODES[activation] } };
  }
  const { dinp, mask } = end;
  return { tensors: { mask: mask ?? standIn, dinp }, params: { masked: Number(mask !== undefined) } };
}

const ACTIVATION_FILES = ['logistic.wgsl', 'silu.wgsl', 'conv_activation.wgsl'];
const ENDS = {
  output: [...ACTIVATION_FILES, 'conv_output.wgsl'],
  gradient: ['conv_gradient.wgsl'],
};
const FOLD_ENDS = {
  output: [...ACTIVATION_FILES, 'conv_fold_output.wgsl'],
  gradient: ['conv_fold_gradient.wgsl'],
};
const DIRECTIONS = { gather: 'conv_gather.wgsl', spread: 'conv_spread.wgsl' };

/** A product by shaders/conv.wgsl; C and OC are multiples of four. */
interface Product {
  operands: { operand_a: Tensor; operand_b: Tensor };
  files: readonly string[];
  tensors: Record<string, Tensor>;
  params: Record<string, number>;
  /** K of all its parts is a multiple of TURN. */
  wholeTurns: boolean;
  workgroups: readonly [number, number, number];
}

function paramsOf(sizes: ConvSizes, params: Record<string, number>): Record<string, number> {
  const none = { activation: 0, masked: 0, images: 0, tile_rows: 0, weight_rows: 0 };
  return { ...none, ...sizes, ...params };
}

function productCommands(
  pool: BufferPool,
  label: string,
  core: ConvCore,
  sizes: ConvSizes,
  product: Product,
): Command[] {
  const { device } = pool;
  const { capabilities } = device;
  const { operands, tensors, wholeTurns, workgroups } = product;
  const params = paramsOf(sizes, { ...product.params, tile_rows: core.rows });
  const filesOf = (reading: string) => [...core.files, reading, 'gemm.wgsl', 'conv.wgsl', ...product.files];
  const hasCopy = ({ sizeBytes }: Tensor) => sizeBytes <= capabilities.maxCopyBytes;
  if (core.copiesOperands && Object.values(operands).every(hasCopy)) {
    const isSampled = capabilities.operandCopies === 'sampler';
    const kernel = packagedKernel(
      device,
      filesOf(isSampled ? 'operands_sampled.wgsl' : 'operands_texture.wgsl'),
      isSampled ? { WHOLE_TURNS: Number(wholeTurns) } : { TEXELS_PER_ROW },
    );
    const operand_a = pool.textureCopy(operands.operand_a);
    const operand_b = pool.textureCopy(operands.operand_b);
    const dispatch = createDispatch(pool, label, kernel, { operand_a, operand_b, ...tensors }, params, workgroups);
    return [operand_a, operand_b, dispatch];
  }
  const kernel = packagedKernel(device, filesOf('operands_buffer.wgsl'));
  return [createDispatch(pool, label, kernel, { ...operands, ...tensors }, params, workgroups)];
}

/** A product whose rows are positions of its result: `gather` goes from the large side to the small one, `spread` back. */
function rowsCommands(
  pool: BufferPool,
  label: string,
  direction: 'gather' | 'spread',
  sizes: ConvSizes,
  { source, weight, weightRows }: { source: Tensor; weight: Tensor; weightRows: number },
  end: End,
  variant: GemmVariant,
): Command[] {
  const { B, C, HO, WO, OC } = sizes;
  const isGather = direction === 'gather';
  const [channels, N] = isGather ? [C, OC] : [OC, C];
  const core = convCore(pool.device, variant, N);
  const rows = isGather ? Math.ceil((B * HO * WO) / core.rows) : spreadTiles(sizes, core.rows);
  const { tensors, params } = bindingsOf(end, source);
  return productCommands(pool, label, core, sizes, {
    operands: { operand_a: source, operand_b: weight },
    files: ['conv_rows.wgsl', DIRECTIONS[direction], 'conv_vec4.wgsl', ...ENDS[end.kind]],
    tensors,
    params: { ...params, weight_rows: weightRows },
    wholeTurns: channels % TURN === 0,
    workgroups: [rows, Math.ceil(N / core.columns), 1],
  });
}

/** The patches of the large side laid out: (B HO WO, KH KW C filled up). */
function columnsOf(pool: BufferPool, label: string, sizes: ConvSizes, inp: Tensor): Made {
  const { B, HO, WO, KH, KW, C } = sizes;
  const K = multipleOf4(KH * KW * C);
  const columns = pool.tensor(label, [B * HO * WO, K]);
  const kernel = packagedKernel(pool.device, ['elementwise.wgsl', 'conv.wgsl', 'conv_columns.wgsl'], {
    WORKGROUP_SIZE,
  });
  const workgroups = linearWorkgroups(pool.device, (B * HO * WO * K) / 4, WORKGROUP_SIZE);
  const dispatch = createDispatch(pool, label, kernel, { inp, columns }, paramsOf(sizes, {}), workgroups);
  return { commands: [dispatch], tensor: columns };
}

/** Adds up patches that lie over one another, see shaders/conv_fold.wgsl. */
function foldCommands(pool: BufferPool, label: string, sizes: ConvSizes, columns: Tensor, end: End): Command[] {
  const { B, H, W, C } = sizes;
  const files = ['elementwise.wgsl', 'element_scalar.wgsl', 'conv.wgsl', 'conv_fold.wgsl', ...FOLD_ENDS[end.kind]];
  const kernel = packagedKernel(pool.device, files, { WORKGROUP_SIZE });
  const { tensors, params } = bindingsOf(end, columns);
  const workgroups = linearWorkgroups(pool.device, B * H * W * C, WORKGROUP_SIZE);
  return [createDispatch(pool, label, kernel, { columns, ...tensors }, paramsOf(sizes, params), workgroups)];
}

/** So many numbers of C channels each, as a convolution with a kernel of 1 x 1. */
function pixels(B: number, C: number): ConvSizes {
  return { B, H: 1, W: 1, C, HO: 1, WO: 1, OC: 1, KH: 1, KW: 1, stride: 1, padding: 0 };
}

/** The tensor with its last dimension filled up to a multiple of four. */
function filledUp(pool: BufferPool, tensor: Tensor): Made {
  const C = tensor.shape.at(-1)!;
  if (C % 4 === 0) return { commands: [], tensor };
  return columnsOf(pool, `${tensor.label}, filled up`, pixels(elementCount(tensor.shape) / C, C), tensor);
}

/** The convolution with a kernel of 1 x 1 that is a layer's once its patches are laid out. */
function laidOut(sizes: ConvSizes): ConvSizes {
  const { HO, WO, KH, KW, C } = sizes;
  return { ...sizes, H: HO, W: WO, C: multipleOf4(KH * KW * C), KH: 1, KW: 1, stride: 1, padding: 0 };
}

/** The large side as a product takes it, and the sizes of that. */
function sourceOf(pool: BufferPool, label: string, sizes: ConvSizes, large: Tensor): Made & { sizes: ConvSizes } {
  const filled = { ...sizes, OC: multipleOf4(sizes.OC) };
  if (sizes.C % 4 === 0) return { commands: [], tensor: large, sizes: filled };
  return { ...columnsOf(pool, `${label}, columns`, sizes, large), sizes: laidOut(filled) };
}

/** From the large side to the small one. */
function gatherCommands(
  pool: BufferPool,
  label: string,
  sizes: ConvSizes,
  { large, weight }: { large: Tensor; weight: Tensor },
  end: End,
  variants: VariantChoice | undefined,
): Command[] {
  const { B, HO, WO, OC, KH, KW, C } = sizes;
  const variant = chosenVariant(pool.device, variants, convProblem(sizes));
  const weights = filledUp(pool, weight);
  const source = sourceOf(pool, label, sizes, large);
  const operands = { source: source.tensor, weight: weights.tensor, weightRows: KH * KW * C };
  const before = [...weights.commands, ...source.commands];
  const product = (into: End) => rowsCommands(pool, label, 'gather', source.sizes, operands, into, variant);
  if (OC % 4 === 0) return [...before, ...product(end)];
  const filled = pool.tensor(`${label}, filled up`, [B * HO * WO, source.sizes.OC]);
  const fold = foldCommands(pool, `${label}, taken out`, pixels(B * HO * WO, OC), filled, end);
  return [...before, ...product({ kind: 'gradient', dinp: filled }), ...fold];
}

/** From the small side to the large one. */
function spreadCommands(
  pool: BufferPool,
  label: string,
  sizes: ConvSizes,
  { small, weight }: { small: Tensor; weight: Tensor },
  end: End,
  variants: VariantChoice | undefined,
): Command[] {
  const { B, HO, WO, KH, KW, C } = sizes;
  const variant = chosenVariant(pool.device, variants, convProblem(sizes));
  const weights = filledUp(pool, weight);
  const source = filledUp(pool, small);
  const operands = { source: source.tensor, weight: weights.tensor, weightRows: KH * KW * C };
  const before = [...weights.commands, ...source.commands];
  const filled = { ...sizes, OC: multipleOf4(sizes.OC) };
  const product = (of: ConvSizes, into: End) => rowsCommands(pool, label, 'spread', of, operands, into, variant);
  if (C % 4 === 0) return [...before, ...product(filled, end)];
  const patches = laidOut(filled);
  const columns = pool.tensor(`${label}, columns`, [B * HO * WO, patches.C]);
  const fold = foldCommands(pool, `${label}, folded`, sizes, columns, end);
  return [...before, ...product(patches, { kind: 'gradient', dinp: columns }), ...fold];
}

/** Gradients of weight and bias; that of the bias is summed over the small side, or over the large one. */
function weightCommands(
  pool: BufferPool,
  label: string,
  sizes: ConvSizes,
  { large, small, dweight, dbias }: { large: Tensor; small: Tensor; dweight: Tensor; dbias: Tensor },
  biasOf: 'large' | 'small',
  variants: VariantChoice | undefined,
): Command[] {
  const { device } = pool;
  const { C, OC, KH, KW } = sizes;
  const variant = chosenVariant(device, variants, convProblem(sizes));
  const source = sourceOf(pool, label, sizes, large);
  const filled = filledUp(pool, small);
  const { OC: M, ...inner } = source.sizes;
  const N = inner.KH * inner.KW * inner.C;
  const core = convCore(device, variant, N);
  const [rows, columns] = [Math.ceil(M / core.rows), Math.ceil(N / core.columns)];
  const { parts, images } = weightParts(device, sizes, rows * columns);
  const weight_sums = pool.tensor(`${label} parts`, [parts, M, N]);
  const row_sums = pool.tensor(`${label} bias parts`, [parts, M]);
  const product = productCommands(pool, label, core, source.sizes, {
    operands: { operand_a: filled.tensor, operand_b: source.tensor },
    files: ['conv_weight.wgsl'],
    tensors: { weight_sums, row_sums },
    params: { images },
    wholeTurns: (sizes.HO * sizes.WO) % TURN === 0,
    workgroups: [parts * rows, columns, 1],
  });
  const bias =
    biasOf === 'small'
      ? { commands: [], tensor: row_sums, parts, channels: OC }
      : { ...channelSums(pool, `${label}, bias`, large), channels: C };
  const kernel = packagedKernel(device, ['elementwise.wgsl', 'conv_weight_sum.wgsl'], { WORKGROUP_SIZE });
  const K = KH * KW * C;
  const { channels, parts: bias_parts } = bias;
  const tensors = { weight_sums, bias_sums: bias.tensor, dweight, dbias };
  const params = { K, OC, parts, rows: M, columns: N, channels, bias_parts, bias_columns: bias.tensor.shape[1]! };
  const workgroups = linearWorkgroups(device, K * OC + channels, WORKGROUP_SIZE);
  const sums = createDispatch(pool, `${label}, sums`, kernel, tensors, params, workgroups);
  return [...source.commands, ...filled.commands, ...product, ...bias.commands, sums];
}

/** Sums over all but the last dimension, in parts. */
function channelSums(pool: BufferPool, label: string, inp: Tensor): Made & { parts: number } {
  const C = inp.shape.at(-1)!;
  const R = elementCount(inp.shape) / C;
  const rows = Math.ceil(R / BIAS_PARTS);
  const parts = Math.ceil(R / rows);
  const sums = pool.tensor(`${label} parts`, [parts, C]);
  const { file, width, elements } = elementsOf([parts, C], C);
  const kernel = packagedKernel(pool.device, ['elementwise.wgsl', file, 'channel_sums.wgsl'], { WORKGROUP_SIZE });
  const params = { elements, R, columns: C / width, rows };
  const workgroups = linearWorkgroups(pool.device, elements, WORKGROUP_SIZE);
  const dispatch = createDispatch(pool, label, kernel, { inp, sums }, params, workgroups);
  return { commands: [dispatch], tensor: sums, parts };
}

/**
 * out = activation(inp ∗ weight + bias), a convolution as torch.nn.Conv2d's: the sum over i, j, c of
 * inp[b, stride y + i − padding, stride x + j − padding, c] weight[i, j, c, o], with zeros around inp.
 * `inp` (B, H, W, C), `weight` (KH, KW, C, OC), `bias` (OC), `out` (B, HO, WO, OC), HO = ⌊(H + 2 padding − KH) / stride⌋ + 1, all f32.
 * Overwrites `out`. NaN passes through.
 * @throws RangeError if a shape does not fit
 */
export function conv2dForward(
  pool: BufferPool,
  tensors: { inp: Tensor; weight: Tensor; bias: Tensor; out: Tensor },
  { label = 'conv2d forward', activation = 'none', variants, ...steps }: Options & { activation?: ConvActivation },
): Command[] {
  const operation = 'conv2dForward';
  const { inp, weight, bias, out } = tensors;
  const sizes = convSizes(operation, { large: inp, small: out, weight }, steps, { large: 'inp', small: 'out' });
  expectShape(operation, 'bias', bias, { OC: sizes.OC });
  return gatherCommands(
    pool,
    label,
    sizes,
    { large: inp, weight },
    { kind: 'output', bias, out, activation },
    variants,
  );
}

/**
 * Input gradient of `conv2dForward`; with `mask`, the output of a ReLU that `inp` is, 0 where it is not positive.
 * `dout` (B, HO, WO, OC), `weight` (KH, KW, C, OC), `dinp` and `mask` (B, H, W, C), all f32. Overwrites `dinp`.
 * @throws RangeError if a shape does not fit
 */
export function conv2dBackwardInput(
  pool: BufferPool,
  tensors: { dout: Tensor; weight: Tensor; dinp: Tensor; mask?: Tensor | undefined },
  { label = 'conv2d backward, input', variants, ...steps }: Options,
): Command[] {
  const operation = 'conv2dBackwardInput';
  const { dout, weight, dinp, mask } = tensors;
  const sizes = convSizes(operation, { large: dinp, small: dout, weight }, steps, { large: 'dinp', small: 'dout' });
  if (mask) expectSameShape(operation, { mask, dinp });
  return spreadCommands(pool, label, sizes, { small: dout, weight }, { kind: 'gradient', dinp, mask }, variants);
}

/**
 * Parameter gradients of `conv2dForward`, each sum in a fixed order.
 * `dout` (B, HO, WO, OC), `inp` (B, H, W, C), `dweight` (KH, KW, C, OC), `dbias` (OC), all f32. Overwrites both, does not accumulate.
 * @throws RangeError if a shape does not fit
 */
export function conv2dBackwardWeight(
  pool: BufferPool,
  tensors: { dout: Tensor; inp: Tensor; dweight: Tensor; dbias: Tensor },
  { label = 'conv2d backward, weight', variants, ...steps }: Options,
): Command[] {
  const operation = 'conv2dBackwardWeight';
  const { dout: small, inp: large, dweight, dbias } = tensors;
  const names = { large: 'inp', small: 'dout', weight: 'dweight' };
  const sizes = convSizes(operation, { large, small, weight: dweight }, steps, names);
  expectShape(operation, 'dbias', dbias, { OC: sizes.OC });
  return weightCommands(pool, label, sizes, { large, small, dweight, dbias }, 'small', variants);
}

/**
 * out = activation(the transposed convolution of inp with weight, + bias), as torch.nn.ConvTranspose2d's: inp[b, y, x, o] times
 * weight[i, j, c, o] is added to out[b, stride y + i − padding, stride x + j − padding, c]. How large `out` is, of the sizes whose
 * convolution is as large as `inp`, its shape says (torch: output_padding).
 * `inp` (B, HO, WO, OC), `weight` (KH, KW, C, OC), `bias` (C), `out` (B, H, W, C), HO = ⌊(H + 2 padding − KH) / stride⌋ + 1, all f32.
 * Overwrites `out`. NaN passes through.
 * @throws RangeError if a shape does not fit
 */
export function convTranspose2dForward(
  pool: BufferPool,
  tensors: { inp: Tensor; weight: Tensor; bias: Tensor; out: Tensor },
  {
    label = 'convTranspose2d forward',
    activation = 'none',
    variants,
    ...steps
  }: Options & { activation?: ConvActivation },
): Command[] {
  const operation = 'convTranspose2dForward';
  const { inp, weight, bias, out } = tensors;
  const sizes = convSizes(operation, { large: out, small: inp, weight }, steps, { large: 'out', small: 'inp' });
  expectShape(operation, 'bias', bias, { C: sizes.C });
  return spreadCommands(
    pool,
    label,
    sizes,
    { small: inp, weight },
    { kind: 'output', bias, out, activation },
    variants,
  );
}

/**
 * Input gradient of `convTranspose2dForward`; with `mask`, the output of a ReLU that `inp` is, 0 where it is not positive.
 * `dout` (B, H, W, C), `weight` (KH, KW, C, OC), `dinp` and `mask` (B, HO, WO, OC), all f32. Overwrites `dinp`.
 * @throws RangeError if a shape does not fit
 */
export function convTranspose2dBackwardInput(
  pool: BufferPool,
  tensors: { dout: Tensor; weight: Tensor; dinp: Tensor; mask?: Tensor | undefined },
  { label = 'convTranspose2d backward, input', variants, ...steps }: Options,
): Command[] {
  const operation = 'convTranspose2dBackwardInput';
  const { dout, weight, dinp, mask } = tensors;
  const sizes = convSizes(operation, { large: dout, small: dinp, weight }, steps, { large: 'dout', small: 'dinp' });
  if (mask) expectSameShape(operation, { mask, dinp });
  return gatherCommands(pool, label, sizes, { large: dout, weight }, { kind: 'gradient', dinp, mask }, variants);
}

/**
 * Parameter gradients of `convTranspose2dForward`, each sum in a fixed order.
 * `dout` (B, H, W, C), `inp` (B, HO, WO, OC), `dweight` (KH, KW, C, OC), `dbias` (C), all f32. Overwrites both, does not accumulate.
 * @throws RangeError if a shape does not fit
 */
export function convTranspose2dBackwardWeight(
  pool: BufferPool,
  tensors: { dout: Tensor; inp: Tensor; dweight: Tensor; dbias: Tensor },
  { label = 'convTranspose2d backward, weight', variants, ...steps }: Options,
): Command[] {
  const operation = 'convTranspose2dBackwardWeight';
  const { dout: large, inp: small, dweight, dbias } = tensors;
  const names = { large: 'dout', small: 'inp', weight: 'dweight' };
  const sizes = convSizes(operation, { large, small, weight: dweight }, steps, names);
  expectShape(operation, 'dbias', dbias, { C: sizes.C });
  return weightCommands(pool, label, sizes, { large, small, dweight, dbias }, 'large', variants);
}
