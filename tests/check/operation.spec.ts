import { checkOperation } from '../../src/check/operation.ts';
import type { BufferPool, Tensor } from '../../src/gpu/tensor.ts';
import { addBackward } from '../../src/kernels/arithmetic.ts';
import { elementwise } from '../../src/kernels/elementwise.ts';
import type { OpRecord, Sink, Tape, Value } from '../../src/nn/tape.ts';
import { stopGradient } from '../../src/nn/tape.ts';
import { expect, test } from '../support/fixtures.ts';

type Backward = (pool: BufferPool, dout: Tensor, sink: Sink) => ReturnType<NonNullable<OpRecord['backward']>>;

const right: Backward = (pool, dout, { tensor: dinp, mask, accumulate }) => [
  addBackward(pool, { dout, dinp, mask }, { accumulate }),
];

/** y = x + x, with a backward pass of the test's own that takes dout for the gradient of y = x. */
function doubled(tape: Tape, x: Value, backward: Backward | undefined, fuses: OpRecord['fuses'] = {}): Value {
  const output = tape.tensor('doubled', x.tensor.shape);
  const forward = (pool: BufferPool) => [
    elementwise(pool, 'doubled', x.tensor.shape, ['add.wgsl', 'binary.wgsl'], {
      a: x.tensor,
      b: x.tensor,
      out: output,
    }),
  ];
  const twice: OpRecord['backward'] = (pool, dout, [sink]) => [
    ...backward!(pool, dout!, sink!),
    ...backward!(pool, dout!, { ...sink!, accumulate: true }),
  ];
  return tape.record({
    label: 'doubled',
    inputs: [x],
    output,
    fuses,
    forward,
    ...(backward ? { backward: twice } : {}),
  });
}

const check = (backward: Backward | undefined, fuses: OpRecord['fuses'] = {}, factor = 2) => ({
  name: 'doubled',
  inputs: { x: { shape: [3, 5] } },
  record: (tape: Tape, { x }: Readonly<Record<string, Value>>) => doubled(tape, x!, backward, fuses),
  reference: ({ x }: Readonly<Record<string, Float64Array>>) => x!.map((value) => factor * value),
});

test('what is right passes, whatever it fuses', async ({ device }) => {
  for (const fuses of [{}, { mask: true }, { accumulate: true }, { mask: true, accumulate: true }]) {
    const report = await checkOperation(device, check(right, fuses));
    expect(report.ok, report.message).toBe(true);
  }
});

test('what is wrong fails: the formula, a gradient, what it says that it fuses', async ({ device }) => {
  const unmasked: Backward = (pool, dout, { tensor: dinp, accumulate }) => [
    addBackward(pool, { dout, dinp }, { accumulate }),
  ];
  const adding: Backward = (pool, dout, { tensor: dinp, mask }) => [
    addBackward(pool, { dout, dinp, mask }, { accumulate: true }),
  ];
  const overwriting: Backward = (pool, dout, { tensor: dinp, mask }) => [addBackward(pool, { dout, dinp, mask })];
  const wrong = [
    check(right, {}, 2.001),
    check(overwriting),
    // Right in the first step, and alone.
    check(adding),
    check(unmasked, { mask: true }),
    check((pool, dout, sink) => overwriting(pool, dout, sink), { accumulate: true }),
  ];
  for (const each of wrong) expect((await checkOperation(device, each)).ok).toBe(false);
});

test('an operation without a backward pass is refused where its gradient is needed', async ({ device }) => {
  await expect(checkOperation(device, check(undefined))).rejects.toThrow(
    'tape: doubled has no backward pass, and x needs its gradient: give it one, or wrap the input in stopGradient',
  );
  const report = await checkOperation(device, {
    name: 'stopped',
    inputs: { x: { shape: [2, 2] }, y: { shape: [2, 2] } },
    record: (tape, { x, y }) => {
      const constant = doubled(tape, stopGradient(x!), undefined);
      const out = tape.tensor('out', [2, 2]);
      return tape.record({
        label: 'sum',
        inputs: [constant, y!],
        output: out,
        forward: (pool) => [
          elementwise(pool, 'sum', [2, 2], ['add.wgsl', 'binary.wgsl'], { a: constant.tensor, b: y!.tensor, out }),
        ],
        backward: (pool, dout, [, sink]) => right(pool, dout!, sink!),
      });
    },
    // The slopes in x are not wanted: it is a constant here.
    reference: ({ x, y }) => x!.map((value, i) => 2 * value + y![i]!),
  });
  expect(report.ok).toBe(false);
  expect(report.message).toContain('gradient of x');
});
