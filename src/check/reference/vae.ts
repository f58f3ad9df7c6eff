import { bceOf } from './dense.ts';

type Values = ArrayLike<number>;

export interface Problem {
  imageSize: number;
  hidden: number[];
  latent: number;
  beta: number;
  /** (B, D) in [0, 1]. */
  x: Values;
  /** (B, L). */
  eps: Values;
  batch: number;
}

/** Parameters by PyTorch's names: `encoder.0.weight` (out, in) and so on. */
export type Parameters = Map<string, Values>;

function layer(parameters: Parameters, name: string, inp: Float64Array, relu: boolean): Float64Array {
  const weight = parameters.get(`${name}.weight`)!;
  const bias = parameters.get(`${name}.bias`)!;
  return Float64Array.from({ length: bias.length }, (_, o) => {
    let sum = bias[o]!;
    for (let c = 0; c < inp.length; c++) sum += weight[o * inp.length + c]! * inp[c]!;
    return relu ? Math.max(sum, 0) : sum;
  });
}

/** The loss of a batch, BCE + β KL as a mean over its images, written straight from the formulas, in float64. */
export function vaeLoss({ imageSize, hidden, latent, beta, x, eps, batch }: Problem, parameters: Parameters): number {
  let loss = 0;
  for (let b = 0; b < batch; b++) {
    const image = Float64Array.from({ length: imageSize }, (_, d) => x[b * imageSize + d]!);
    let h: Float64Array = image;
    for (const i of hidden.keys()) h = layer(parameters, `encoder.${2 * i}`, h, true);
    const mu = layer(parameters, 'mu', h, false);
    const logvar = layer(parameters, 'logvar', h, false);
    h = mu.map((m, j) => m + Math.exp(logvar[j]! / 2) * eps[b * latent + j]!);
    for (const i of hidden.keys()) h = layer(parameters, `decoder.${2 * i}`, h, true);
    const logits = layer(parameters, `decoder.${2 * hidden.length}`, h, false);
    for (const [d, logit] of logits.entries()) loss += bceOf(logit, image[d]!);
    for (const [j, m] of mu.entries()) loss -= (beta / 2) * (1 + logvar[j]! - m * m - Math.exp(logvar[j]!));
  }
  return loss / batch;
}

/** The gradient of `vaeLoss` by central differences: off by about H² f‴ / 6 + 1e-16 f / H. */
export function vaeGradient(problem: Problem, parameters: Parameters): Map<string, Float64Array> {
  const H = 1e-5;
  const gradient = new Map<string, Float64Array>();
  for (const [name, values] of parameters) {
    const moved = Float64Array.from(values);
    const all = new Map(parameters).set(name, moved);
    const slopes = moved.map((value, i) => {
      moved[i] = value + H;
      const above = vaeLoss(problem, all);
      moved[i] = value - H;
      const below = vaeLoss(problem, all);
      moved[i] = value;
      return (above - below) / (2 * H);
    });
    gradient.set(name, slopes);
  }
  return gradient;
}
