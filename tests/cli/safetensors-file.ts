/** safetensors files byte by byte, with nothing checked. */

/** A file from a header's text and its data, or that many zeros. */
export function fileOf(
  header: string,
  data: number | Uint8Array = 0,
  declared = new TextEncoder().encode(header).length,
): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = typeof data === 'number' ? new Uint8Array(data) : data;
  const file = new Uint8Array(8 + text.length + bytes.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(declared), true);
  file.set(text, 8);
  file.set(bytes, 8 + text.length);
  return file;
}

export function entry(shape: unknown, offsets: unknown, dtype: unknown = 'F32'): string {
  return JSON.stringify({ dtype, shape, data_offsets: offsets });
}

/** Little-endian 16-bit elements. */
export function halves(bits: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(2 * bits.length);
  const view = new DataView(bytes.buffer);
  for (const [i, each] of bits.entries()) view.setUint16(2 * i, each, true);
  return bytes;
}
