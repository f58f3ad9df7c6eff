import { type Expected, FLUSH, U } from '../check.ts';

type Values = ArrayLike<number>;

/** B images of H × W pixels with C channels. */
export type ImageSizes = readonly [B: number, H: number, W: number, C: number];

/**
 * Adds up, for each element of the result, those of `values` that `target` says belong there, times `scale`.
 * @param target where an element of images of `sizes` goes, given its place: nowhere if undefined
 */
function gather(values: Values, length: number, from: ImageSizes, scale: number, target: Target): Expected {
  const [B, H, W, C] = from;
  const out = { values: new Float64Array(length), tolerance: new Float64Array(length).fill(FLUSH) };
  const counts = new Float64Array(length);
  for (let i = 0; i < B * H * W * C; i++) {
    const [c, x, y, b] = [i % C, Math.floor(i / C) % W, Math.floor(i / (C * W)) % H, Math.floor(i / (C * W * H))];
    const pair = target(b, y, x, c, i);
    if (!pair) continue;
    const [to, source] = pair;
    out.values[to]! += scale * values[source]!;
    out.tolerance[to]! += Math.abs(scale * values[source]!);
    counts[to]! += 1;
  }
  // The roundings of a sum, of its product with the scale, and of the scale.
  out.tolerance.forEach((size, i) => {
    out.tolerance[i] = (counts[i]! - 1 + (scale === 1 ? 0 : 2)) * U * size + FLUSH;
  });
  return out;
}

type Target = (
  b: number,
  y: number,
  x: number,
  c: number,
  i: number,
) => readonly [to: number, source: number] | undefined;

/** Which element of the smaller images one of the larger belongs to. */
function blocks([, H, W, C]: ImageSizes, size: number) {
  const [rows, columns] = [Math.floor(H / size), Math.floor(W / size)];
  return (b: number, y: number, x: number, c: number): number | undefined => {
    const [row, column] = [Math.floor(y / size), Math.floor(x / size)];
    return row < rows && column < columns ? ((b * rows + row) * columns + column) * C + c : undefined;
  };
}

/** How many elements images have when blocks of `size` × `size` pixels have become one. */
export function pooledLength([B, H, W, C]: ImageSizes, size: number): number {
  return B * Math.floor(H / size) * Math.floor(W / size) * C;
}

/** inp (B, H, W, C) -> out (B, ⌊H / size⌋, ⌊W / size⌋, C), the means over blocks; or their sums, with another scale. */
export function averagePool(inp: Values, sizes: ImageSizes, size: number, scale = size ** -2): Expected {
  const block = blocks(sizes, size);
  return gather(inp, pooledLength(sizes, size), sizes, scale, (b, y, x, c, i) => {
    const to = block(b, y, x, c);
    return to === undefined ? undefined : [to, i];
  });
}

/** dout (B, ⌊H / size⌋, ⌊W / size⌋, C) -> dinp (B, H, W, C); `sizes` are those of dinp. */
export function averagePoolBackward(dout: Values, sizes: ImageSizes, size: number, scale = size ** -2): Expected {
  const block = blocks(sizes, size);
  const [B, H, W, C] = sizes;
  return gather(dout, B * H * W * C, sizes, scale, (b, y, x, c, i) => {
    const source = block(b, y, x, c);
    return source === undefined ? undefined : [i, source];
  });
}

/** inp (B, H, W, C) -> out (B, factor H, factor W, C); `sizes` are those of inp. */
export function upsample(inp: Values, [B, H, W, C]: ImageSizes, factor: number): Expected {
  return averagePoolBackward(inp, [B, factor * H, factor * W, C], factor, 1);
}

/** dout (B, factor H, factor W, C) -> dinp (B, H, W, C); `sizes` are those of dinp. */
export function upsampleBackward(dout: Values, [B, H, W, C]: ImageSizes, factor: number): Expected {
  return averagePool(dout, [B, factor * H, factor * W, C], factor, 1);
}
