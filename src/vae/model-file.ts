/** A trained VAE's file, whoever wrote it: `model.safetensors` of a run, a checkpoint, or a state_dict from PyTorch. */
import type { NamedTensor } from '../nn/parameters.ts';
import type { ImageShape } from '../nn/tape.ts';
import { isCheckpoint } from '../train/checkpoint.ts';
import { isObject, JsonError, type JsonLimits, parseJson } from '../train/json.ts';
import { readParameters } from '../train/model-file.ts';
import { readSafetensors, SafetensorsError } from '../train/safetensors.ts';
import { readCheckpoint } from './checkpoint.ts';
import { ConfigError, parseConfig, type VaeConfig } from './config.ts';

/** A model that was read: all that is needed to run it. */
export interface VaeFile {
  config: VaeConfig;
  images: ImageShape;
  /** As PyTorch names them. */
  parameters: NamedTensor[];
  /** Training steps behind it, where the file says so. */
  step: number | undefined;
  /** The name of the data set that it was trained on, where the file says so. */
  data: string | undefined;
  /** What the user should know of the file, a line each. */
  notices: string[];
}

/** What `train` writes beside the settings into the metadata of `model.safetensors`. */
interface Beside {
  rows?: unknown;
  columns?: unknown;
  /** 3 of colour images. */
  imageChannels?: unknown;
  data?: unknown;
}

const CONFIG_LIMITS: JsonLimits = { depth: 8, entries: 4096, keys: 1024 };

/**
 * Reads a model, and settles what its settings are: those in the file or, of a file of weights alone, those that follow from
 * their shapes.
 *
 * @param bytes the whole file
 * @throws SafetensorsError, CheckpointError or ConfigError that says what was expected and what was found
 */
export function readVae(bytes: Uint8Array): VaeFile {
  const { tensors, metadata } = readSafetensors(bytes);
  if (isCheckpoint(metadata)) {
    const { config, data, parameters, step } = readCheckpoint(bytes);
    const { rows, columns, channels = 1, name } = data;
    return { config, images: { rows, columns, channels, classes: 0 }, parameters, step, data: name, notices: [] };
  }
  const notices: string[] = [];
  const parameters = readParameters(bytes, (line) => notices.push(line));
  const { settings, beside } = readMetadata(metadata.config);
  const layers = layersOf(parameters.length > 0 ? parameters : tensors, beside);
  const { imageSize, ...shapes } = layers;
  const config = parseConfig({ ...shapes, ...settings, latent: layers.latent });
  const step = /^\d{1,15}$/.test(metadata.step ?? '') ? Number(metadata.step) : undefined;
  const data = typeof beside.data === 'string' ? beside.data : undefined;
  return { config, images: imagesOf(beside, imageSize), parameters, step, data, notices };
}

/** The settings that say how large the layers are, and D. */
type Layers = Pick<VaeConfig, 'latent'> & Partial<VaeConfig> & { imageSize: number };

/**
 * Sizes from the shapes of the encoder's weights, in their order: (outputs, inputs) of dense layers, (outputs, inputs, 3, 3) of
 * convolutions before one dense layer.
 */
export function layersOf(tensors: readonly NamedTensor[], { rows, columns }: Beside = {}): Layers {
  const weight = (name: string) => tensors.find((tensor) => tensor.name === `${name}.weight`)?.shape;
  const encoder: number[][] = [];
  for (let shape = weight('encoder.0'); shape; shape = weight(`encoder.${2 * encoder.length}`)) encoder.push(shape);
  const [latent, inputs] = weight('mu') ?? [];
  if (latent === undefined || inputs === undefined) {
    throw new SafetensorsError(
      'load the model: expected tensors mu.weight and encoder.0.weight, found others: use a model of webgpu-vae',
    );
  }
  const outputs = encoder.map(([size]) => size!);
  if (encoder[0]?.length !== 4) return { imageSize: encoder[0]?.[1] ?? inputs, hidden: outputs, latent };
  const [dense = inputs, flat = 0] = weight(`encoder.${2 * encoder.length + 1}`) ?? [];
  const pixels = flat / outputs.at(-1)!;
  const colours = encoder[0][1]!;
  const factor = 2 ** outputs.length;
  const halved = (size: unknown) => Math.ceil(Number(size) / factor);
  const isKnown = halved(rows) * halved(columns) === pixels;
  // Else every convolution has halved an even size.
  const imageSize = colours * (isKnown ? Number(rows) * Number(columns) : pixels * factor ** 2);
  return { arch: 'conv', channels: outputs, dense, imageSize, latent };
}

function readMetadata(json: string | undefined): { settings: Partial<VaeConfig>; beside: Beside } {
  if (json === undefined) return { settings: {}, beside: {} };
  let value: unknown;
  try {
    value = parseJson(json, CONFIG_LIMITS);
  } catch (error) {
    if (error instanceof JsonError)
      throw new ConfigError(`load the model: the "config" in its metadata ${error.message}`);
    throw error;
  }
  if (!isObject(value)) throw new ConfigError('load the model: the "config" in its metadata is not an object');
  const { rows, columns, imageChannels, data, trainSize: _, ...settings } = value;
  return { settings: settings as Partial<VaeConfig>, beside: { rows, columns, imageChannels, data } };
}

function imagesOf({ rows, columns, imageChannels: channels = 1 }: Beside, imageSize: number): ImageShape {
  if (rows === undefined && columns === undefined) {
    const side = Math.sqrt(imageSize);
    if (Number.isInteger(side)) return { rows: side, columns: side, channels: 1, classes: 0 };
    throw new ConfigError(
      `load the model: its images have ${imageSize} pixels, which is no square: the file's "config" has to say how many rows and columns`,
    );
  }
  const isColour = channels === 3;
  if (
    typeof rows !== 'number' ||
    typeof columns !== 'number' ||
    !(isColour || channels === 1) ||
    rows * columns * channels !== imageSize
  ) {
    const size = `${String(columns)} x ${String(rows)}${channels === 1 ? '' : ` x ${String(channels)}`}`;
    throw new ConfigError(
      `load the model: its images are ${size} pixels, its first layer takes ${imageSize}: use another file`,
    );
  }
  return { rows, columns, channels: isColour ? 3 : 1, classes: 0 };
}
