import {
  ConfigError,
  type DataSet,
  imageLength,
  type NamedTensor,
  parseConfig,
  readCheckpoint,
  readParameters,
  readSafetensors,
  SafetensorsError,
  type Snapshot,
  type VaeConfig,
} from 'webgpu-vae';

/** Larger files are none that this page could have made. */
const MOST_BYTES = 2 ** 29;

/** What a file holds: a training to go on with, or the parameters of a model to begin with. */
export type ModelFile = { snapshot: Snapshot } | { parameters: NamedTensor[]; config: Partial<VaeConfig> };

/** Whether a file is a safetensors file, by its content: its header's length, then JSON. */
export async function isSafetensors(file: File): Promise<boolean> {
  const first = new Uint8Array(await file.slice(0, 9).arrayBuffer());
  return first.length === 9 && first[8] === '{'.charCodeAt(0);
}

/**
 * Reads a checkpoint, or a model as the command line writes it beside one: `model.safetensors`.
 * @throws CheckpointError, SafetensorsError, ConfigError or RangeError that says what was expected
 */
export async function readModelFile(file: File, data: DataSet): Promise<ModelFile> {
  if (file.size > MOST_BYTES) {
    throw new RangeError(
      `load ${file.name}: expected at most ${MOST_BYTES} bytes, got ${file.size}: choose a checkpoint`,
    );
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  const { tensors, metadata } = readSafetensors(bytes);
  if (Object.hasOwn(metadata, 'webgpu-vae.checkpoint')) {
    return { snapshot: readCheckpoint(bytes) };
  }
  const parameters = readParameters(bytes);
  const layers = layersOf(tensors);
  const size = imageLength(data.train);
  if (layers.imageSize !== size) {
    throw new ConfigError(
      `load ${file.name}: the model is of images of ${layers.imageSize} pixels, expected ${size}, as the data set has: choose its data first`,
    );
  }
  const learnsSigma = tensors.some(({ name }) => name === 'log_variance.value');
  const likelihood: Partial<VaeConfig> = learnsSigma ? { likelihood: 'gaussian', sigma: 'learned' } : {};
  const { hidden, latent } = layers;
  return { parameters, config: { ...settingsOf(metadata), ...likelihood, hidden, latent } };
}

/** Sizes from the shapes of the encoder's weights (outputs, inputs), in their order. */
export function layersOf(tensors: readonly NamedTensor[]): { imageSize: number; hidden: number[]; latent: number } {
  const weight = (name: string) => tensors.find((tensor) => tensor.name === `${name}.weight`)?.shape;
  const encoder: number[][] = [];
  for (let shape = weight('encoder.0'); shape; shape = weight(`encoder.${2 * encoder.length}`)) encoder.push(shape);
  const [latent, inputs] = weight('mu') ?? [];
  if (latent === undefined || inputs === undefined) {
    throw new SafetensorsError(
      'load the model: expected tensors mu.weight and encoder.0.weight, found others: use a model of webgpu-vae',
    );
  }
  return { imageSize: encoder[0]?.[1] ?? inputs, hidden: encoder.map(([outputs]) => outputs!), latent };
}

/** The settings that the command line writes into the file; none of them are needed. */
export function settingsOf(metadata: Record<string, string>): Partial<VaeConfig> {
  try {
    const given = Object.entries(JSON.parse(metadata.config ?? '{}') as Partial<VaeConfig>);
    const settings = Object.fromEntries(given.filter(([name]) => name in parseConfig())) as Partial<VaeConfig>;
    parseConfig(settings);
    return settings;
  } catch {
    return {};
  }
}
