import type { Device } from '../gpu/device.ts';
import { runSchedule } from '../gpu/schedule.ts';
import { BufferPool, type DType, download, elementCount, formatShape, type Tensor } from '../gpu/tensor.ts';
import { addBackward } from '../kernels/arithmetic.ts';
import { packState } from '../kernels/finish-step.ts';
import type { VariantChoice } from '../kernels/gemm.ts';
import { flattenParameters, type NamedTensor, nameParameters, type ParameterTable } from '../nn/parameters.ts';
import { type ImageShape, OutlineTape, PlanTape, type Tape, type Value } from '../nn/tape.ts';
import { weightAt } from '../nn/weight.ts';
import { type CheckReport, compare, type Difference, report, testValues, U } from './check.ts';

/** Float64 values by the names of inputs and parameters. */
export type NamedValues = Readonly<Record<string, Float64Array>>;

export interface OperationInput {
  shape: readonly number[];
  values?: Float32Array | Uint32Array;
  constant?: boolean;
}

/** An operation, and the same in float64. */
export interface OperationCheck {
  name: string;
  /**
   * What it is given, by name: a shape that begins with the batch; values if they are not to be drawn from U[−1, 1).
   * `constant`: it has no gradient, as images have none; whole numbers (u32), such as labels, have none either.
   */
  inputs: Readonly<Record<string, OperationInput>>;
  /** Records it. @returns its output, or nothing if it is a loss: then its terms are looked at */
  record(tape: Tape, inputs: Readonly<Record<string, Value>>): Value | undefined;
  /**
   * The same written straight from the formula: inputs, and parameters by their full names (`decoder.0.weight`), to the output, or
   * to one number, the loss. It must take every number as it comes: its slopes are measured by moving them.
   */
  reference(values: NamedValues): ArrayLike<number>;
  /** Largest error relative to the largest element of its tensor; default 64 roundings of f32. */
  tolerance?: number;
  /** What the tape says of images. */
  images?: ImageShape;
  variants?: VariantChoice;
}

const DEFAULT_TOLERANCE = 64 * U;
/** Central differences with steps of 1e-5 are off by about this, see `slopes`. */
const DIFFERENCE_ERROR = 1e-8;
const STEP = 1e-5;
const NO_IMAGES: ImageShape = { rows: 1, columns: 1, channels: 1, classes: 0 };

interface Input {
  name: string;
  shape: readonly number[];
  values: Float32Array | Uint32Array;
  isConstant: boolean;
}

/**
 * Runs an operation on the device, forward and backward, and compares its output with `reference` and the gradient of every
 * input and every parameter with finite differences of it. Where there is an output, the gradients are those of a weighted sum of
 * its elements, with weights that differ.
 *
 * @throws RangeError if the check contradicts itself
 */
export async function checkOperation(device: Device, check: OperationCheck): Promise<CheckReport> {
  const { name, images = NO_IMAGES, tolerance = DEFAULT_TOLERANCE } = check;
  const inputs = Object.entries(check.inputs).map(([key, { shape, values, constant = false }], i): Input => {
    const length = elementCount(shape);
    if (values && values.length !== length) {
      throw new RangeError(
        `checkOperation: ${key} has ${values.length} values, expected ${length} for ${formatShape(shape)}`,
      );
    }
    const numbers = values ?? testValues(length, 101 + i);
    return { name: key, shape, values: numbers, isConstant: constant || numbers instanceof Uint32Array };
  });
  const batch = inputs[0]?.shape[0];
  if (batch === undefined) throw new RangeError(`checkOperation: ${name} has no inputs, expected at least one`);
  const { table } = outlineOf(check, inputs, batch, images);
  const parameters = table.entries.map(({ name: entry, shape }, i) => ({
    name: entry,
    shape,
    data: testValues(elementCount(shape), 201 + i),
  }));
  const values: Record<string, Float64Array> = {};
  for (const { name: key, values: numbers } of inputs) values[key] = Float64Array.from(numbers);
  for (const { name: key, data } of parameters) values[key] = Float64Array.from(data);

  const expected: ExpectedGradients = { output: check.reference(values), slopes: new Map() };
  const outputWeights = testValues(expected.output.length, 301);
  const prepared = { check, inputs, parameters, table, batch, images };
  const comparisons = [];
  for (const shared of [false, true]) {
    const seen = await runOnce(device, prepared, outputWeights, shared);
    comparisons.push(within(seen.label, seen.output, expected.output, tolerance));
    const objective = (moved: NamedValues): number => {
      const out = check.reference(moved);
      return seen.isLoss ? out[0]! : outputWeights.reduce((sum, weight, i) => sum + weight * out[i]!, 0);
    };
    for (const [key, got] of seen.gradients) {
      const own = expected.slopes.get(key) ?? slopes(objective, values, key);
      expected.slopes.set(key, own);
      const { extra, relu } = seen.sharing.get(key) ?? { extra: undefined, relu: false };
      const wanted = own.map((slope, i) => (relu && !(values[key]![i]! > 0) ? 0 : slope + (extra?.[i] ?? 0)));
      const what = `gradient of ${key}${shared ? ', shared' : ''}`;
      comparisons.push(within(what, got, wanted, tolerance, DIFFERENCE_ERROR));
    }
  }
  return report(name, comparisons);
}

interface ExpectedGradients {
  output: ArrayLike<number>;
  /** By the names of inputs and parameters. */
  slopes: Map<string, Float64Array>;
}

interface Prepared {
  check: OperationCheck;
  inputs: readonly Input[];
  parameters: readonly NamedTensor[];
  table: ParameterTable;
  batch: number;
  images: ImageShape;
}

/** What became of an operation on the device. */
interface Seen {
  label: string;
  isLoss: boolean;
  output: ArrayLike<number>;
  gradients: Map<string, Float32Array>;
  /** What else a value's gradient has: that of another consumer; and whether the value is the output of a ReLU. */
  sharing: Map<string, { extra: Float32Array; relu: boolean }>;
}

/**
 * @param shared every input is the output of a ReLU and, like every other parameter, has another consumer, whose gradient is there
 * first: so whatever the operation says that it fuses, it must do. Alone, and shared, it runs twice: a gradient that is added to what
 * the last step has left is noticed
 */
async function runOnce(
  device: Device,
  { check, inputs, parameters, table, batch, images }: Prepared,
  outputWeights: Float32Array,
  shared: boolean,
): Promise<Seen> {
  const pool = new BufferPool(device);
  try {
    const flat = (label: string, data?: Float32Array) =>
      pool.tensor(label, [Math.max(table.length, 1)], data ? { data } : {});
    const param = flat('parameters', table.length > 0 ? flattenParameters(table, parameters) : undefined);
    const grad = flat('gradients');
    const state = pool.tensor('state', [4], {
      dtype: 'u32',
      data: packState({ step: 0, epoch: 0, position: 0, halted: 0 }),
    });
    const buffers = { param, grad };
    const { variants } = check;
    const tape = new PlanTape({ mode: 'train', batch, images, pool, table, buffers, state, noise: 'zero', variants });
    const { placed, gradients } = placeInputs(tape, pool, inputs, shared);
    const output = check.record(tape, placed);
    const sharing: Seen['sharing'] = new Map();
    const share = (value: Value, key: string, seed: number): void => {
      const extra = testValues(elementCount(value.tensor.shape), seed);
      recordProbe(tape, value, pool.tensor(`other consumer of ${key}`, value.tensor.shape, { data: extra }));
      // Gradients of parameters are compared as files have them.
      const entry = table.entries.find(({ name: entryName }) => entryName === key);
      const own = entry ? nameParameters({ entries: [{ ...entry, offset: 0 }] }, extra)[0]!.data : extra;
      sharing.set(key, { extra: own, relu: value.relu });
    };
    if (shared) {
      for (const [i, { name: key, isConstant }] of inputs.entries()) if (!isConstant) share(placed[key]!, key, 401 + i);
      // Parts have names of their own: their modules are left alone.
      const whole = [...table.modules.values()].filter(({ spec }) => !spec.parts);
      const named = whole.flatMap(({ spec }) =>
        Object.entries(tape.module(spec)).map(([key, value]): [string, Value] => [`${spec.name}.${key}`, value]),
      );
      for (const [i, [key, value]] of named.entries()) if (i % 2 === 0) share(value, key, 501 + i);
    }
    if (output) recordProbe(tape, output, pool.tensor('probe', output.tensor.shape, { data: outputWeights }));
    tape.backward();
    runSchedule(device, tape.commands, 2);

    const seen = new Map<string, Float32Array>();
    for (const [key, tensor] of gradients) seen.set(key, await download(device, tensor));
    if (table.length > 0) {
      for (const { name: key, data } of nameParameters(table, await download(device, grad))) seen.set(key, data);
    }
    const isLoss = output === undefined;
    const computed = output ? await download(device, output.tensor) : [await lossOf(device, tape)];
    return { label: output?.tensor.label ?? 'loss', isLoss, output: computed, gradients: seen, sharing };
  } finally {
    pool.dispose();
  }
}

function outlineOf({ record }: OperationCheck, inputs: readonly Input[], batch: number, images: ImageShape) {
  const tape = new OutlineTape(batch, images);
  const values = inputs.map(({ name, shape, values: numbers, isConstant }): [string, Value] => {
    const tensor = tape.tensor(name, shape, dtypeOf(numbers));
    return [name, { tensor, relu: false, needsGradient: !isConstant }];
  });
  record(tape, Object.fromEntries(values));
  return tape.outline;
}

function dtypeOf(values: Float32Array | Uint32Array): DType {
  return values instanceof Float32Array ? 'f32' : 'u32';
}

/** Inputs on the device, and where the gradients of those that have one can be found afterwards. */
function placeInputs(tape: PlanTape, pool: BufferPool, inputs: readonly Input[], relu: boolean) {
  const gradients = new Map<string, Tensor>();
  const placed: Record<string, Value> = {};
  for (const { name, shape, values, isConstant } of inputs) {
    const tensor = pool.tensor(name, shape, { dtype: dtypeOf(values), data: values });
    if (isConstant) {
      placed[name] = { tensor, relu: false, needsGradient: false };
      continue;
    }
    const leaf: Value = { tensor: pool.tensor(`${name}, leaf`, shape), relu: false, needsGradient: true };
    const gradient = pool.tensor(`gradient of ${name}`, shape);
    gradients.set(name, gradient);
    // An operation of its own in front of the input, whose backward pass keeps the gradient.
    placed[name] = tape.record({
      label: name,
      inputs: [leaf],
      output: tensor,
      relu,
      forward: () => [],
      backward: (commands, dout) => [addBackward(commands, { dout: dout!, dinp: gradient }, { label: `keep ${name}` })],
    });
  }
  return { placed, gradients };
}

/** A loss of a value's elements times weights: hands the weights on as the value's gradient. */
function recordProbe(tape: PlanTape, value: Value, weights: Tensor): void {
  tape.record({
    label: 'probe',
    inputs: [value],
    fuses: { mask: true, accumulate: true },
    forward: () => [],
    backward: (pool, _dout, [sink]) => {
      const { tensor: dinp, mask, accumulate } = sink!;
      return [addBackward(pool, { dout: weights, dinp, mask }, { label: 'probe', accumulate })];
    },
  });
}

/** The means over the batch of all terms, times their weights in the first step. */
async function lossOf(device: Device, tape: PlanTape): Promise<number> {
  let loss = 0;
  for (const { partials, weight } of tape.terms) {
    const sum = (await download(device, partials)).reduce((total, value) => total + value, 0);
    loss += (weightAt(weight, 0) * sum) / tape.batch;
  }
  return loss;
}

function within(
  tensor: string,
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  relative: number,
  absolute = 0,
): { elements: number; worst: Difference | null } {
  const values = Float64Array.from(expected);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return compare(tensor, got, { values, tolerance: values.map(() => relative * largest + absolute) });
}

/** Central differences of the objective in every element of one tensor: off by about STEP² f‴ / 6 + 1e-16 f / STEP. */
function slopes(objective: (values: NamedValues) => number, values: NamedValues, name: string): Float64Array {
  const moved = Float64Array.from(values[name]!);
  const all = { ...values, [name]: moved };
  return moved.map((value, i) => {
    moved[i] = value + STEP;
    const above = objective(all);
    moved[i] = value - STEP;
    const below = objective(all);
    moved[i] = value;
    return (above - below) / (2 * STEP);
  });
}
