import { bceOf, sigmoidOf } from './dense.ts';

type Values = ArrayLike<number>;

/** What is known of a model without its parameters. */
export interface Widths {
  hidden: number[];
  latent: number;
  /** After every hidden layer; ReLU if left out. */
  activation?: 'relu' | 'tanh';
}

export interface Problem extends Widths {
  imageSize: number;
  beta: number;
  /** (B, D) in [0, 1]. */
  x: Values;
  /** (B, L). */
  eps: Values;
  batch: number;
  /** K: the importance-weighted bound with as many samples; `eps` is (B K, L) then. */
  samples?: number;
}

/** Parameters by PyTorch's names: `encoder.0.weight` (out, in) and so on. */
export type Parameters = Map<string, Values>;

/** In nats per image, means over the batch; loss = bce + beta kld, or the importance-weighted bound. */
export interface Losses {
  loss: number;
  bce: number;
  kld: number;
}

type Nonlinearity = Exclude<Widths['activation'], undefined> | 'none';

function layer(parameters: Parameters, name: string, inp: Values, after: Nonlinearity): Float64Array {
  const weight = parameters.get(`${name}.weight`)!;
  const bias = parameters.get(`${name}.bias`)!;
  return Float64Array.from({ length: bias.length }, (_, o) => {
    let sum = bias[o]!;
    for (let c = 0; c < inp.length; c++) sum += weight[o * inp.length + c]! * inp[c]!;
    return after === 'relu' ? Math.max(sum, 0) : after === 'tanh' ? Math.tanh(sum) : sum;
  });
}

/** Every layer's input, and the last one's output. */
function stack(
  { activation = 'relu' }: Widths,
  parameters: Parameters,
  names: string[],
  inp: Values,
  alsoAfterLast: boolean,
): Values[] {
  const values = [inp];
  for (const [i, name] of names.entries()) {
    const after = alsoAfterLast || i < names.length - 1 ? activation : 'none';
    values.push(layer(parameters, name, values.at(-1)!, after));
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
  const top = stack(widths, parameters, encoderNames(widths), image, true).at(-1)!;
  return { mu: layer(parameters, 'mu', top, 'none'), logvar: layer(parameters, 'logvar', top, 'none') };
}

/** The logits (D) of p(x|z) for one z (L). */
export function decode(widths: Widths, parameters: Parameters, z: Values): Values {
  return stack(widths, parameters, decoderNames(widths), z, false).at(-1)!;
}

function reparameterize({ mu, logvar }: { mu: Values; logvar: Values }, eps: Values): Float64Array {
  return Float64Array.from(mu, (m, j) => m + Math.exp(logvar[j]! / 2) * eps[j]!);
}

function rowOf(values: Values, row: number, width: number): Float64Array {
  return Float64Array.from({ length: width }, (_, i) => values[row * width + i]!);
}

/**
 * log w = log p(x|z) + log p(z) − log q(z|x) of samples of one image, and what it consists of; the densities are written out.
 * @param eps (K, L)
 */
export function logWeights(
  widths: Widths,
  parameters: Parameters,
  image: Values,
  eps: Values,
): { bce: number; ratio: number }[] {
  const { latent: L } = widths;
  const { mu, logvar } = encode(widths, parameters, image);
  return Array.from({ length: eps.length / L }, (_, k) => {
    const z = reparameterize({ mu, logvar }, rowOf(eps, k, L));
    const logits = decode(widths, parameters, z);
    let bce = 0;
    for (let d = 0; d < image.length; d++) bce += bceOf(logits[d]!, image[d]!);
    let ratio = 0;
    for (let j = 0; j < L; j++) {
      const prior = -0.5 * (Math.log(2 * Math.PI) + z[j]! ** 2);
      const posterior = -0.5 * (Math.log(2 * Math.PI) + logvar[j]! + (z[j]! - mu[j]!) ** 2 / Math.exp(logvar[j]!));
      ratio += prior - posterior;
    }
    return { bce, ratio };
  });
}

/** −log of the mean of the weights. */
export function importanceBound(samples: readonly { bce: number; ratio: number }[]): number {
  const logs = samples.map(({ bce, ratio }) => ratio - bce);
  const largest = Math.max(...logs);
  return -(largest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0) / logs.length));
}

function iwaeLosses({ x, eps, batch, samples = 1, ...problem }: Problem, parameters: Parameters): Losses {
  const { imageSize, latent } = problem;
  const sums = { loss: 0, bce: 0, kld: 0 };
  for (let b = 0; b < batch; b++) {
    const own = rowOf(eps, b, samples * latent);
    const drawn = logWeights(problem, parameters, rowOf(x, b, imageSize), own);
    sums.loss += importanceBound(drawn) / batch;
    for (const { bce, ratio } of drawn) {
      sums.bce += bce / samples / batch;
      sums.kld -= ratio / samples / batch;
    }
  }
  return sums;
}

/** A batch's losses, written straight from the formulas, in float64. */
export function vaeLosses(problem: Problem, parameters: Parameters): Losses {
  if (problem.samples !== undefined) return iwaeLosses(problem, parameters);
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
  const { activation } = problem;
  const throughActivation = (dout: Float64Array, out: Values) =>
    dout.map((slope, i) => (activation === 'tanh' ? slope * (1 - out[i]! ** 2) : out[i]! > 0 ? slope : 0));

  for (let b = 0; b < batch; b++) {
    const image = rowOf(x, b, imageSize);
    const noise = rowOf(eps, b, latent);
    const encoder = encoderNames(problem);
    const decoder = decoderNames(problem);
    const up = stack(problem, parameters, encoder, image, true);
    const top = up.at(-1)!;
    const mu = layer(parameters, 'mu', top, 'none');
    const logvar = layer(parameters, 'logvar', top, 'none');
    const down = stack(problem, parameters, decoder, reparameterize({ mu, logvar }, noise), false);

    let slope: Float64Array = image.map((pixel, d) => (sigmoidOf(down.at(-1)![d]!) - pixel) / batch);
    for (let i = decoder.length - 1; i >= 0; i--) {
      slope = back(decoder[i]!, down[i]!, slope);
      if (i > 0) slope = throughActivation(slope, down[i]!);
    }
    const dmu = slope.map((dz, j) => dz + (beta / batch) * mu[j]!);
    const dlogvar = slope.map((dz, j) => {
      return 0.5 * (dz * noise[j]! * Math.exp(logvar[j]! / 2) + (beta / batch) * (Math.exp(logvar[j]!) - 1));
    });
    const ofLogvar = back('logvar', top, dlogvar);
    slope = back('mu', top, dmu).map((value, c) => value + ofLogvar[c]!);
    for (let i = encoder.length - 1; i >= 0; i--)
      slope = back(encoder[i]!, up[i]!, throughActivation(slope, up[i + 1]!));
  }
  return gradient;
}
