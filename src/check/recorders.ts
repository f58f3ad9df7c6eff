/** Every recorder of src/nn against its formula: that it hands the kernels the right tensors, and that the tape takes them in order. */
import type { Device } from '../gpu/device.ts';
import type { ActivationFunction } from '../kernels/activation.ts';
import { conv2d, convTranspose2d } from '../nn/conv.ts';
import { denseBernoulli } from '../nn/dense.ts';
import { activation } from '../nn/elementwise.ts';
import { embedding, layerNorm } from '../nn/layers.ts';
import { bernoulli, gaussian, gaussianHeads, softmaxCrossEntropy } from '../nn/loss.ts';
import { reparameterize } from '../nn/reparameterize.ts';
import { reshape } from '../nn/tape.ts';
import type { Check, CheckReport } from './check.ts';
import { imageOperations } from './image-recorders.ts';
import { checkOperation, type OperationCheck } from './operation.ts';
import { erf } from './reference/activation.ts';
import { bceOf } from './reference/dense.ts';

const logistic = (x: number) => 1 / (1 + Math.exp(-x));

const FUNCTIONS: Record<ActivationFunction, (x: number) => number> = {
  relu: (x) => Math.max(x, 0),
  leaky_relu: (x) => (x > 0 ? x : 0.01 * x),
  sigmoid: logistic,
  tanh: Math.tanh,
  silu: (x) => x * logistic(x),
  gelu: (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
  gelu_tanh: (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
};

/** The sum over all rows of what a row comes to, as a mean over the batch. */
function meanOf(B: number, row: (b: number) => number): number[] {
  let sum = 0;
  for (let b = 0; b < B; b++) sum += row(b);
  return [sum / B];
}

function sumOf(count: number, term: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += term(i);
  return sum;
}

function operations(B: number, C: number): OperationCheck[] {
  const sizes = `(B=${B}, C=${C})`;
  const x = { shape: [B, C] };
  const target = { ...x, constant: true };
  const pixels = { ...target, values: Float32Array.from({ length: B * C }, (_, i) => ((i * 37) % 101) / 100) };
  const indices = Uint32Array.from({ length: B }, (_, i) => (i * 5) % (C + 1));
  const halfLog = 0.5 * Math.log(2 * Math.PI);
  return [
    ...Object.entries(FUNCTIONS).map(
      ([name, f]): OperationCheck => ({
        name: `recorder of ${name} ${sizes}`,
        inputs: { x },
        record: (tape, values) => activation(tape, values.x!, name as ActivationFunction),
        reference: (values) => values.x!.map(f),
        // The polynomial of GELU's error function is within 7.5e-8 of it, whatever f32 rounds besides.
        ...(name === 'gelu' ? { tolerance: 1e-5 } : {}),
      }),
    ),
    {
      name: `recorder of leaky_relu with a slope of its own ${sizes}`,
      inputs: { x },
      record: (tape, values) => activation(tape, values.x!, 'leaky_relu', { negativeSlope: 0.3 }),
      reference: (values) => values.x!.map((value) => (value > 0 ? value : 0.3 * value)),
    },
    {
      name: `recorder of layer norm ${sizes}`,
      inputs: { x },
      record: (tape, values) => layerNorm(tape, values.x!, { name: 'norm', epsilon: 0.1 }),
      reference: (values) =>
        values.x!.map((value, i) => {
          const row = values.x!.subarray(i - (i % C), i - (i % C) + C);
          const mean = sumOf(C, (c) => row[c]!) / C;
          const variance = sumOf(C, (c) => (row[c]! - mean) ** 2) / C;
          return (
            ((value - mean) / Math.sqrt(variance + 0.1)) * values['norm.weight']![i % C]! + values['norm.bias']![i % C]!
          );
        }),
      tolerance: 1e-5,
    },
    {
      name: `recorder of embedding ${sizes}`,
      inputs: { indices: { shape: [B], values: indices } },
      record: (tape, values) => embedding(tape, values.indices!, { name: 'table', count: C + 1, width: C }),
      reference: (values) =>
        Float64Array.from(
          { length: B * C },
          (_, i) => values['table.weight']![indices[Math.floor(i / C)]! * C + (i % C)]!,
        ),
    },
    {
      name: `recorder of bernoulli ${sizes}`,
      inputs: { logits: x, x: pixels },
      record: (tape, values) => void bernoulli(tape, values.logits!, values.x!, { weight: 0.5 }),
      reference: (values) =>
        meanOf(B, (b) => 0.5 * sumOf(C, (c) => bceOf(values.logits![b * C + c]!, values.x![b * C + c]!))),
    },
    {
      name: `recorder of dense bernoulli, weighted ${sizes}`,
      inputs: { h: { shape: [B, 4] }, x: pixels },
      record: (tape, values) => void denseBernoulli(tape, values.h!, values.x!, { name: 'last', termWeight: 2 }),
      reference: (values) =>
        meanOf(B, (b) =>
          sumOf(C, (c) => {
            const weight = values['last.weight']!;
            const logit = values['last.bias']![c]! + sumOf(4, (k) => values.h![4 * b + k]! * weight[4 * c + k]!);
            return 2 * bceOf(logit, values.x![b * C + c]!);
          }),
        ),
    },
    {
      name: `recorder of gaussian, given sigma ${sizes}`,
      inputs: { mean: x, x: target },
      record: (tape, values) => void gaussian(tape, values.mean!, values.x!, { sigma: 0.5 }),
      reference: (values) =>
        meanOf(B, (b) =>
          sumOf(C, (c) => 2 * (values.mean![b * C + c]! - values.x![b * C + c]!) ** 2 + Math.log(0.5) + halfLog),
        ),
    },
    {
      name: `recorder of gaussian, learned sigma ${sizes}`,
      inputs: { mean: x, x: target },
      record: (tape, values) => void gaussian(tape, values.mean!, values.x!, { sigma: 'learned', weight: 3 }),
      reference: (values) => {
        const logvar = values['log_variance.value']![0]!;
        return meanOf(B, (b) =>
          sumOf(C, (c) => {
            const square = (values.mean![b * C + c]! - values.x![b * C + c]!) ** 2;
            return 3 * (0.5 * (square * Math.exp(-logvar) + logvar) + halfLog);
          }),
        );
      },
    },
    {
      name: `recorder of gaussian heads ${sizes}`,
      inputs: { heads: { shape: [B, 2 * C] }, x: target },
      record: (tape, values) => void gaussianHeads(tape, values.heads!, values.x!),
      reference: (values) =>
        meanOf(B, (b) =>
          sumOf(C, (c) => {
            const [mean, logvar] = [values.heads![2 * b * C + c]!, values.heads![2 * b * C + C + c]!];
            return 0.5 * ((mean - values.x![b * C + c]!) ** 2 * Math.exp(-logvar) + logvar) + halfLog;
          }),
        ),
    },
    {
      name: `recorder of softmax cross-entropy ${sizes}`,
      inputs: { logits: { shape: [B, C + 1] }, labels: { shape: [B], values: indices } },
      record: (tape, values) => void softmaxCrossEntropy(tape, values.logits!, values.labels!),
      reference: (values) =>
        meanOf(B, (b) => {
          const row = values.logits!.subarray(b * (C + 1), (b + 1) * (C + 1));
          return Math.log(sumOf(C + 1, (c) => Math.exp(row[c]!))) - row[indices[b]!]!;
        }),
    },
    {
      name: `recorder of the KL term ${sizes}`,
      inputs: { heads: { shape: [B, 2 * C] } },
      record: (tape, values) => {
        reparameterize(tape, values.heads!, { weight: 0.25 });
        return undefined;
      },
      reference: (values) =>
        meanOf(B, (b) =>
          sumOf(C, (c) => {
            const [mu, logvar] = [values.heads![2 * b * C + c]!, values.heads![2 * b * C + C + c]!];
            return -0.125 * (1 + logvar - mu * mu - Math.exp(logvar));
          }),
        ),
    },
  ];
}

/**
 * A convolution (B, 3, 5, C) -> (B, 2, 3, OC) of 2 x 2 with stride 2 and padding 1, and the transposed one back, straight from their
 * definition, with weights as files have them: (OC, C, 2, 2) of both.
 */
function convolutions(B: number, C: number, OC: number): OperationCheck[] {
  const sizes = `(B=${B}, C=${C}, OC=${OC})`;
  const [H, W, HO, WO] = [3, 5, 2, 3];
  /** Every element of the large and the small side and of the weight that meet. */
  const meet = (visit: (large: number, small: number, weight: number) => void): void => {
    for (let i = 0; i < B * HO * WO * OC * C * 4; i++) {
      const [j, k, c] = [i % 2, (i >> 1) % 2, (i >> 2) % C];
      const small = Math.floor(i / (4 * C));
      const [o, x, y, b] = [
        small % OC,
        Math.floor(small / OC) % WO,
        Math.floor(small / (OC * WO)) % HO,
        Math.floor(small / (OC * WO * HO)),
      ];
      const [row, column] = [2 * y + k - 1, 2 * x + j - 1];
      if (row < 0 || row >= H || column < 0 || column >= W) continue;
      visit(((b * H + row) * W + column) * C + c, small, ((o * C + c) * 2 + k) * 2 + j);
    }
  };
  const layer = { name: 'conv', kernel: 2, stride: 2, padding: 1 };
  return [
    {
      name: `recorder of conv2d, reshaped ${sizes}`,
      inputs: { x: { shape: [B, H * W * C] } },
      record: (tape, values) =>
        reshape(tape, conv2d(tape, reshape(tape, values.x!, [B, H, W, C]), OC, layer), [B, HO * WO * OC]),
      reference: (values) => {
        const out = Float64Array.from({ length: B * HO * WO * OC }, (_, i) => values['conv.bias']![i % OC]!);
        meet((l, s, w) => (out[s]! += values.x![l]! * values['conv.weight']![w]!));
        return out;
      },
    },
    {
      name: `recorder of convTranspose2d with SiLU ${sizes}`,
      inputs: { x: { shape: [B, HO, WO, OC] } },
      record: (tape, values) => convTranspose2d(tape, values.x!, C, { ...layer, outputPadding: 1, activation: 'silu' }),
      reference: (values) => {
        const out = Float64Array.from({ length: B * H * W * C }, (_, i) => values['conv.bias']![i % C]!);
        meet((l, s, w) => (out[l]! += values.x![s]! * values['conv.weight']![w]!));
        return out.map((value) => value * logistic(value));
      },
    },
  ];
}

export function recorderChecks(): Check[] {
  const images = [
    imageOperations(2, 3, 5, 6, 3, 2),
    imageOperations(1, 4, 4, 8, 2, 3),
    imageOperations(1, 1, 1, 1, 1, 1),
  ];
  const layers = [convolutions(2, 1, 4), convolutions(2, 3, 2)];
  const all = [operations(3, 5), operations(1, 1), operations(8, 16), ...images, ...layers];
  return all.flat().map((check): Check => {
    const run = (device: Device): Promise<CheckReport> => checkOperation(device, check);
    return { name: check.name, op: 'recorder', run };
  });
}
