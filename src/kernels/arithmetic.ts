import type { Dispatch } from '../gpu/kernel.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { elementwise, expectSameShape, type SinkOptions, sink } from './elementwise.ts';

/**
 * out = a + b, elementwise.
 * `a`, `b`, `out` of any shape, the same, f32; `a` may be `b`. Overwrites `out`, which may be neither.
 * @throws RangeError if a shape does not fit
 */
export function add(
  pool: BufferPool,
  tensors: { a: Tensor; b: Tensor; out: Tensor },
  { label = 'add' }: { label?: string } = {},
): Dispatch {
  const { a, b, out } = tensors;
  expectSameShape('add', { a, b, out });
  return elementwise(pool, label, out.shape, ['add.wgsl', 'binary.wgsl'], { a, b, out });
}

/**
 * The gradient of one input of `add`: dinp = dout; with `mask`, the output of a ReLU that the input is, 0 where it is not
 * positive. All of any shape, the same, f32. Overwrites `dinp`, or adds to it with `accumulate`: so this also adds a gradient
 * to another one, or masks it, for an operation that cannot do so itself.
 * @throws RangeError if a shape does not fit
 */
export function addBackward(
  pool: BufferPool,
  tensors: { dout: Tensor; dinp: Tensor; mask?: Tensor | undefined },
  options: SinkOptions = {},
): Dispatch {
  return binaryBackward(pool, 'add', { ...tensors, other: tensors.dout }, options);
}

/**
 * out = a b, elementwise.
 * `a`, `b`, `out` of any shape, the same, f32; `a` may be `b`. Overwrites `out`, which may be neither.
 * @throws RangeError if a shape does not fit
 */
export function multiply(
  pool: BufferPool,
  tensors: { a: Tensor; b: Tensor; out: Tensor },
  { label = 'multiply' }: { label?: string } = {},
): Dispatch {
  const { a, b, out } = tensors;
  expectSameShape('multiply', { a, b, out });
  return elementwise(pool, label, out.shape, ['multiply.wgsl', 'binary.wgsl'], { a, b, out });
}

/**
 * The gradient of one input of `multiply`, given the other one: dinp = dout · other; with `mask`, the output of a ReLU that
 * the input is, 0 where it is not positive. All of any shape, the same, f32. Overwrites `dinp`, or adds to it with `accumulate`;
 * for the product of a value with itself, do both in turn.
 * @throws RangeError if a shape does not fit
 */
export function multiplyBackward(
  pool: BufferPool,
  tensors: { dout: Tensor; other: Tensor; dinp: Tensor; mask?: Tensor | undefined },
  options: SinkOptions = {},
): Dispatch {
  return binaryBackward(pool, 'multiply', tensors, options);
}

/** What says how an operation of two inputs goes, forward and backward. */
const FILES = { add: 'add.wgsl', multiply: 'multiply.wgsl' } as const;

function binaryBackward(
  pool: BufferPool,
  operation: 'add' | 'multiply',
  tensors: { dout: Tensor; other: Tensor; dinp: Tensor; mask?: Tensor | undefined },
  options: SinkOptions,
): Dispatch {
  const { dout, other, dinp } = tensors;
  expectSameShape(`${operation}Backward`, { dout, other, dinp });
  const into = sink(`${operation}Backward`, tensors, dout, options);
  return elementwise(
    pool,
    options.label ?? `${operation} backward`,
    dinp.shape,
    [FILES[operation], 'binary_backward.wgsl', 'sink.wgsl'],
    { dout, other, ...into.tensors },
    { params: into.params },
  );
}
