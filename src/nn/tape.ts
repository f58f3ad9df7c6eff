/**
 * The tape: how a model becomes a schedule. A model is a function that is run once, over a tape, while a schedule is planned.
 * Each operation appends its forward commands at once, and leaves a closure that appends its backward commands later; when the
 * function has returned, `backward` plays the closures in reverse. What comes out is a flat list of immutable commands: nothing of
 * the tape is left when training runs.
 */
import type { Command } from '../gpu/schedule.ts';
import { type BufferPool, type DType, elementCount, formatShape, type Tensor, view } from '../gpu/tensor.ts';
import { addBackward } from '../kernels/arithmetic.ts';
import { MOST_TERMS } from '../kernels/finish-step.ts';
import type { DenseProblem, VariantChoice } from '../kernels/gemm.ts';
import { maskGradient } from '../kernels/gradient.ts';
import type { Noise } from '../kernels/reparameterize.ts';
import { layOut, type ModuleSpec, type ParameterTable } from './parameters.ts';
import type { Weight } from './weight.ts';

/**
 * What a schedule is planned for. `outline` has no device: it yields the parameters, the loss terms and what there is to tune.
 * `train` has a backward pass; `evaluate` has losses only; `infer` has neither, and no noise: z = μ.
 */
export type Mode = 'outline' | 'train' | 'evaluate' | 'infer';

/** A tensor on the tape. */
export interface Value {
  readonly tensor: Tensor;
  /** It is the output of a ReLU, so whoever computes its gradient may mask it in the same kernel. */
  readonly relu: boolean;
  /** Whether anything that is trained depends on its gradient: not that of the images. */
  readonly needsGradient: boolean;
  /** The value that this is in another shape, with the same gradient. */
  readonly of?: Value;
}

/** Where an operation puts the gradient of one of its inputs. */
export interface Sink {
  readonly tensor: Tensor;
  /** The gradient is 0 where this is not positive: the output of the ReLU that the input is. */
  readonly mask: Tensor | undefined;
  /** Add to what is there; else overwrite it. */
  readonly accumulate: boolean;
}

/** What an operation tells the tape of itself. */
export interface OpRecord {
  label: string;
  inputs: readonly Value[];
  /** None: a loss term, whose forward pass has written its own gradient. */
  output?: Tensor;
  /** The output is that of a ReLU. */
  relu?: boolean;
  forward(pool: BufferPool): Command[];
  /** It has an output and a term of the loss besides: its backward pass runs also where no other term depends on the output. */
  hasTerm?: boolean;
  /**
   * Appends the gradients of the inputs.
   * @param dout of the output; none of a loss term, nor where only the term that it `hasTerm` needs gradients
   * @param into a sink for every input, in their order; none where nobody needs it
   */
  backward?(pool: BufferPool, dout: Tensor | undefined, into: readonly (Sink | undefined)[]): Command[];
  /** What `backward` does with its sinks by itself; for what it does not, the tape appends a dispatch. Default: neither. */
  fuses?: { mask?: boolean; accumulate?: boolean };
  /** The matrix products that it makes, for the tuner. */
  problems?: readonly DenseProblem[];
}

/** A part of the loss. */
export interface LossTerm {
  readonly name: string;
  /** Partial sums over the batch, in nats or whatever the loss is in; any shape. */
  readonly partials: Tensor;
  readonly weight: Weight;
}

/** What a model's images are. */
export interface ImageShape {
  rows: number;
  columns: number;
  /** Numbers of a pixel. */
  channels: number;
  /** How many labels there are: 0 to classes − 1; 0 if the images have none. */
  classes: number;
}

/** What operations record themselves on. */
export interface Tape {
  readonly mode: Mode;
  /** B. */
  readonly batch: number;
  readonly images: ImageShape;
  /** None in an outline. */
  readonly pool: BufferPool | undefined;
  /** (4) u32, see `StepState`. */
  readonly state: Tensor;
  readonly variants: VariantChoice | undefined;
  /** A module's parameters by their names in it. Named again, with the same shapes, it is the same one: its gradients add up. */
  module(spec: ModuleSpec): Readonly<Record<string, Value>>;
  tensor(label: string, shape: readonly number[], dtype?: DType): Tensor;
  record(op: OpRecord & { output: Tensor }): Value;
  record(op: OpRecord): undefined;
  /** Adds the mean over the batch of the sum of `partials`, times the weight, to the loss. */
  term(name: string, partials: Tensor, weight?: Weight): void;
  /** Noise for one more place of the model: with every call another stream of random numbers. */
  noise(): Noise;
}

/** The flat buffers that a model's parameters are views of, (table.length) f32; without gradients nothing is trained. */
export interface ModelBuffers {
  param: Tensor;
  grad?: Tensor;
}

/** What a tape plans with. */
export interface TapeOptions {
  mode: Exclude<Mode, 'outline'>;
  batch: number;
  images: ImageShape;
  pool: BufferPool;
  table: ParameterTable;
  buffers: ModelBuffers;
  state: Tensor;
  noise: Noise;
  variants?: VariantChoice | undefined;
}

/** Streams of one model's places for noise are so far apart. */
const STREAMS_APART = 16;

/** A tensor that has a shape but no device, for an outline. */
function outlineTensor(label: string, shape: readonly number[], dtype: DType = 'f32'): Tensor {
  return {
    label,
    dtype,
    shape,
    get buffer(): GPUBuffer {
      throw new Error(`tape: ${label} has no buffer: an outline has no device, use it in forward() or backward() only`);
    },
    offsetBytes: 0,
    sizeBytes: elementCount(shape) * 4,
  };
}

/** What a model consists of, before there is a device. */
export interface Outline {
  table: ParameterTable;
  terms: { name: string; weight: Weight }[];
  problems: DenseProblem[];
  /** Most elements that a tensor has for one row of the batch. */
  widest: number;
}

/** A tape, its two ends: what is recorded, and what that has become. */
abstract class RecordingTape {
  readonly batch: number;
  readonly images: ImageShape;
  readonly terms: LossTerm[] = [];

  constructor(batch: number, images: ImageShape) {
    this.batch = batch;
    this.images = images;
  }

  term(name: string, partials: Tensor, weight: Weight = 1): void {
    const names = this.terms.map((term) => term.name);
    if (name === 'loss' || names.includes(name)) {
      const taken = ['loss', ...names].join(', ');
      throw new RangeError(`tape: a loss term is named ${name}, expected another name than ${taken}`);
    }
    if (names.length === MOST_TERMS) {
      throw new RangeError(
        `tape: ${name} is one loss term more than ${names.join(', ')}, expected at most ${MOST_TERMS}: add some up`,
      );
    }
    const value = typeof weight === 'number' ? weight : weight.value;
    if (!Number.isFinite(value)) {
      throw new RangeError(`tape: the weight of ${name} is ${String(value)}, expected a finite number`);
    }
    this.terms.push({ name, partials, weight });
  }
}

/** Runs a model without a device. */
export class OutlineTape extends RecordingTape implements Tape {
  readonly mode = 'outline';
  readonly pool = undefined;
  readonly variants = undefined;
  readonly state = outlineTensor('state', [4], 'u32');
  #modules = new Map<string, { spec: ModuleSpec; values: Record<string, Value> }>();
  #problems: DenseProblem[] = [];
  #widest = 1;

  module(spec: ModuleSpec): Readonly<Record<string, Value>> {
    const known = this.#modules.get(spec.name);
    if (known) {
      expectSameModule(known.spec, spec);
      return known.values;
    }
    const named = Object.entries(spec.parameters);
    const values = Object.fromEntries(
      named.map(([key, { shape }]) => [key, parameterValue(outlineTensor(`${spec.name}.${key}`, shape))]),
    );
    this.#modules.set(spec.name, { spec, values });
    return values;
  }

  tensor(label: string, shape: readonly number[], dtype?: DType): Tensor {
    // Some have several rows for each.
    if (shape[0]! % this.batch === 0) this.#widest = Math.max(this.#widest, elementCount(shape) / this.batch);
    return outlineTensor(label, shape, dtype);
  }

  record(op: OpRecord & { output: Tensor }): Value;
  record(op: OpRecord): undefined;
  record(op: OpRecord): Value | undefined {
    this.#problems.push(...(op.problems ?? []));
    return op.output && outputValue(op, op.output);
  }

  noise(): Noise {
    return 'zero';
  }

  /** @throws RangeError if the parts of a module do not add up */
  get outline(): Outline {
    const table = layOut([...this.#modules.values()].map(({ spec }) => spec));
    return {
      table,
      terms: this.terms.map(({ name, weight }) => ({ name, weight })),
      problems: this.#problems,
      widest: this.#widest,
    };
  }
}

/** Turns a model into commands on a device. */
export class PlanTape extends RecordingTape implements Tape {
  readonly mode: Exclude<Mode, 'outline'>;
  readonly pool: BufferPool;
  readonly state: Tensor;
  readonly variants: VariantChoice | undefined;
  /** In the order in which they run. */
  readonly commands: Command[] = [];
  /** Every tensor made on the tape, in the order in which it is computed: where a search for a bad number looks. */
  readonly intermediates: Tensor[] = [];
  #table: ParameterTable;
  #buffers: ModelBuffers;
  #noise: Noise;
  #places = 0;
  #records: { op: OpRecord; output: Value | undefined }[] = [];
  #modules = new Map<string, Record<string, Value>>();
  /** Where the gradients of parameters are, and those of other values that somebody has computed. */
  #gradients = new Map<Value, Tensor>();
  #written = new Set<Value>();
  /** Their gradients still have to be masked, by the tape. */
  #unmasked = new Set<Value>();

  constructor(options: TapeOptions) {
    super(options.batch, options.images);
    this.mode = options.mode;
    this.pool = options.pool;
    this.state = options.state;
    this.variants = options.variants;
    this.#table = options.table;
    this.#buffers = options.buffers;
    this.#noise = options.noise;
  }

  module(spec: ModuleSpec): Readonly<Record<string, Value>> {
    const { name } = spec;
    const place = this.#table.modules.get(name);
    if (!place) {
      const names = [...this.#table.modules.keys()].join(', ');
      throw new RangeError(`tape: the model has no module ${name}, expected one of ${names}: its loss must use it`);
    }
    expectSameModule(place.spec, spec);
    const known = this.#modules.get(name);
    if (known) return known;
    const { param, grad } = this.#buffers;
    const values: Record<string, Value> = {};
    for (const [key, { shape }] of Object.entries(spec.parameters)) {
      const at = (flat: Tensor) => view(flat, `${name}.${key}`, shape, place.offsets[key]!);
      const value = parameterValue(at(param));
      values[key] = value;
      if (grad) this.#gradients.set(value, at(grad));
    }
    this.#modules.set(name, values);
    return values;
  }

  tensor(label: string, shape: readonly number[], dtype?: DType): Tensor {
    const tensor = this.pool.tensor(label, shape, dtype ? { dtype } : {});
    if (tensor.dtype === 'f32') this.intermediates.push(tensor);
    return tensor;
  }

  record(op: OpRecord & { output: Tensor }): Value;
  record(op: OpRecord): undefined;
  record(op: OpRecord): Value | undefined {
    this.commands.push(...op.forward(this.pool));
    const output = op.output && outputValue(op, op.output);
    this.#records.push({ op, output });
    return output;
  }

  noise(): Noise {
    const place = this.#places++;
    if (this.#noise === 'zero') return 'zero';
    if ('seed' in this.#noise) return { ...this.#noise, stream: this.#noise.stream + STREAMS_APART * place };
    if (place > 0) throw new RangeError('tape: ε was given, and the model has a second place for noise: leave it out');
    return this.#noise;
  }

  /** Appends the backward pass; once, after the model has been run. */
  backward(): void {
    for (const { op, output } of this.#records.toReversed()) {
      // What no loss depends on has no gradient.
      const dout = output && this.#takeGradient(output);
      if (output && !dout && !op.hasTerm) continue;
      const needed = op.inputs.find(({ needsGradient }) => needsGradient);
      if (needed && !op.backward) {
        const what = `${op.label} has no backward pass, and ${needed.tensor.label} needs its gradient`;
        throw new RangeError(`tape: ${what}: give it one, or wrap the input in stopGradient`);
      }
      if (needed) this.#backward(op, dout);
    }
  }

  #takeGradient(value: Value): Tensor | undefined {
    const gradient = this.#written.has(value) ? this.#gradients.get(value) : undefined;
    if (gradient && this.#unmasked.delete(value)) this.commands.push(maskGradient(this.pool, value.tensor, gradient));
    return gradient;
  }

  #backward(op: OpRecord, dout: Tensor | undefined): void {
    const { mask = false, accumulate = false } = op.fuses ?? {};
    const after: Command[] = [];
    const into = op.inputs.map((value): Sink | undefined => {
      if (!value.needsGradient) return undefined;
      const { of: whole = value } = value;
      const gradient = { ...this.#gradientOf(whole), shape: value.tensor.shape };
      const again = this.#written.has(whole);
      this.#written.add(whole);
      if (value.relu && !mask) this.#unmasked.add(whole);
      const sink = { tensor: gradient, mask: value.relu && mask ? value.tensor : undefined, accumulate: again };
      if (!again || accumulate) return sink;
      const scratch = this.tensor(`${gradient.label} of ${op.label}`, gradient.shape);
      const sum = { label: `${gradient.label}, added`, accumulate: true };
      after.push(addBackward(this.pool, { dout: scratch, dinp: gradient }, sum));
      return { ...sink, tensor: scratch, accumulate: false };
    });
    this.commands.push(...op.backward!(this.pool, dout, into), ...after);
  }

  #gradientOf(value: Value): Tensor {
    const known = this.#gradients.get(value);
    if (known) return known;
    const { label, shape } = value.tensor;
    const gradient = this.tensor(`d${label}`, shape);
    this.#gradients.set(value, gradient);
    return gradient;
  }
}

/**
 * The same numbers in another shape, row by row as they lie in memory. No command: what is written to one is read from the other.
 * @throws RangeError unless it holds as many numbers
 */
export function reshape(tape: Tape, value: Value, shape: readonly number[]): Value {
  const { label, dtype, shape: before } = value.tensor;
  if (elementCount(shape) !== elementCount(before)) {
    const numbers = `${elementCount(before)} numbers`;
    throw new RangeError(
      `reshape: ${label} is ${formatShape(before)}, ${numbers}, expected as many, got ${formatShape(shape)}`,
    );
  }
  const tensor = tape.pool ? { ...value.tensor, shape } : outlineTensor(label, shape, dtype);
  return { ...value, tensor, of: value.of ?? value };
}

/** The same numbers as a constant: what is computed from it gives no gradient back. */
export function stopGradient({ tensor }: Value): Value {
  return { tensor, relu: false, needsGradient: false };
}

/**
 * For operations that have no gradient of one of their inputs.
 * @throws RangeError if somebody needs it: silently there would be none
 */
export function expectConstant(operation: string, name: string, { tensor, needsGradient }: Value): void {
  if (!needsGradient) return;
  const got = `${operation}: ${name} is ${tensor.label}, which is computed from parameters`;
  throw new RangeError(`${got}, expected a constant, since its gradient is not computed: wrap it in stopGradient`);
}

function parameterValue(tensor: Tensor): Value {
  return { tensor, relu: false, needsGradient: true };
}

function outputValue({ inputs, relu = false }: OpRecord, tensor: Tensor): Value {
  return { tensor, relu, needsGradient: inputs.some(({ needsGradient }) => needsGradient) };
}

function expectSameModule(known: ModuleSpec, spec: ModuleSpec): void {
  const show = ({ parameters }: ModuleSpec) =>
    Object.entries(parameters)
      .map(([key, { shape }]) => `${key} ${formatShape(shape)}`)
      .join(', ');
  if (show(known) === show(spec)) return;
  throw new RangeError(`tape: ${spec.name} has ${show(spec)}, it was ${show(known)}: give it another name`);
}
