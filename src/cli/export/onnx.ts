/**
 * ONNX files, written with protobuf's own writer. Field numbers are those of onnx.proto
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto); what a model needs of it is little.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { DenseLayer } from 'webgpu-vae';

/** The operators' version: Gemm of 13, Relu of 14, Tanh and Sigmoid of 13 are what they are in it. Runtimes have it since 2022. */
export const OPSET = 17;
/** The file format's version that goes with that opset. */
const IR_VERSION = 8;
const FLOAT = 1;
const INT_ATTRIBUTE = 2;

/** A graph of dense layers from one input. */
export interface OnnxModel {
  name: string;
  /** What it computes, in a sentence. */
  doc: string;
  input: OnnxValue;
  /** Layers that follow each other. */
  stack: readonly DenseLayer[];
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
  const add = (layer: DenseLayer, to: string): void => {
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
    ...[...stack, ...heads].flatMap((layer) => [
      message(5, tensor(`${layer.name}.weight`, [layer.outputs, layer.inputs], layer.weight)),
      message(5, tensor(`${layer.name}.bias`, [layer.outputs], layer.bias)),
    ]),
    message(11, valueInfo(input)),
    ...outputs.map((output) => message(12, valueInfo(output))),
  );
}

const OPERATORS = { relu: 'Relu', tanh: 'Tanh', sigmoid: 'Sigmoid' } as const;

/** NodeProtos: a Gemm with the weight as PyTorch has it, and the activation. */
function nodesOf({ name, activation }: DenseLayer, from: string, to: string): Write[] {
  const linear = activation === 'none' ? to : `${name}.linear`;
  const gemm = node('Gemm', name, [from, `${name}.weight`, `${name}.bias`], linear, [
    all(text(1, 'transB'), integer(3, 1), integer(20, INT_ATTRIBUTE)),
  ]);
  if (activation === 'none') return [gemm];
  return [gemm, node(OPERATORS[activation], `${name}.${activation}`, [linear], to, [])];
}

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

/** ValueInfoProto of (batch, width) f32. */
function valueInfo({ name, width, doc }: OnnxValue): Write {
  const shape = all(message(1, text(2, 'batch')), message(1, integer(1, width)));
  const type = message(1, all(integer(1, FLOAT), message(2, shape)));
  return all(text(1, name), message(2, type), text(3, doc));
}
