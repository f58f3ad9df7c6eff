/** What the tape does with gradients, in small models: several consumers, masks, modules used twice, parts. */
import type { Device } from '../gpu/device.ts';
import { addBackward, add as addKernel } from '../kernels/arithmetic.ts';
import { dense } from '../nn/dense.ts';
import { activation, add, multiply } from '../nn/elementwise.ts';
import { softmaxCrossEntropy, squaredError } from '../nn/loss.ts';
import type { Tape, Value } from '../nn/tape.ts';
import type { Check, CheckReport } from './check.ts';
import { checkOperation, type NamedValues, type OperationCheck } from './operation.ts';

type Values = ArrayLike<number>;

const silu = (x: number) => x / (1 + Math.exp(-x));
const relu = (x: number) => Math.max(x, 0);

function layer(values: NamedValues, name: string, inp: Values, C: number, f: (x: number) => number): Float64Array {
  const weight = values[`${name}.weight`]!;
  const bias = values[`${name}.bias`]!;
  const OC = bias.length;
  return Float64Array.from({ length: (inp.length / C) * OC }, (_, i) => {
    const row = Math.floor(i / OC) * C;
    let sum = bias[i % OC]!;
    for (let c = 0; c < C; c++) sum += inp[row + c]! * weight[(i % OC) * C + c]!;
    return f(sum);
  });
}

const same = (x: number) => x;

/** 2 x, by an operation that leaves masks and sums of gradients to the tape. */
function twice(tape: Tape, inp: Value): Value {
  const label = `twice ${inp.tensor.label}`;
  const output = tape.tensor(label, inp.tensor.shape);
  return tape.record({
    label,
    inputs: [inp],
    output,
    forward: (pool) => [addKernel(pool, { a: inp.tensor, b: inp.tensor, out: output })],
    backward: (pool, dout, [sink]) => {
      const tensors = { dout: dout!, dinp: sink!.tensor };
      return [addBackward(pool, tensors), addBackward(pool, tensors, { accumulate: true })];
    },
  });
}

/** For a batch of B rows and a width C. */
function operations(B: number, C: number): OperationCheck[] {
  const sizes = `(B=${B}, C=${C})`;
  const x = { shape: [B, C] };
  return [
    {
      name: `tape: a value with three consumers, twice in one of them ${sizes}`,
      inputs: { x, y: x },
      record: (tape, { x: a, y }) =>
        add(tape, multiply(tape, a!, a!), multiply(tape, activation(tape, a!, 'silu'), y!)),
      reference: ({ x: a, y }) => a!.map((value, i) => value * value + silu(value) * y![i]!),
    },
    {
      name: `tape: a ReLU whose gradients one layer masks and another operation adds to ${sizes}`,
      inputs: { x },
      record: (tape, { x: a }) => {
        const h = dense(tape, a!, C + 1, { name: 'first', activation: 'relu' });
        return add(tape, dense(tape, h, C + 1, { name: 'second' }), activation(tape, h, 'tanh'));
      },
      reference: (values) => {
        const h = layer(values, 'first', values.x!, C, relu);
        return layer(values, 'second', h, C + 1, same).map((value, i) => value + Math.tanh(h[i]!));
      },
    },
    {
      name: `tape: a ReLU with two consumers that neither mask nor add ${sizes}`,
      inputs: { x },
      record: (tape, { x: a }) => {
        const h = dense(tape, a!, C, { name: 'first', activation: 'relu' });
        return add(tape, twice(tape, h), twice(tape, h));
      },
      reference: (values) => layer(values, 'first', values.x!, C, relu).map((value) => 4 * value),
    },
    {
      name: `tape: two layers with one input, whose gradients are added ${sizes}`,
      inputs: { x },
      record: (tape, { x: a }) =>
        multiply(tape, dense(tape, a!, 3, { name: 'left' }), dense(tape, a!, 3, { name: 'right', activation: 'relu' })),
      reference: (values) => {
        const right = layer(values, 'right', values.x!, C, relu);
        return layer(values, 'left', values.x!, C, same).map((value, i) => value * right[i]!);
      },
    },
    {
      name: `tape: one layer used twice ${sizes}`,
      inputs: { x },
      record: (tape, { x: a }) => {
        const once = dense(tape, a!, C, { name: 'both', activation: 'relu' });
        return dense(tape, once, C, { name: 'both', activation: 'relu' });
      },
      reference: (values) => layer(values, 'both', layer(values, 'both', values.x!, C, relu), C, relu),
    },
    {
      name: `tape: parts of a layer have names of their own ${sizes}`,
      inputs: { x },
      record: (tape, { x: a }) => {
        const parts = [
          { name: 'top', rows: 2 },
          { name: 'rest', rows: 3 },
        ];
        return dense(tape, a!, 5, { name: 'top+rest', parts });
      },
      reference: (values) => {
        const top = layer(values, 'top', values.x!, C, same);
        const rest = layer(values, 'rest', values.x!, C, same);
        return Float64Array.from({ length: 5 * B }, (_, i) => {
          const [row, column] = [Math.floor(i / 5), i % 5];
          return column < 2 ? top[2 * row + column]! : rest[3 * row + column - 2]!;
        });
      },
    },
    {
      name: `tape: two losses of one value, one weighted, the other of labels ${sizes}`,
      inputs: {
        x,
        target: { ...x, constant: true },
        labels: { shape: [B], values: Uint32Array.from({ length: B }, (_, i) => (i * 5) % C) },
      },
      record: (tape, { x: a, target, labels }) => {
        const logits = dense(tape, a!, C, { name: 'last', activation: 'relu' });
        squaredError(tape, logits, target!, { weight: 0.25 });
        softmaxCrossEntropy(tape, logits, labels!);
        return undefined;
      },
      reference: (values) => {
        const logits = layer(values, 'last', values.x!, C, relu);
        let loss = 0;
        for (let row = 0; row < B; row++) {
          const own = logits.subarray(row * C, (row + 1) * C);
          const sum = own.reduce((total, value) => total + Math.exp(value), 0);
          loss += Math.log(sum) - own[values.labels![row]!]!;
        }
        const squares = logits.reduce((sum, value, i) => sum + (value - values.target![i]!) ** 2, 0);
        return [(loss + 0.25 * squares) / B];
      },
    },
  ];
}

export function tapeChecks(): Check[] {
  return [operations(3, 5), operations(1, 1), operations(8, 4), operations(20, 16)].flat().map((check): Check => {
    const run = (device: Device): Promise<CheckReport> => checkOperation(device, check);
    return { name: check.name, op: 'tape', run };
  });
}
