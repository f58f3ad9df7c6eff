/** `webgpu-vae export`: a trained model in other programs' formats. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, f16Bits, imageLength, layersOfVae, writeSafetensors } from 'webgpu-vae';
import { checkOut, writeOut } from '../explore/session.ts';
import type { ExportSettings } from '../export-command.ts';
import { cannotWrite, checkOutputFolder, writeFileAtomic } from '../files.ts';
import { thousands } from '../format.ts';
import { type FoundModel, findModel } from '../open-model.ts';
import { packageVersion } from '../version.ts';
import { OPSET, writeOnnx } from './onnx.ts';
import { type PlaneModel, planePage } from './plane-page.ts';

/**
 * Everything is made before anything is written.
 * @returns 0
 * @throws UsageError, SafetensorsError, CheckpointError; ConfigError for a model that cannot be exported
 */
export async function exportModel({ model: path, out, format, force }: ExportSettings): Promise<number> {
  if (format === 'onnx') {
    await checkOutputFolder(out);
    await writeFolder(out, onnxFiles(await findModel(path)));
    process.stdout.write(`${out}: encoder.onnx and decoder.onnx, opset ${OPSET}.\n`);
    return 0;
  }
  await checkOut(out, [format === 'html' ? 'html' : 'safetensors'], force);
  const model = await findModel(path);
  const content = format === 'html' ? page(model) : weights(model, format === 'safetensors-f16' ? 'F16' : 'F32');
  await writeOut(out, content);
  const sizeBytes = typeof content === 'string' ? Buffer.byteLength(content) : content.length;
  const what = format === 'html' ? 'a page that needs nothing else' : `the weights as ${format.slice(-3)}`;
  process.stdout.write(`${out}: ${what}, ${thousands(sizeBytes)} bytes.\n`);
  return 0;
}

/** Files into a new folder, all or none. */
async function writeFolder(folder: string, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  let made: string | undefined;
  const written: string[] = [];
  try {
    made = await mkdir(folder, { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      await writeFileAtomic(join(folder, name), content);
      written.push(join(folder, name));
    }
  } catch (error) {
    for (const path of written) await rm(path, { force: true });
    if (made !== undefined) await rm(made, { recursive: true, force: true });
    throw cannotWrite(folder, error as NodeJS.ErrnoException);
  }
}

/** The encoder and the decoder as models of their own. */
function onnxFiles(model: FoundModel): Record<string, Uint8Array> {
  const { encoder, mu, logvar, decoder } = layersOfVae(model);
  const { rows, columns, channels } = model.images;
  const { latent } = model.config;
  const levels = channels === 1 ? 'grey levels' : 'red, green and blue';
  const images = { width: imageLength(model.images), doc: `${levels} from 0 to 1, ${rows} rows of ${columns}` };
  const shared = { metadata: metadataOf(model), producerVersion: packageVersion() };
  return {
    'encoder.onnx': writeOnnx({
      ...shared,
      name: 'encoder',
      doc: 'q(z|x) = N(mu, diag exp(logvar)) of a variational autoencoder',
      input: { name: 'image', ...images },
      stack: encoder,
      heads: [mu, logvar],
      outputs: [
        { name: 'mu', width: latent, doc: 'mean of q(z|x)' },
        { name: 'logvar', width: latent, doc: 'logarithm of the variances of q(z|x)' },
      ],
    }),
    'decoder.onnx': writeOnnx({
      ...shared,
      name: 'decoder',
      doc: 'the mean of p(x|z) of a variational autoencoder',
      input: { name: 'z', width: latent, doc: 'a point of the latent space, N(0, I) before any image is seen' },
      stack: decoder,
      heads: [],
      outputs: [{ name: 'pixels', ...images }],
    }),
  };
}

function weights(model: FoundModel, dtype: 'F16' | 'F32'): Uint8Array {
  return writeSafetensors(model.parameters, { format: 'pt', ...metadataOf(model) }, dtype);
}

/** As `train` writes it beside its weights. */
function metadataOf({ config, images, data, step }: FoundModel): Record<string, string> {
  const { rows, columns, channels } = images;
  const size = { rows, columns, ...(channels > 1 && { imageChannels: channels }) };
  return {
    config: JSON.stringify({ ...config, ...size, ...(data !== undefined && { data }) }),
    ...(step !== undefined && { step: String(step) }),
  };
}

function page(model: FoundModel): string {
  const { config, images, data, step } = model;
  const decoder = layersOfVae(model).decoder.filter((layer) => layer.kind === 'dense');
  if (config.arch !== 'dense') {
    throw new ConfigError(
      `export: the model's arch is ${config.arch}, expected dense: the page decodes dense layers only, use --onnx`,
    );
  }
  const { rows, columns, channels } = images;
  const flat = new Float32Array(decoder.reduce((sum, { weight, bias }) => sum + weight.length + bias.length, 0));
  let at = 0;
  for (const { weight, bias } of decoder) {
    flat.set(weight, at);
    flat.set(bias, at + weight.length);
    at += weight.length + bias.length;
  }
  const halves = f16Bits(flat);
  if (!halves)
    throw new RangeError('export: a weight is beyond 65504, which f16 has not: the model is broken, use another');
  const sizes = decoder.map(({ inputs }) => inputs).concat(imageLength(images));
  const shown: PlaneModel = {
    rows,
    columns,
    channels,
    latent: config.latent,
    layers: decoder.map(({ inputs, outputs, activation }) => ({ inputs, outputs, activation })),
    facts: [
      ['Decoder', sizes.join('-')],
      [
        'Images',
        `${columns} × ${rows} pixels${channels === 1 ? '' : ' in colour'}${data === undefined ? '' : `, trained on ${data}`}`,
      ],
      ...(step === undefined ? [] : ([['Steps', thousands(step)]] as [string, string][])),
      [
        'Shown',
        config.likelihood === 'bernoulli'
          ? `the probability that a ${channels === 1 ? 'pixel is white' : 'colour of a pixel is full'}`
          : 'the mean of each pixel',
      ],
      ['Weights', `${thousands(flat.length)}, rounded to 16 bits`],
      ['Made with', `webgpu-vae ${packageVersion()}`],
    ],
  };
  return planePage(`Latent plane${data === undefined ? '' : ` of ${data}`}`, shown, halves);
}
