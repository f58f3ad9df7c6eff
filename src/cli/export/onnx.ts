/**
 * ONNX files, written with protobuf's own writer. Field numbers are those of onnx.proto
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto); what a model needs of it is little.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { ConvLayer, DenseLayer, ShapeLayer, VaeLayer } from 'webgpu-vae';

/** The operators' version: Gemm of 13, Conv and ConvTranspose of 11, Relu of 14, Tanh and Sigmoid of 13 are what they are in it. Runtimes have it since 2022. */
export const OPSET = 17;
/** The file format's version that goes with that opset. */
const IR_VERSION = 8;
const FLOAT = 1;
const INT64 = 7;
const INT_ATTRIBUTE = 2;
const INTS_ATTRIBUTE = 7;

/** A graph of layers from one input. */
export interface OnnxModel {
  name: string;
  /** What it computes, in a sentence. */
  doc: string;
  input: OnnxValue;
  /** Layers that follow each other. */
  stack: readonly VaeLayer[];
  /** Layers that each take what the stack ends in, and are outputs; without them the stack's end is the output. */
  heads: readonly DenseLayer[];
  outputs: readonly OnnxValue[];
  metadata: Readonly<Record<string, string>>;
  producerVersion: string;
}

/** A tensor of the shape (batch, width), whose batch is free. */
export interface OnnxValue {
  name: string;
  width: number;
  doc: string;
}

type Write = (writer: BinaryWriter) => void;

const message = (field: number, write: Write): Write => {
  return (writer) => {
    writer.tag(field, WireType.LengthDelimited).fork();
    write(writer);
    writer.join();
  };
};
const text = (field: number, value: string): Write => {
  return (writer) => void writer.tag(field, WireType.LengthDelimited).string(value);
};
const raw = (field: number, value: Uint8Array): Write => {
  return (writer) => void writer.tag(field, WireType.LengthDelimited).bytes(value);
};
const integer = (field: number, value: number): Write => {
  return (writer) => void writer.tag(field, WireType.Varint).int64(value);
};
const all = (...parts: readonly Write[]): Write => {
  return (writer) => {
    for (const write of parts) write(writer);
  };
};

/** ModelProto: the bytes of an .onnx file. */
export function writeOnnx(model: OnnxModel): Uint8Array {
  const writer = new BinaryWriter();
  all(
    integer(1, IR_VERSION),
    text(2, 'webgpu-vae'),
    text(3, model.producerVersion),
    text(6, model.doc),
    message(7, graph(model)),
    message(8, all(text(1, ''), integer(2, OPSET))),
    ...Object.entries(model.metadata).map(([key, value]) => message(14, all(text(1, key), text(2, value)))),
  )(writer);
  return writer.finish();
}

/** GraphProto. */
function graph({ name, input, stack, heads, outputs }: OnnxModel): Write {
  const nodes: Write[] = [];
  let from = input.name;
  const add = (layer: VaeLayer, to: string): void => {
    nodes.push(...nodesOf(layer, from, to));
  };
  for (const [i, layer] of stack.entries()) {
    const to = heads.length === 0 && i === stack.length - 1 ? outputs[0]!.name : `${layer.name}.out`;
    add(layer, to);
    from = to;
  }
  for (const [i, layer] of heads.entries()) add(layer, outputs[i]!.name);
  return all(
    ...nodes.map((node) => message(1, node)),
    text(2, name),
    ...[...stack, ...heads].flatMap(initializersOf).map((initializer) => message(5, initializer)),
    message(11, valueInfo(input)),
    ...outputs.map((output) => message(12, valueInfo(output))),
  );
}

const OPERATORS = { relu: 'Relu', tanh: 'Tanh', sigmoid: 'Sigmoid' } as const;

/** TensorProtos of a layer's parameters, as PyTorch has them, or of the shape that it makes. */
function initializersOf(layer: VaeLayer): Write[] {
  const { name } = layer;
  if (!('weight' in layer)) return shapeOf(layer).map(([suffix, sizes]) => sizesTensor(`${name}.${suffix}`, sizes));
  const shape = layer.kind === 'dense' ? [layer.outputs, layer.inputs] : layer.shape;
  return [tensor(`${name}.weight`, shape, layer.weight), tensor(`${name}.bias`, [layer.bias.length], layer.bias)];
}

/** The shape that a Reshape is told; -1 is the batch. */
function shapeOf({ kind, rows, columns, channels }: ShapeLayer): [suffix: string, sizes: number[]][] {
  if (kind === 'flatten') return [];
  if (kind === 'pixels') return [['shape', [-1, rows * columns * channels]]];
  return [['shape', kind === 'planes' ? [-1, rows, columns, channels] : [-1, channels, rows, columns]]];
}

/** NodeProtos. */
function nodesOf(layer: VaeLayer, from: string, to: string): Write[] {
  if (!('weight' in layer)) return reshapingOf(layer, from, to);
  const { name, activation } = layer;
  const linear = activation === 'none' ? to : `${name}.linear`;
  const inputs = [from, `${name}.weight`, `${name}.bias`];
  const product =
    layer.kind === 'dense'
      ? node('Gemm', name, inputs, linear, [integerAttribute('transB', 1)])
      : convolution(layer, inputs, linear);
  if (activation === 'none') return [product];
  return [product, node(OPERATORS[activation], `${name}.${activation}`, [linear], to, [])];
}

function convolution({ kind, name, stride, outputPadding }: ConvLayer, inputs: string[], to: string): Write {
  const attributes = [integersAttribute('strides', [stride, stride]), integersAttribute('pads', [1, 1, 1, 1])];
  if (kind === 'conv') return node('Conv', name, inputs, to, attributes);
  return node('ConvTranspose', name, inputs, to, [...attributes, integersAttribute('output_padding', outputPadding)]);
}

/** Channels lie last in pixels and first everywhere else. */
function reshapingOf({ kind, name }: ShapeLayer, from: string, to: string): Write[] {
  const between = `${name}.between`;
  const shape = `${name}.shape`;
  switch (kind) {
    case 'flatten':
      return [node('Flatten', name, [from], to, [])];
    case 'unflatten':
      return [node('Reshape', name, [from, shape], to, [])];
    case 'planes':
      return [
        node('Reshape', name, [from, shape], between, []),
        node('Transpose', `${name}.transpose`, [between], to, [integersAttribute('perm', [0, 3, 1, 2])]),
      ];
    case 'pixels':
      return [
        node('Transpose', `${name}.transpose`, [from], between, [integersAttribute('perm', [0, 2, 3, 1])]),
        node('Reshape', name, [between, shape], to, []),
      ];
  }
}

const integerAttribute = (name: string, value: number): Write =>
  all(text(1, name), integer(3, value), integer(20, INT_ATTRIBUTE));
const integersAttribute = (name: string, values: readonly number[]): Write =>
  all(text(1, name), ...values.map((value) => integer(8, value)), integer(20, INTS_ATTRIBUTE));

function node(operator: string, name: string, inputs: string[], output: string, attributes: Write[]): Write {
  return all(
    ...inputs.map((input) => text(1, input)),
    text(2, output),
    text(3, name),
    text(4, operator),
    ...attributes.map((attribute) => message(5, attribute)),
  );
}

/** TensorProto, its elements little-endian as everything here is. */
function tensor(name: string, shape: readonly number[], data: Float32Array): Write {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return all(...shape.map((size) => integer(1, size)), integer(2, FLOAT), text(8, name), raw(9, bytes));
}

/** TensorProto of a shape: little-endian i64. */
function sizesTensor(name: string, sizes: readonly number[]): Write {
  const bytes = new Uint8Array(BigInt64Array.from(sizes, BigInt).buffer);
  return all(integer(1, sizes.length), integer(2, INT64), text(8, name), raw(9, bytes));
}

/** ValueInfoProto of (batch, width) f32. */
function valueInfo({ name, width, doc }: OnnxValue): Write {
  const shape = all(message(1, text(2, 'batch')), message(1, integer(1, width)));
  const type = message(1, all(integer(1, FLOAT), message(2, shape)));
  return all(text(1, name), message(2, type), text(3, doc));
}
