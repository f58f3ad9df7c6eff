// The package has no types of its own. Node reads its CommonJS build, whose exports are one object; bundlers read the other, with names.
declare module 'gifenc' {
  type Palette = [number, number, number][];
  /** Collects frames; `bytes` after `finish`. */
  export function GIFEncoder(): {
    /** @param index (height * width) places in the palette, row-major */
    writeFrame(index: Uint8Array, width: number, height: number, options: { palette: Palette; delay: number }): void;
    finish(): void;
    bytes(): Uint8Array;
  };
  /** A palette of at most so many colours. */
  export function quantize(rgba: Uint8Array | Uint8ClampedArray, most: number): Palette;
  export function applyPalette(rgba: Uint8Array | Uint8ClampedArray, palette: Palette): Uint8Array;
  const gifenc: {
    GIFEncoder: typeof GIFEncoder;
    quantize: typeof quantize;
    applyPalette: typeof applyPalette;
  };
  export default gifenc;
}
