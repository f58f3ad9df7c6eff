import type { Capabilities } from '../gpu/capabilities.ts';

/** How a kernel cuts the product up: threads of a workgroup, rows and columns of its tile. */
export interface Tiling {
  threads: number;
  rows: number;
  columns: number;
}

/** The files that compute a tile of the product, and what a tile is. */
interface Core extends Tiling {
  files: readonly string[];
}

/** For which layers something holds: `large` ones have LARGE weights or more. */
export type Layers = 'all' | 'large' | 'none';

/** All there is to know about a variant. */
export interface VariantRule {
  /** What it needs of a device, for people, and whether the device has it. Without, it runs everywhere. */
  needs?: { what: string; has(can: Capabilities): boolean };
  core(can: Capabilities): Core;
  /** For which layers it is the default where it runs; `large` comes before `all`, else the order of the table decides. */
  byDefault: Layers;
  /**
   * For which layers it takes a dispatch for each of the two gradients, unless something else was chosen; `all`: a kernel of
   * both is no use to it.
   */
  splitsBackward: Layers;
  /** Whether the kernel of both gradients reads vec4s where the others do. */
  backwardReadsVec4s: boolean;
  /** Whether it reads its operands from copies in textures, where they hold vec4s and fit. */
  copiesOperands: boolean;
  /** If it cuts up k, too, where that gains something, with a second dispatch that adds the parts: its tiles. */
  splitsK?: Tiling;
}

/** From so many weights on a layer is worth copies of its operands, and a dispatch for each of its gradients. */
const LARGE = 2 ** 14;

const SUBGROUPS = {
  what: 'subgroups of one size (4 or 8)',
  has: ({ lanes }: Capabilities) => lanes === 4 || lanes === 8,
};

const SUBGROUPS_AND_TEXTURES = {
  what: `${SUBGROUPS.what} and a software adapter that reads textures`,
  has: (can: Capabilities) => SUBGROUPS.has(can) && can.operandCopies !== 'none',
};

/**
 * With subgroups a kernel of both gradients is half as fast for a large layer, because its loop, with the loads of either,
 * outgrows the CPU's caches of code. So only small layers get it, and those are not worth the many seconds that LLVM needs for
 * one that reads vec4s.
 */
const SUBGROUP = { backwardReadsVec4s: false };

const TILE = { backwardReadsVec4s: true, copiesOperands: false };
const TILE_32X32: Core = { files: ['tile_32x32.wgsl', 'gemm_tile.wgsl'], threads: 64, rows: 32, columns: 32 };
const TILE_64X32: Core = { files: ['tile_64x32.wgsl', 'gemm_tile.wgsl'], threads: 64, rows: 64, columns: 32 };

const LANES_4: Core = { files: ['gemm_subgroup_4.wgsl'], threads: 4, rows: 32, columns: 32 };
const LANES_8: Core = { files: ['gemm_subgroup_8.wgsl', 'columns_32.wgsl'], threads: 8, rows: 32, columns: 32 };
const LANES_8_WIDE: Core = { files: ['gemm_subgroup_8.wgsl', 'columns_64.wgsl'], threads: 8, rows: 32, columns: 64 };

/** How a matrix product can be cut up and computed. A new variant is one entry here, and its core's files. */
const VARIANTS = {
  /** A subgroup makes 32 x 32 of the product by handing elements from lane to lane: for software adapters. */
  subgroup: {
    ...SUBGROUP,
    needs: SUBGROUPS,
    core: ({ lanes }) => (lanes === 4 ? LANES_4 : LANES_8),
    byDefault: 'all',
    splitsBackward: 'large',
    copiesOperands: false,
  },
  /** The same from copies of the operands in textures, and with 8 lanes 32 x 64, which takes twice as long to compile. */
  subgroup_texture: {
    ...SUBGROUP,
    needs: SUBGROUPS_AND_TEXTURES,
    core: ({ lanes }) => (lanes === 4 ? LANES_4 : LANES_8_WIDE),
    byDefault: 'large',
    splitsBackward: 'all',
    copiesOperands: true,
  },
  /** 64 threads make 32 x 32 from slices in workgroup memory: for GPUs; runs everywhere. */
  tile_32x32: {
    ...TILE,
    core: () => TILE_32X32,
    byDefault: 'all',
    splitsBackward: 'none',
  },
  /** The same with 64 x 32. */
  tile_64x32: {
    ...TILE,
    core: () => TILE_64X32,
    byDefault: 'none',
    splitsBackward: 'none',
  },
  /** `tile_32x32` with k cut up, for products of few tiles on a GPU of many cores. Of the gradients only the input's gains. */
  tile_32x32_split_k: {
    ...TILE,
    core: () => TILE_32X32,
    byDefault: 'none',
    splitsBackward: 'large',
    splitsK: TILE_32X32,
  },
} as const satisfies Record<string, VariantRule>;

export type GemmVariant = keyof typeof VARIANTS;

/** All of them, in the order in which they are tried. */
export const GEMM_VARIANTS = Object.keys(VARIANTS) as GemmVariant[];

export function ruleOf(variant: GemmVariant): VariantRule {
  return VARIANTS[variant];
}

/** Whether a layer of C inputs and OC outputs is among these. */
export function isAmong(layers: Layers, { C, OC }: { C: number; OC: number }): boolean {
  return layers === 'all' || (layers === 'large' && C * OC >= LARGE);
}
