import { TEXELS_PER_ROW, textureBytes } from './texture.ts';

/** Lanes of a subgroup that is an SSE register, as on SwiftShader, or an AVX register, as on lavapipe. */
const SSE_LANES = 4;
const AVX_LANES = 8;

/** The language feature with which a kernel may read a storage texture. */
const TEXTURE_READING = 'readonly_and_readwrite_storage_textures';

/**
 * What a device can do and how kernels do well on it. Found out once per device, here; kernels choose by these and never by an
 * adapter's name. Two software adapters are known by their registers: a compiler for AVX (LLVM, lavapipe) has other weaknesses
 * than one for SSE (Subzero, SwiftShader).
 */
export interface Capabilities {
  /** Lanes of every subgroup; 0 where they differ from kernel to kernel, as on most GPUs, or where there are no subgroups. */
  readonly lanes: number;
  /**
   * Where the operands of a product of matrices are read from fastest, if not from their buffers: copies in textures, which a
   * software adapter reads for all lanes of a register at once, a buffer number by number. lavapipe reads them as storage textures, where
   * the language has that; SwiftShader through a sampler, because it checks the bounds of anything else lane by lane.
   */
  readonly operandCopies: 'none' | 'storage texture' | 'sampler';
  /**
   * Bytes of the largest tensor that has such a copy: a texture is TEXELS_PER_ROW wide and as high as the device allows, which
   * ends before buffers do. What is larger is read from its buffer.
   */
  readonly maxCopyBytes: number;
  /**
   * To begin a thread takes long, and to go round a loop does not: a thread should do several elements of many, as on lavapipe.
   * On SwiftShader it is the other way round.
   */
  readonly slowThreads: boolean;
}

/** What capabilities follow from. */
export interface DeviceFacts {
  /** Shaders run on the CPU. */
  software: boolean;
  /** 0 if the device has no subgroups. */
  subgroupSizes: { min: number; max: number };
  /** What the WGSL compiler knows beyond the language's first version. */
  languageFeatures: ReadonlySet<string>;
  /** The device's limit of that name. */
  maxTextureDimension2D: number;
}

export function capabilitiesOf(facts: DeviceFacts): Capabilities {
  const { min, max } = facts.subgroupSizes;
  const lanes = min === max ? min : 0;
  return {
    lanes,
    operandCopies: facts.software ? operandCopies(lanes, facts.languageFeatures) : 'none',
    maxCopyBytes: textureBytes({ width: TEXELS_PER_ROW, height: facts.maxTextureDimension2D }),
    slowThreads: lanes === AVX_LANES,
  };
}

function operandCopies(lanes: number, languageFeatures: ReadonlySet<string>): Capabilities['operandCopies'] {
  if (lanes === SSE_LANES) return 'sampler';
  return lanes === AVX_LANES && languageFeatures.has(TEXTURE_READING) ? 'storage texture' : 'none';
}
