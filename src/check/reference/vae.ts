import { bceOf, sigmoidOf } from './dense.ts';

type Values = ArrayLike<number>;

/** What is known of a model without its parameters. */
export interface Widths {
  hidden: number[];
  latent: number;
}

export interface Problem extends Widths {
  imageSize: number;
  beta: number;
  /** (B, D) in [0, 1]. */
  x: Values;
  /** (B, L). */
  eps: Values;
  batch: number;
}

/** Parameters by PyTorch's names: `encoder.0.weight` (out, in) and so on. */
export type Parameters = Map<string, Values>;

/** In nats per image, means over the batch; loss = bce + beta kld. */
export interface Losses {
  loss: number;
  bce: number;
  kld: number;
}

function layer(parameters: Parameters, name: string, inp: Values, relu: boolean): Float64Array {
  const weight = parameters.get(`${name}.weight`)!;
  const bias = parameters.get(`${name}.bias`)!;
  return Float64Array.from({ length: bias.length }, (_, o) => {
    let sum = bias[o]!;
    for (let c = 0; c < inp.length; c++) sum += weight[o * inp.length + c]! * inp[c]!;
    return relu ? Math.max(sum, 0) : sum;
  });
}

/** Every layer's input, and the last one's output. */
function stack(parameters: Parameters, names: string[], inp: Values, lastRelu: boolean): Values[] {
  const values = [inp];
  for (const [i, name] of names.entries()) {
    values.push(layer(parameters, name, values.at(-1)!, lastRelu || i < names.length - 1));
  }
  return values;
}

function encoderNames({ hidden }: Widths): string[] {
  return hidden.map((_, i) => `encoder.${2 * i}`);
}

function decoderNames({ hidden }: Widths): string[] {
  return [...hidden, 0].map((_, i) => `decoder.${2 * i}`);
}

/** q(z|x) of one image (D): μ and log σ², both (L). */
export function encode(widths: Widths, parameters: Parameters, image: Values): { mu: Values; logvar: Values } {
  const top = stack(parameters, encoderNames(widths), image, true).at(-1)!;
  return { mu: layer(parameters, 'mu', top, false), logvar: layer(parameters, 'logvar', top, false) };
}

/** The logits (D) of p(x|z) for one z (L). */
export function decode(widths: Widths, parameters: Parameters, z: Values): Values {
  return stack(parameters, decoderNames(widths), z, false).at(-1)!;
}

function reparameterize({ mu, logvar }: { mu: Values; logvar: Values }, eps: Values): Float64Array {
  return Float64Array.from(mu, (m, j) => m + Math.exp(logvar[j]! / 2) * eps[j]!);
}

function rowOf(values: Values, row: number, width: number): Float64Array {
  return Float64Array.from({ length: width }, (_, i) => values[row * width + i]!);
}

/** A batch's losses, written straight from the formulas, in float64. */
export function vaeLosses(problem: Problem, parameters: Parameters): Losses {
  const { imageSize, latent, beta, x, eps, batch } = problem;
  let bce = 0;
  let kld = 0;
  for (let b = 0; b < batch; b++) {
    const image = rowOf(x, b, imageSize);
    const { mu, logvar } = encode(problem, parameters, image);
    const logits = decode(problem, parameters, reparameterize({ mu, logvar }, rowOf(eps, b, latent)));
    for (const [d, pixel] of image.entries()) bce += bceOf(logits[d]!, pixel) / batch;
    for (let j = 0; j < latent; j++) {
      kld -= (1 + logvar[j]! - mu[j]! ** 2 - Math.exp(logvar[j]!)) / 2 / batch;
    }
  }
  return { loss: bce + beta * kld, bce, kld };
}

/** The gradient of `vaeLosses` by central differences: off by about H² f‴ / 6 + 1e-16 f / H. */
export function finiteDifferences(problem: Problem, parameters: Parameters): Map<string, Float64Array> {
  const H = 1e-5;
  const gradient = new Map<string, Float64Array>();
  for (const [name, values] of parameters) {
    const moved = Float64Array.from(values);
    const all = new Map(parameters).set(name, moved);
    const slopes = moved.map((value, i) => {
      moved[i] = value + H;
      const above = vaeLosses(problem, all).loss;
      moved[i] = value - H;
      const below = vaeLosses(problem, all).loss;
      moved[i] = value;
      return (above - below) / (2 * H);
    });
    gradient.set(name, slopes);
  }
  return gradient;
}

/**
 * The gradient of `vaeLosses` by the chain rule, image by image, in float64: for models with too many parameters to move
 * each of them. tests/check/reference.spec.ts holds it against the differences.
 */
export function vaeGradient(problem: Problem, parameters: Parameters): Map<string, Float64Array> {
  const { imageSize, latent, beta, x, eps, batch } = problem;
  const gradient = new Map([...parameters].map(([name, { length }]) => [name, new Float64Array(length)]));

  /** Adds a layer's share, and returns the gradient of its input. */
  const back = (name: string, inp: Values, dout: Values): Float64Array => {
    const weight = parameters.get(`${name}.weight`)!;
    const dweight = gradient.get(`${name}.weight`)!;
    const dbias = gradient.get(`${name}.bias`)!;
    const dinp = new Float64Array(inp.length);
    for (let o = 0; o < dout.length; o++) {
      dbias[o]! += dout[o]!;
      for (let c = 0; c < inp.length; c++) {
        dweight[o * inp.length + c]! += dout[o]! * inp[c]!;
        dinp[c]! += dout[o]! * weight[o * inp.length + c]!;
      }
    }
    return dinp;
  };
  const throughRelu = (dout: Float64Array, out: Values) => dout.map((slope, i) => (out[i]! > 0 ? slope : 0));

  for (let b = 0; b < batch; b++) {
    const image = rowOf(x, b, imageSize);
    const noise = rowOf(eps, b, latent);
    const encoder = encoderNames(problem);
    const decoder = decoderNames(problem);
    const up = stack(parameters, encoder, image, true);
    const top = up.at(-1)!;
    const mu = layer(parameters, 'mu', top, false);
    const logvar = layer(parameters, 'logvar', top, false);
    const down = stack(parameters, decoder, reparameterize({ mu, logvar }, noise), false);

    let slope: Float64Array = image.map((pixel, d) => (sigmoidOf(down.at(-1)![d]!) - pixel) / batch);
    for (let i = decoder.length - 1; i >= 0; i--) {
      slope = back(decoder[i]!, down[i]!, slope);
      if (i > 0) slope = throughRelu(slope, down[i]!);
    }
    const dmu = slope.map((dz, j) => dz + (beta / batch) * mu[j]!);
    const dlogvar = slope.map((dz, j) => {
      return 0.5 * (dz * noise[j]! * Math.exp(logvar[j]! / 2) + (beta / batch) * (Math.exp(logvar[j]!) - 1));
    });
    const ofLogvar = back('logvar', top, dlogvar);
    slope = back('mu', top, dmu).map((value, c) => value + ofLogvar[c]!);
    for (let i = encoder.length - 1; i >= 0; i--) slope = back(encoder[i]!, up[i]!, throughRelu(slope, up[i + 1]!));
  }
  return gradient;
}
