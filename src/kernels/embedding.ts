import type { Dispatch } from '../gpu/kernel.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { elementwise } from './elementwise.ts';
import { expectIndices, expectShape } from './shape.ts';

/**
 * out[n] = weight[indices[n]]: rows of a table by their numbers.
 * `indices` (N) u32, `weight` (V, C), `out` (N, C) f32. Overwrites `out`. An index that is not below V gives a row of NaN, so that a
 * run stops.
 * @throws RangeError if a shape does not fit
 */
export function embeddingForward(
  pool: BufferPool,
  tensors: { indices: Tensor; weight: Tensor; out: Tensor },
  { label = 'embedding' }: { label?: string } = {},
): Dispatch {
  const { indices, weight, out } = tensors;
  const { V, C, columns } = sizesOf('embeddingForward', indices, weight, 'out', out);
  const params = { columns, rows: V };
  return elementwise(pool, label, out.shape, ['embedding.wgsl'], tensors, { params, rowSize: C });
}

/**
 * The table's gradient: dweight[v] = Σ of dout[n] over the n with indices[n] = v, in the order of n, without atomics. A row that was
 * not looked up gets 0. Takes N · V · C comparisons: for tables of some thousand rows.
 * `dout` (N, C), `indices` (N) u32, `dweight` (V, C), f32. Overwrites `dweight`, or adds to it with `accumulate`.
 * @throws RangeError if a shape does not fit
 */
export function embeddingBackward(
  pool: BufferPool,
  tensors: { dout: Tensor; indices: Tensor; dweight: Tensor },
  { label = 'embedding backward', accumulate = false }: { label?: string; accumulate?: boolean } = {},
): Dispatch {
  const { dout, indices, dweight } = tensors;
  const { N, C, columns } = sizesOf('embeddingBackward', indices, dweight, 'dout', dout);
  const params = { columns, count: N, accumulate: Number(accumulate) };
  return elementwise(pool, label, dweight.shape, ['embedding_backward.wgsl'], tensors, { params, rowSize: C });
}

function sizesOf(operation: string, indices: Tensor, table: Tensor, name: string, rows: Tensor) {
  const N = indices.shape[0]!;
  const [V, C] = table.shape as [number, number];
  expectShape(operation, 'indices', indices, { N });
  expectIndices(operation, 'indices', indices);
  expectShape(operation, 'weight', table, { V, C });
  expectShape(operation, name, rows, { N, C });
  return { N, V, C, columns: C % 4 === 0 ? C / 4 : C };
}
