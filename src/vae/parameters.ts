import type { VaeConfig } from './config.ts';
import { uniformNumbers } from './random.ts';
import type { NamedTensor } from './safetensors.ts';

/** A dense layer's place in the flat parameter buffer. Weights are (outputs, inputs), row-major, then the bias. */
export interface Layer {
  name: string;
  inputs: number;
  outputs: number;
  /** In elements; multiples of 64, so that a layer can be bound on its own (256-byte alignment). */
  weightOffset: number;
  biasOffset: number;
}

/** A tensor of the model as PyTorch names it: a range of the flat buffer. */
export interface ParameterEntry {
  name: string;
  shape: number[];
  /** In elements. */
  offset: number;
  fanIn: number;
}

/**
 * How the model's parameters lie in one flat f32 buffer. `mu` and `logvar` lie side by side, so that both heads are one
 * dense layer with 2 L outputs.
 */
export interface ParameterTable {
  encoder: Layer[];
  heads: Layer;
  decoder: Layer[];
  entries: ParameterEntry[];
  /** Elements of the flat buffer, with the gaps. */
  length: number;
  /** Elements without the gaps: the number that is called "parameters". */
  count: number;
}

const ALIGNMENT = 64;

/** @param imageSize D, pixels of an image */
export function parameterTable(
  { hidden, latent }: Pick<VaeConfig, 'hidden' | 'latent'>,
  imageSize: number,
): ParameterTable {
  let end = 0;
  const claim = (elements: number): number => {
    const offset = end;
    end = Math.ceil((offset + elements) / ALIGNMENT) * ALIGNMENT;
    return offset;
  };
  const layer = (name: string, inputs: number, outputs: number): Layer => ({
    name,
    inputs,
    outputs,
    weightOffset: claim(outputs * inputs),
    biasOffset: claim(outputs),
  });
  const chain = (prefix: string, widths: number[]): Layer[] =>
    widths.slice(1).map((outputs, i) => layer(`${prefix}.${2 * i}`, widths[i]!, outputs));

  const encoder = chain('encoder', [imageSize, ...hidden]);
  const heads = layer('mu+logvar', hidden.at(-1) ?? imageSize, 2 * latent);
  const decoder = chain('decoder', [latent, ...hidden.toReversed(), imageSize]);

  const named = (
    name: string,
    { inputs, weightOffset, biasOffset }: Layer,
    outputs: number,
    first = 0,
  ): ParameterEntry[] => [
    { name: `${name}.weight`, shape: [outputs, inputs], offset: weightOffset + first * inputs, fanIn: inputs },
    { name: `${name}.bias`, shape: [outputs], offset: biasOffset + first, fanIn: inputs },
  ];
  const entries = [
    ...encoder.flatMap((each) => named(each.name, each, each.outputs)),
    ...named('mu', heads, latent),
    ...named('logvar', heads, latent, latent),
    ...decoder.flatMap((each) => named(each.name, each, each.outputs)),
  ];
  const count = entries.reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0);
  return { encoder, heads, decoder, entries, length: end, count };
}

/**
 * PyTorch's default for nn.Linear: weights and biases from U(−1/√fan_in, 1/√fan_in).
 * Drawn on the CPU, so that the same seed gives the same weights on every adapter.
 */
export function initialParameters(table: ParameterTable, seed: number): NamedTensor[] {
  return table.entries.map(({ name, shape, fanIn }, index) => {
    const length = shape.reduce((product, n) => product * n, 1);
    const bound = 1 / Math.sqrt(fanIn);
    return { name, shape, data: uniformNumbers(length, seed, index).map((u) => (2 * u - 1) * bound) };
  });
}

/**
 * Puts named tensors into the flat layout; the gaps are zero.
 * @throws RangeError if a tensor is missing, has another shape or number of values, or is not of this model
 */
export function flattenParameters(table: ParameterTable, tensors: NamedTensor[]): Float32Array {
  const flat = new Float32Array(table.length);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  for (const { name, shape, offset } of table.entries) {
    const tensor = byName.get(name);
    if (!tensor) throw new RangeError(`parameters: ${name} is missing, expected (${shape.join(', ')})`);
    if (tensor.shape.length !== shape.length || tensor.shape.some((size, i) => size !== shape[i])) {
      throw new RangeError(
        `parameters: ${name} is (${tensor.shape.join(', ')}), expected (${shape.join(', ')}): the layers differ`,
      );
    }
    const length = shape.reduce((product, size) => product * size, 1);
    if (tensor.data.length !== length) {
      throw new RangeError(
        `parameters: ${name} has ${tensor.data.length} values, expected ${length} for (${shape.join(', ')}): pass all of them`,
      );
    }
    flat.set(tensor.data, offset);
    byName.delete(name);
  }
  if (byName.size > 0)
    throw new RangeError(`parameters: the model has no ${[...byName.keys()].join(', ')}: the layers differ`);
  return flat;
}

/** The named tensors of a flat buffer, as copies. */
export function nameParameters(table: ParameterTable, flat: Float32Array): NamedTensor[] {
  return table.entries.map(({ name, shape, offset }) => {
    const length = shape.reduce((product, n) => product * n, 1);
    return { name, shape, data: flat.slice(offset, offset + length) };
  });
}
