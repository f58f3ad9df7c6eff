// The package has no types of its own. Node reads its CommonJS build, whose exports are one object.
declare module 'gifenc' {
  const gifenc: {
    /** Collects frames; `bytes` after `finish`. */
    GIFEncoder(): {
      /** @param index (height * width) places in the palette, row-major */
      writeFrame(
        index: Uint8Array,
        width: number,
        height: number,
        options: { palette: [number, number, number][]; delay: number },
      ): void;
      finish(): void;
      bytes(): Uint8Array;
    };
    /** A palette of at most so many colours. */
    quantize(rgba: Uint8Array | Uint8ClampedArray, most: number): [number, number, number][];
    applyPalette(rgba: Uint8Array | Uint8ClampedArray, palette: [number, number, number][]): Uint8Array;
  };
  export default gifenc;
}
