import { elementCount, formatShape } from '../gpu/tensor.ts';
import { normalNumbers, uniformNumbers } from './random.ts';

/** A tensor on the CPU, row-major f32, by the name that PyTorch would give it. */
export interface NamedTensor {
  name: string;
  shape: number[];
  data: Float32Array;
}

/**
 * How a parameter begins: every element the same, or drawn from U(−uniform, uniform) or N(0, normal²) by the run's seed.
 * Drawn on the CPU, so that the same seed gives the same numbers on every adapter.
 */
export type Init = { constant: number } | { uniform: number } | { normal: number };

/** PyTorch's default for nn.Linear and nn.Conv2d, weights and biases: U(−1/√fan_in, 1/√fan_in). */
export function fanInUniform(fanIn: number): Init {
  return { uniform: 1 / Math.sqrt(fanIn) };
}

export interface ParameterSpec {
  shape: readonly number[];
  init: Init;
  /** Whether an optimizer with weight decay makes it smaller. Default: if it has two dimensions or more. */
  decay?: boolean;
  /** How files and the user have it, if not as it lies in memory. */
  file?: FileLayout;
}

/** A parameter's axes in another order: row-major in memory as `memory`, whose axes `axes` are those in files, given there as `shape`. */
export interface FileLayout {
  memory: readonly number[];
  axes: readonly number[];
  /** Default: the sizes of these axes; else with some of them as one. */
  shape?: readonly number[];
}

/** Some of a module's rows under a name of their own. */
export interface ModulePart {
  name: string;
  rows: number;
}

/**
 * Parameters that belong together, as an nn.Module's do: `decoder.0` with a `weight` and a `bias`.
 * With `parts` one module is several in files and for the user, each with some of the first dimension's rows of every one of
 * its parameters: `mu` and `logvar` are two layers, and one product.
 */
export interface ModuleSpec {
  name: string;
  parameters: Readonly<Record<string, ParameterSpec>>;
  parts?: readonly ModulePart[];
}

/** A tensor of the model as PyTorch names it: a range of the flat buffer. */
export interface ParameterEntry {
  name: string;
  shape: number[];
  /** In elements. */
  offset: number;
  init: Init;
  decay: boolean;
  file: FileLayout | undefined;
}

/** Where a module's parameters begin in the flat buffer, in elements, by their names within it. */
export interface ModulePlace {
  spec: ModuleSpec;
  offsets: Readonly<Record<string, number>>;
}

/** How a model's parameters lie in one flat f32 buffer. */
export interface ParameterTable {
  modules: ReadonlyMap<string, ModulePlace>;
  /** In the order in which the model names them, the parts of a module one after the other. */
  entries: ParameterEntry[];
  /** Elements of the flat buffer, with the gaps. */
  length: number;
  /** Elements without the gaps: the number that is called "parameters". */
  count: number;
}

/** In elements: 256 bytes, so that every parameter can be bound on its own. */
const ALIGNMENT = 64;

/**
 * Lays modules out one after the other.
 * @throws RangeError if the parts of one do not add up to its rows
 */
export function layOut(specs: readonly ModuleSpec[]): ParameterTable {
  let end = 0;
  const modules = new Map<string, ModulePlace>();
  const entries: ParameterEntry[] = [];
  for (const spec of specs) {
    const offsets: Record<string, number> = {};
    for (const [key, { shape }] of Object.entries(spec.parameters)) {
      offsets[key] = end;
      end = Math.ceil((end + elementCount(shape)) / ALIGNMENT) * ALIGNMENT;
    }
    modules.set(spec.name, { spec, offsets });
    entries.push(...entriesOf(spec, offsets));
  }
  const names = entries.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new RangeError(`parameters: two are named ${twice}, expected names that differ: rename a module or a part`);
  }
  const count = entries.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  return { modules, entries, length: end, count };
}

function entriesOf({ name, parameters, parts }: ModuleSpec, offsets: Record<string, number>): ParameterEntry[] {
  const named = Object.entries(parameters);
  let first = 0;
  const entries = (parts ?? [{ name, rows: undefined }]).flatMap((part) => {
    const before = first;
    first += part.rows ?? 0;
    return named.map(([key, { shape, init, decay = shape.length > 1, file }]): ParameterEntry => {
      const rest = shape.slice(1);
      const own = file ? fileShape(file) : shape;
      return {
        name: `${part.name}.${key}`,
        shape: part.rows === undefined ? [...own] : [part.rows, ...rest],
        offset: offsets[key]! + before * elementCount(rest),
        init,
        decay,
        file,
      };
    });
  });
  for (const [key, { shape }] of named) {
    if (parts && first !== shape[0]) {
      throw new RangeError(`parameters: the parts of ${name} have ${first} rows, ${key} is ${formatShape(shape)}`);
    }
  }
  return entries;
}

function fileShape({ memory, axes, shape }: FileLayout): readonly number[] {
  return shape ?? axes.map((axis) => memory[axis]!);
}

/** Calls `visit` with every place of a parameter in a file, in order, and in memory. */
function forEachPlace({ memory, axes }: FileLayout, visit: (inFile: number, inMemory: number) => void): void {
  const strides = memory.map((_, axis) => elementCount(memory.slice(axis + 1)));
  let next = 0;
  const walk = (depth: number, at: number): void => {
    const axis = axes[depth];
    if (axis === undefined) {
      visit(next++, at);
      return;
    }
    for (let i = 0; i < memory[axis]!; i++) walk(depth + 1, at + i * strides[axis]!);
  };
  walk(0, 0);
}

/** The numbers that a model begins with. */
export function initialParameters({ entries }: Pick<ParameterTable, 'entries'>, seed: number): NamedTensor[] {
  return entries.map(({ name, shape, init }, index) => ({
    name,
    shape,
    data: draw(init, elementCount(shape), seed, index),
  }));
}

/** @param part keeps the parameters of a model apart */
function draw(init: Init, length: number, seed: number, part: number): Float32Array {
  if ('constant' in init) return new Float32Array(length).fill(init.constant);
  if ('normal' in init) return normalNumbers(length, seed, part + 1).map((value) => value * init.normal);
  return uniformNumbers(length, seed, part).map((u) => (2 * u - 1) * init.uniform);
}

/**
 * Puts named tensors into the flat layout; the gaps are zero.
 * @throws RangeError if a tensor is missing, has another shape or number of values, one that is not finite, or is not of this model
 */
export function flattenParameters(table: ParameterTable, tensors: readonly NamedTensor[]): Float32Array {
  const flat = new Float32Array(table.length);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  for (const { name, shape, offset, file } of table.entries) {
    const tensor = byName.get(name);
    if (!tensor) throw new RangeError(`parameters: ${name} is missing, expected ${formatShape(shape)}`);
    if (tensor.shape.length !== shape.length || tensor.shape.some((size, i) => size !== shape[i])) {
      throw new RangeError(
        `parameters: ${name} is ${formatShape(tensor.shape)}, expected ${formatShape(shape)}: the layers differ`,
      );
    }
    const length = elementCount(shape);
    if (tensor.data.length !== length) {
      const got = `parameters: ${name} has ${tensor.data.length} values`;
      throw new RangeError(`${got}, expected ${length} for ${formatShape(shape)}: pass all of them`);
    }
    const bad = tensor.data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new RangeError(`parameters: ${name}[${bad}] is ${tensor.data[bad]}, expected finite numbers: use others`);
    }
    if (file) forEachPlace(file, (from, to) => (flat[offset + to] = tensor.data[from]!));
    else flat.set(tensor.data, offset);
    byName.delete(name);
  }
  if (byName.size > 0)
    throw new RangeError(`parameters: the model has no ${[...byName.keys()].join(', ')}: the layers differ`);
  return flat;
}

/** The named tensors of a flat buffer, as copies. */
export function nameParameters({ entries }: Pick<ParameterTable, 'entries'>, flat: Float32Array): NamedTensor[] {
  return entries.map(({ name, shape, offset, file }) => {
    const data = flat.slice(offset, offset + elementCount(shape));
    if (file) forEachPlace(file, (to, from) => (data[to] = flat[offset + from]!));
    return { name, shape, data };
  });
}
