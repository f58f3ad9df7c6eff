/** Texels of four f32 in a row of a copy, as the shaders that read it must know. */
export const TEXELS_PER_ROW = 1024;
const TEXEL_BYTES = 16;

/** Where something lies in the GPU's memory, as every tensor does. */
export interface BufferRange {
  readonly buffer: GPUBuffer;
  /** A multiple of 256 wherever it is bound. */
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/**
 * A tensor's copy in an `rgba32float` texture: texel i holds its elements 4 i to 4 i + 3, row by row of TEXELS_PER_ROW.
 * As a command of a schedule it copies what the tensor holds then. For software adapters, which read a texture for all lanes
 * of a vector register at once, and a buffer number by number.
 */
export interface TextureCopy {
  readonly label: string;
  readonly source: BufferRange;
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
}

/** Width and height of a copy of so many bytes, a multiple of 16. */
export function textureSize(sizeBytes: number): { width: number; height: number } {
  const texels = sizeBytes / TEXEL_BYTES;
  return { width: Math.min(texels, TEXELS_PER_ROW), height: Math.ceil(texels / TEXELS_PER_ROW) };
}

/** Bytes of such a texture. */
export function textureBytes({ width, height }: { width: number; height: number }): number {
  return width * height * TEXEL_BYTES;
}

/** Encodes the copying: the rows that are full, then what is left. */
export function encodeCopy(encoder: GPUCommandEncoder, { source, texture }: TextureCopy): void {
  const { buffer, offsetBytes: offset, sizeBytes } = source;
  const bytesPerRow = TEXELS_PER_ROW * TEXEL_BYTES;
  const rows = Math.floor(sizeBytes / bytesPerRow);
  const rest = (sizeBytes % bytesPerRow) / TEXEL_BYTES;
  if (rows > 0) encoder.copyBufferToTexture({ buffer, offset, bytesPerRow }, { texture }, [TEXELS_PER_ROW, rows]);
  if (rest > 0) {
    const last = { buffer, offset: offset + rows * bytesPerRow };
    encoder.copyBufferToTexture(last, { texture, origin: [0, rows] }, [rest, 1]);
  }
}
