import type { Device } from '../gpu/device.ts';
import { formatShape, type Tensor } from '../gpu/tensor.ts';
import type { DenseProblem, GemmVariant } from './gemm.ts';
import { ruleOf, type Tiling } from './gemm-variants.ts';
import { expectShape } from './shape.ts';

/** The sizes of a convolution, by their names in shaders/conv.wgsl: (H, W) of the large side, (HO, WO) of the small one. */
export interface ConvSizes {
  B: number;
  H: number;
  W: number;
  C: number;
  HO: number;
  WO: number;
  OC: number;
  KH: number;
  KW: number;
  stride: number;
  padding: number;
}

/** Of a layer's rows and columns alike. */
export interface ConvSteps {
  /** From 1. */
  stride: number;
  /** Rows and columns of zeros on every side, from 0. */
  padding: number;
}

/** Rows (or columns) of the small side, of so many on the large one: below 1 where the kernel does not fit. */
export function convSize(size: number, kernel: number, { stride, padding }: ConvSteps): number {
  return Math.floor((size + 2 * padding - kernel) / stride) + 1;
}

/**
 * The sizes of a layer.
 * @param names what the operation calls the two sides
 * @throws RangeError if a shape does not fit
 */
export function convSizes(
  operation: string,
  { large, small, weight }: { large: Tensor; small: Tensor; weight: Tensor },
  { stride, padding }: ConvSteps,
  names: { large: string; small: string; weight?: string },
): ConvSizes {
  const { weight: weights = 'weight' } = names;
  if (!(Number.isInteger(stride) && stride >= 1)) {
    throw new RangeError(`${operation}: stride is ${String(stride)}, expected a whole number from 1`);
  }
  if (!(Number.isInteger(padding) && padding >= 0)) {
    throw new RangeError(`${operation}: padding is ${String(padding)}, expected a whole number from 0`);
  }
  const [B, H, W, C] = fourOf(operation, names.large, large, '(B, H, W, C)');
  const [KH, KW, , OC] = fourOf(operation, weights, weight, '(KH, KW, C, OC)');
  const [HO, WO] = [convSize(H, KH, { stride, padding }), convSize(W, KW, { stride, padding })];
  if (HO < 1 || WO < 1) {
    const kernel = `${operation}: a kernel of ${KH} x ${KW} is larger than ${names.large}, ${H} x ${W}`;
    throw new RangeError(`${kernel} with a padding of ${padding}: use a smaller kernel or more padding`);
  }
  expectShape(operation, weights, weight, { KH, KW, C, OC }, 'weights are (rows, columns, large side, small side)');
  expectShape(operation, names.small, small, { B, HO, WO, OC });
  return { B, H, W, C, HO, WO, OC, KH, KW, stride, padding };
}

function fourOf(
  operation: string,
  name: string,
  { shape }: Tensor,
  expected: string,
): [number, number, number, number] {
  if (shape.length === 4) return shape as unknown as [number, number, number, number];
  throw new RangeError(`${operation}: ${name} is ${formatShape(shape)}, expected ${expected}`);
}

/** How a convolution's product is computed: a variant's core. */
export interface ConvCore extends Tiling {
  files: readonly string[];
  copiesOperands: boolean;
}

/** Columns of tiles of which half would be empty are cut in two. */
const NARROW = 32;

/** What a layer's products are to the choice of a variant: all of them have one. */
export function convProblem({ B, HO, WO, KH, KW, C, OC }: Omit<ConvSizes, 'H' | 'W' | keyof ConvSteps>): DenseProblem {
  return { operation: 'conv', B: B * HO * WO, C: KH * KW * C, OC };
}

/** The core for a product of N columns. */
export function convCore(device: Device, variant: GemmVariant, N: number): ConvCore {
  const { core, copiesOperands } = ruleOf(variant);
  const { files, columns, ...tile } = core(device.capabilities);
  const isWide = columns > NARROW && N <= NARROW;
  return {
    ...tile,
    files: isWide ? files.map((file) => file.replace('columns_64', 'columns_32')) : files,
    columns: isWide ? NARROW : columns,
    copiesOperands,
  };
}

/** Tiles of so many rows for all phases of a spread: those of the positions that lie alike between the strides. */
export function spreadTiles({ B, H, W, stride }: ConvSizes, tileRows: number): number {
  let tiles = 0;
  for (let row = 0; row < stride; row++) {
    for (let column = 0; column < stride; column++) {
      const [rows, columns] = [H - row, W - column].map((left) => Math.max(0, Math.ceil(left / stride)));
      tiles += Math.ceil((B * rows! * columns!) / tileRows);
    }
  }
  return tiles;
}

/** Workgroups that keep a GPU busy; a CPU is with a few for each core. */
const GPU_WORKGROUPS = 512;
const CPU_WORKGROUPS = 16;

/** Into how many parts the batch is cut for the gradient of the weights, whose product has few tiles, and images of a part. */
export function weightParts(device: Device, { B }: ConvSizes, tiles: number): { parts: number; images: number } {
  const wanted = device.info.software ? CPU_WORKGROUPS : GPU_WORKGROUPS;
  const images = Math.ceil(B / Math.min(B, Math.ceil(wanted / tiles)));
  return { parts: Math.ceil(B / images), images };
}
