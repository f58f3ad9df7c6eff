import type { NamedTensor } from 'webgpu-vae';

interface Layer {
  inputs: number;
  outputs: number;
  /** (outputs, inputs). */
  weight: Float32Array;
  bias: Float32Array;
}

/** Decodes on the CPU, for where there is no GPU, or not yet: z -> pixels, with dense layers, ReLU between them and a sigmoid at the end. */
export class CpuDecoder {
  /** L. */
  readonly latent: number;
  #layers: readonly Layer[];

  /** @param parameters with PyTorch's names: `decoder.0.weight`, `decoder.0.bias`, `decoder.2.weight` and so on */
  constructor(parameters: readonly NamedTensor[]) {
    const named = (name: string) => parameters.find((each) => each.name === name);
    const layers: Layer[] = [];
    for (;;) {
      const name = `decoder.${2 * layers.length}`;
      const [weight, bias] = [named(`${name}.weight`), named(`${name}.bias`)];
      if (!weight || !bias) break;
      const [outputs, inputs] = weight.shape as [number, number];
      layers.push({ inputs, outputs, weight: weight.data, bias: bias.data });
    }
    if (layers.length === 0) throw new RangeError('CpuDecoder: expected a tensor decoder.0.weight, found none');
    this.#layers = layers;
    this.latent = layers[0]!.inputs;
  }

  /** @param z (n, L) -> pixels (n, D) in [0, 1] */
  run(z: Float32Array): Float32Array {
    const rows = z.length / this.latent;
    let inp = z;
    for (const [i, layer] of this.#layers.entries()) inp = forward(inp, rows, layer, i + 1 < this.#layers.length);
    return inp;
  }
}

function forward(
  inp: Float32Array,
  rows: number,
  { inputs, outputs, weight, bias }: Layer,
  hidden: boolean,
): Float32Array {
  const out = new Float32Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    const first = row * inputs;
    for (let o = 0; o < outputs; o++) {
      let sum = bias[o]!;
      const at = o * inputs;
      for (let i = 0; i < inputs; i++) sum += inp[first + i]! * weight[at + i]!;
      out[row * outputs + o] = hidden ? Math.max(0, sum) : 1 / (1 + Math.exp(-sum));
    }
  }
  return out;
}
