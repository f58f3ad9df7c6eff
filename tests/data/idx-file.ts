/** The bytes of an IDX file of unsigned bytes, whose elements are 0, 1, 2, ... modulo 256. */
export function idxFile(sizes: number[], dataBytes: number = sizes.reduce((a, b) => a * b, 1)): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * sizes.length + dataBytes);
  bytes.set([0, 0, 8, sizes.length]);
  const header = new DataView(bytes.buffer);
  sizes.forEach((size, axis) => {
    header.setUint32(4 + 4 * axis, size, false);
  });
  bytes.set(
    Array.from({ length: dataBytes }, (_, i) => i % 256),
    4 + 4 * sizes.length,
  );
  return bytes;
}
