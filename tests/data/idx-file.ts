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

/** The bytes of an IDX file of labels, as 16-bit (type 0x0b) or 32-bit (0x0c) big-endian integers. */
export function wideLabels(type: 0x0b | 0x0c, labels: readonly number[]): Uint8Array {
  const width = type === 0x0b ? 2 : 4;
  const bytes = new Uint8Array(8 + width * labels.length);
  bytes.set([0, 0, type, 1]);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, labels.length, false);
  for (const [i, label] of labels.entries()) {
    if (width === 2) view.setUint16(8 + 2 * i, label, false);
    else view.setInt32(8 + 4 * i, label, false);
  }
  return bytes;
}
