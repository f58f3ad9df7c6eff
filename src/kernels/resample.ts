import type { Dispatch } from '../gpu/kernel.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { elementwise, type SinkOptions, sink } from './elementwise.ts';
import { expectShape } from './shape.ts';

/** Each pixel of `dinp` from a block of `source`, or each one of `source` into a block of `dinp`. */
function resample(
  pool: BufferPool,
  operation: string,
  file: string,
  { source, dinp, mask }: { source: Tensor; dinp: Tensor; mask?: Tensor | undefined },
  { size, scale, label }: { size: number; scale: number; label: string },
  options: SinkOptions,
): Dispatch {
  const [, source_rows, source_columns] = source.shape as [number, number, number];
  const [B, rows, columns, C] = dinp.shape as [number, number, number, number];
  const into = sink(operation, { dinp, mask }, source, options);
  const channels = C % 4 === 0 ? C / 4 : C;
  const params = { channels, rows, columns, source_rows, source_columns, size, scale, ...into.params };
  const tensors = { source, ...into.tensors };
  return elementwise(pool, label, [B, rows, C], ['sink.wgsl', file], tensors, { params, rowSize: C });
}

function expectWhole(operation: string, name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new RangeError(`${operation}: ${name} is ${String(value)}, expected a whole number from 1`);
}

/**
 * The shape of (B, H, W, C) when `size` × `size` pixels have become one.
 * @throws RangeError if there are fewer
 */
export function pooledShape(operation: string, [B, H, W, C]: ImageShape, size: number): [...ImageShape] {
  expectWhole(operation, 'size', size);
  if (size <= H && size <= W) return [B, Math.floor(H / size), Math.floor(W / size), C];
  throw new RangeError(`${operation}: size is ${size}, expected at most the sides of the images, ${H} x ${W} pixels`);
}

/**
 * The shape of (B, H, W, C) when every pixel has become `factor` × `factor`.
 * @throws RangeError if that is no whole number
 */
export function upsampledShape(operation: string, [B, H, W, C]: ImageShape, factor: number): [...ImageShape] {
  expectWhole(operation, 'factor', factor);
  return [B, factor * H, factor * W, C];
}

type ImageShape = readonly [B: number, H: number, W: number, C: number];

/** Checks images against others that `become` them. */
function expectImages(
  operation: string,
  [name, from]: [string, Tensor],
  [other, to]: [string, Tensor],
  become: (shape: ImageShape) => ImageShape,
): void {
  const [B, H, W, C] = from.shape as unknown as ImageShape;
  expectShape(operation, name, from, { B, H, W, C });
  const [, rows, columns] = become([B, H, W, C]);
  expectShape(operation, other, to, { B, rows, columns, C });
}

/**
 * out[b, y, x] = the mean of the `size` × `size` pixels of `inp` from (size y, size x) on, channel by channel; rows and columns that are
 * left over at the end are not looked at. torch.nn.AvgPool2d(size).
 * `inp` (B, H, W, C), `out` (B, ⌊H / size⌋, ⌊W / size⌋, C) f32. Overwrites `out`.
 * @throws RangeError if a shape does not fit
 */
export function averagePoolForward(
  pool: BufferPool,
  { inp, out }: { inp: Tensor; out: Tensor },
  { size, label = 'average pool' }: { size: number; label?: string },
): Dispatch {
  const operation = 'averagePoolForward';
  expectImages(operation, ['inp', inp], ['out', out], (shape) => pooledShape(operation, shape, size));
  return resample(
    pool,
    operation,
    'sum_blocks.wgsl',
    { source: inp, dinp: out },
    { size, scale: size ** -2, label },
    {},
  );
}

/**
 * The gradient of `averagePoolForward`: every pixel of a block gets 1 / size² of dout's, those that were left over 0; with `mask`,
 * the ReLU output that `inp` is, 0 where that is not positive.
 * `dout` (B, ⌊H / size⌋, ⌊W / size⌋, C), `dinp`, `mask` (B, H, W, C) f32. Overwrites `dinp`, or adds to it with `accumulate`.
 * @throws RangeError if a shape does not fit
 */
export function averagePoolBackward(
  pool: BufferPool,
  { dout, dinp, mask }: { dout: Tensor; dinp: Tensor; mask?: Tensor | undefined },
  { size, ...options }: { size: number } & SinkOptions,
): Dispatch {
  const operation = 'averagePoolBackward';
  expectImages(operation, ['dinp', dinp], ['dout', dout], (shape) => pooledShape(operation, shape, size));
  const { label = 'average pool backward' } = options;
  return resample(
    pool,
    operation,
    'repeat_blocks.wgsl',
    { source: dout, dinp, mask },
    { size, scale: size ** -2, label },
    options,
  );
}

/**
 * out[b, y, x] = inp[b, ⌊y / factor⌋, ⌊x / factor⌋]: every pixel becomes `factor` × `factor` of it. torch.nn.Upsample(scale_factor=factor),
 * in its mode 'nearest'.
 * `inp` (B, H, W, C), `out` (B, factor H, factor W, C) f32. Overwrites `out`.
 * @throws RangeError if a shape does not fit
 */
export function upsampleForward(
  pool: BufferPool,
  { inp, out }: { inp: Tensor; out: Tensor },
  { factor, label = 'upsample' }: { factor: number; label?: string },
): Dispatch {
  const operation = 'upsampleForward';
  expectImages(operation, ['inp', inp], ['out', out], (shape) => upsampledShape(operation, shape, factor));
  return resample(
    pool,
    operation,
    'repeat_blocks.wgsl',
    { source: inp, dinp: out },
    { size: factor, scale: 1, label },
    {},
  );
}

/**
 * The gradient of `upsampleForward`: dinp = the sum of dout over the pixels of a block, row by row; with `mask`, the ReLU output that
 * `inp` is, 0 where that is not positive.
 * `dout` (B, factor H, factor W, C), `dinp`, `mask` (B, H, W, C) f32. Overwrites `dinp`, or adds to it with `accumulate`.
 * @throws RangeError if a shape does not fit
 */
export function upsampleBackward(
  pool: BufferPool,
  { dout, dinp, mask }: { dout: Tensor; dinp: Tensor; mask?: Tensor | undefined },
  { factor, ...options }: { factor: number } & SinkOptions,
): Dispatch {
  const operation = 'upsampleBackward';
  expectImages(operation, ['dinp', dinp], ['dout', dout], (shape) => upsampledShape(operation, shape, factor));
  const { label = 'upsample backward' } = options;
  return resample(
    pool,
    operation,
    'sum_blocks.wgsl',
    { source: dout, dinp, mask },
    { size: factor, scale: 1, label },
    options,
  );
}
