/** The convolutional encoder and decoder, on images (B, rows, columns, channels). */
import { convSize } from '../kernels/conv-sizes.ts';
import { conv2d, convTranspose2d } from '../nn/conv.ts';
import { dense, type ImageAxes } from '../nn/dense.ts';
import { activation } from '../nn/elementwise.ts';
import { reshape, type Tape, type Value } from '../nn/tape.ts';
import type { VaeConfig } from './config.ts';

const KERNEL = { kernel: 3, padding: 1 };
const HALVED = { ...KERNEL, stride: 2 };

/** Rows and columns of the images, and after each layer of the encoder, which halves them: 28, 14, 7. */
function sizesOf({ images }: Tape, { channels }: VaeConfig): [number, number][] {
  const sizes: [number, number][] = [[images.rows, images.columns]];
  for (const _ of channels) {
    const [rows, columns] = sizes.at(-1)!;
    const halved = { stride: HALVED.stride, padding: HALVED.padding };
    sizes.push([convSize(rows, HALVED.kernel, halved), convSize(columns, HALVED.kernel, halved)]);
  }
  return sizes;
}

/** What lies between the last convolution and the dense layer. */
function innermost(tape: Tape, config: VaeConfig): ImageAxes {
  return [...sizesOf(tape, config).at(-1)!, config.channels.at(-1)!];
}

/** A layer with what comes after it: ReLU in the same kernel, or another function in one of its own. */
function activated(
  tape: Tape,
  { activation: name }: VaeConfig,
  record: (options: { activation: 'relu' | 'none' }) => Value,
): Value {
  if (name === 'relu') return record({ activation: name });
  return activation(tape, record({ activation: 'none' }), name);
}

/**
 * Images (B, D) -> (B, dense): convolutions with stride 2 and a dense layer, ReLU after each. Their names count as an nn.Sequential's
 * layers do, ReLU and Flatten with them.
 */
export function convEncoder(tape: Tape, x: Value, config: VaeConfig): Value {
  const { rows, columns, channels } = tape.images;
  let value = reshape(tape, x, [x.tensor.shape[0]!, rows, columns, channels]);
  for (const [i, width] of config.channels.entries()) {
    value = activated(tape, config, (after) =>
      conv2d(tape, value, width, { name: `encoder.${2 * i}`, ...HALVED, ...after }),
    );
  }
  const flattened = innermost(tape, config);
  const flat = reshape(tape, value, [x.tensor.shape[0]!, flattened.reduce((product, size) => product * size, 1)]);
  const name = `encoder.${2 * config.channels.length + 1}`;
  return activated(tape, config, (after) => dense(tape, flat, config.dense, { name, flattened, ...after }));
}

/**
 * z (B, L) -> logits (B, D): two dense layers, transposed convolutions with stride 2, each with as many channels as come in, ReLU after
 * each, and one with stride 1 to the images' channels. Chollet's "Convolutional VAE" at keras.io has it so, but for the first layer.
 */
export function convDecoder(tape: Tape, z: Value, config: VaeConfig): Value {
  const [B] = z.tensor.shape as [number];
  const unflattened = innermost(tape, config);
  const first = activated(tape, config, (after) => dense(tape, z, config.dense, { name: 'decoder.0', ...after }));
  const size = unflattened.reduce((product, part) => product * part, 1);
  const wide = activated(tape, config, (after) =>
    dense(tape, first, size, { name: 'decoder.2', unflattened, ...after }),
  );
  let value = reshape(tape, wide, [B, ...unflattened]);
  const sizes = sizesOf(tape, config);
  let name = 5;
  for (const [i, channels] of [...config.channels.entries()].reverse()) {
    const [rows, columns] = sizes[i]!;
    // An odd size has one row less than twice the half.
    const outputPadding = [1 - (rows % 2), 1 - (columns % 2)] as const;
    const layer = { name: `decoder.${name}`, ...HALVED, outputPadding };
    value = activated(tape, config, (after) => convTranspose2d(tape, value, channels, { ...layer, ...after }));
    name += 2;
  }
  const { rows, columns, channels } = tape.images;
  const pixels = convTranspose2d(tape, value, channels, { name: `decoder.${name}`, ...KERNEL });
  return reshape(tape, pixels, [B, rows * columns * channels]);
}
