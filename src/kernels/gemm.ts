import type { Device } from '../gpu/device.ts';
import { createDispatch, createKernel, type Dispatch } from '../gpu/kernel.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';

/**
 * The two families of GEMM kernels: `tile` (workgroup memory, for GPUs; runs everywhere) and `subgroup`
 * (broadcasts within a subgroup, for software adapters; needs subgroups of one size, 4, 8 or 16).
 */
export type GemmFamily = 'tile' | 'subgroup';

/** One kernel of a family. The subgroup family has three: for any problem, and with four-wide loads along k or along N. */
export type GemmVariant = 'tile' | 'subgroup' | 'subgroup_k4' | 'subgroup_n4';

/** C = op(A) op(B) with A (M, K) B (N, K) for NT, A (M, K) B (K, N) for NN, A (K, M) B (K, N) for TN. */
export type GemmLayout = 'NT' | 'NN' | 'TN';

export type GemmEpilogue = 'store' | 'bias' | 'bce' | 'relu_mask' | 'gradient';

export interface GemmSize {
  M: number;
  N: number;
  K: number;
}

export interface GemmOperation extends GemmSize {
  /** For messages and profiles, such as `encoder.0 forward`. */
  label: string;
  layout: GemmLayout;
  a: Tensor;
  b: Tensor;
  epilogue: GemmEpilogue;
  /** The epilogue's own tensors, by the names in its WGSL. */
  tensors: Record<string, Tensor>;
  activation?: number;
  scale?: number;
  family?: GemmFamily | undefined;
}

const BROADCAST_SIZES = [4, 8, 16];

/** The families that the device can run; the first is the better one for it. */
export function gemmFamilies(device: Device): GemmFamily[] {
  const { min, max } = device.subgroupSizes;
  return min === max && BROADCAST_SIZES.includes(min) ? ['subgroup', 'tile'] : ['tile'];
}

/** The family's kernel for a problem: four-wide loads where the operands allow them. */
export function gemmVariant(family: GemmFamily, layout: GemmLayout, { N, K }: GemmSize): GemmVariant {
  if (family === 'tile') return 'tile';
  if (layout === 'NT') return K % 4 === 0 ? 'subgroup_k4' : 'subgroup';
  return N % 4 === 0 ? 'subgroup_n4' : 'subgroup';
}

/** How a variant cuts C up: threads of a workgroup, rows and columns of its tile. */
function tiling(device: Device, variant: GemmVariant): { threads: number; rows: number; columns: number } {
  if (variant === 'tile') return { threads: 64, rows: 32, columns: 32 };
  const lanes = device.subgroupSizes.min;
  return { threads: lanes, rows: variant === 'subgroup' ? 16 : 32, columns: 4 * lanes };
}

/** Neighbouring workgroups share what is dearer to load again: a row of tiles on a GPU, a column in the subgroup family. */
function workgroupsOf(device: Device, variant: GemmVariant, { M, N }: GemmSize): [number, number, number] {
  const { rows, columns } = tiling(device, variant);
  const [down, across] = [Math.ceil(M / rows), Math.ceil(N / columns)];
  return variant === 'tile' ? [across, down, 1] : [down, across, 1];
}

/** The number of threads in the dispatch of a forward GEMM: so many partial sums the `bce` epilogue writes. */
export function gemmThreads(device: Device, size: GemmSize, family: GemmFamily = gemmFamilies(device)[0]!): number {
  const variant = gemmVariant(family, 'NT', size);
  const [x, y] = workgroupsOf(device, variant, size);
  return x * y * tiling(device, variant).threads;
}

/** A GEMM of any M, N, K >= 1. Checks sizes; the shapes are the caller's business. */
export function gemm(pool: BufferPool, operation: GemmOperation): Dispatch {
  const { device } = pool;
  const { label, layout, M, N, K, a, b, epilogue, tensors, activation = 0, scale = 1 } = operation;
  for (const [name, size] of Object.entries({ M, N, K })) {
    if (!Number.isInteger(size) || size < 1)
      throw new RangeError(`${label}: ${name} is ${size}, expected an integer >= 1`);
  }
  const families = gemmFamilies(device);
  const family = operation.family ?? families[0]!;
  if (!families.includes(family)) {
    throw new RangeError(
      `${label}: the ${family} kernels need subgroups of one size (${BROADCAST_SIZES.join(', ')}), this adapter has ${device.subgroupSizes.min} to ${device.subgroupSizes.max}: use ${families.join(' or ')}`,
    );
  }
  const strides = {
    NT: { a_row: K, a_k: 1, b_k: 1, b_column: K },
    NN: { a_row: K, a_k: 1, b_k: N, b_column: 1 },
    TN: { a_row: 1, a_k: M, b_k: N, b_column: 1 },
  }[layout];
  const variant = gemmVariant(family, layout, operation);
  const kernel =
    family === 'tile'
      ? createKernel(device, ['gemm.wgsl', 'gemm_tile.wgsl', `gemm_${epilogue}.wgsl`], {
          A_ALONG_K: Number(strides.a_k === 1),
          B_ALONG_K: Number(strides.b_k === 1),
        })
      : createKernel(device, [
          `broadcast_${device.subgroupSizes.min}.wgsl`,
          'gemm.wgsl',
          'subgroup_tile.wgsl',
          `gemm_${variant}.wgsl`,
          `gemm_${epilogue}.wgsl`,
        ]);
  const params = { M, N, K, ...strides, activation, scale };
  return createDispatch(pool, label, kernel, { a, b, ...tensors }, params, workgroupsOf(device, variant, operation));
}
