import { readFileSync } from 'node:fs';
import { testValues } from '../../src/check/check.ts';

/**
 * The runs of `make_golden.py`: two hidden layers (beta 1); one hidden layer with one latent (beta 4); every size a multiple of
 * four; and layers of 144 x 128 and 128 x 128 weights (beta 2).
 */
export const goldenNames = ['two-layers', 'one-layer', 'fours', 'wide'] as const;
export type GoldenName = (typeof goldenNames)[number];

/** A named tensor, row-major; weights are (out, in), names are PyTorch's (`encoder.0.weight`, `mu.bias`, ...). */
export interface GoldenTensor<Data extends Float32Array | Float64Array> {
  name: string;
  shape: number[];
  /** Of the flat array every n-th number is in `data`, from the first one on. */
  every: number;
  data: Data;
}

export interface GoldenConfig {
  rows: number;
  columns: number;
  /** Widths of the encoder's hidden layers; the decoder has them reversed. */
  hidden: number[];
  latent: number;
  batch: number;
  steps: number;
  learningRate: number;
  beta: number;
  /** Seeds the drawing of images, eps and initial weights in Python; of no use to an engine. */
  seed: number;
}

/** The largest |float32 - float64| that PyTorch's own float32 runs of the same steps show, by tensor name. */
export type TensorDifference = Record<string, number>;

/**
 * A few training steps computed by PyTorch in float64 with Adam (beta1 0.9, beta2 0.999, epsilon 1e-8 added after the
 * bias correction). `loss = bce + beta * kld`, in nats per image, mean over the batch.
 */
export interface Golden {
  config: GoldenConfig;
  /** (steps, batch, rows * columns) u8, row-major; a pixel is byte / 255. */
  images: Uint8Array;
  /** (steps, batch, latent) f32, exact: z = mu + exp(logvar / 2) * eps. */
  eps: Float32Array;
  /** Weights before the first step, exact in f32. */
  initial: GoldenTensor<Float32Array>[];
  /** (steps) each: before step s's update, over step s's batch. */
  loss: number[];
  bce: number[];
  kld: number[];
  /** d loss / d weight of the first step. */
  gradients: GoldenTensor<Float64Array>[];
  /** After the last step: the weights, and Adam's first and second moments without bias correction. */
  weights: GoldenTensor<Float64Array>[];
  m: GoldenTensor<Float64Array>[];
  v: GoldenTensor<Float64Array>[];
  /** What float32 itself costs, for deriving tolerances: absolute, the largest over steps and elements. */
  float32Difference: {
    loss: number;
    bce: number;
    kld: number;
    gradients: TensorDifference;
    weights: TensorDifference;
    m: TensorDifference;
    v: TensorDifference;
  };
}

interface RawArray {
  shape: number[];
  every?: number;
  data: number[];
}

type RawTensor = RawArray & { name: string };

type TensorField = 'gradients' | 'weights' | 'm' | 'v';

type RawGolden = Omit<Golden, 'images' | 'eps' | 'initial' | TensorField> &
  Record<'images' | 'eps', RawArray> &
  Record<TensorField, RawTensor[]> & { initial: (Omit<RawTensor, 'data'> & { data?: number[] })[] };

function elementsOf(shape: number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function checkedData(label: string, { shape, every = 1, data }: RawArray): number[] {
  const expected = Math.ceil(elementsOf(shape) / every);
  if (data.length !== expected) {
    throw new Error(
      `loadGolden: ${label} has ${data.length} numbers, expected ${expected} for (${shape}): run make_golden.py again`,
    );
  }
  return data;
}

/** What `initial_values` of make_golden.py makes of the index of a tensor in the model, its shape, and its layer's inputs. */
function initialValues(index: number, shape: number[], fanIn: number): Float32Array {
  const scale = 2 ** -Math.ceil(Math.log2(Math.sqrt(fanIn)));
  return testValues(elementsOf(shape), index + 1).map((value) => value * scale);
}

/**
 * Reads a golden run from the JSON file beside this module (Node only).
 *
 * @throws Error when the file is missing, is not JSON, or an array's length contradicts its shape.
 */
export function loadGolden(name: GoldenName): Golden {
  const raw = JSON.parse(readFileSync(new URL(`./${name}.json`, import.meta.url), 'utf8')) as RawGolden;
  const float64 = (tensors: RawTensor[]) =>
    tensors.map((t) => ({ ...t, every: t.every ?? 1, data: Float64Array.from(checkedData(t.name, t)) }));
  const fanIn = ({ name }: { name: string }) =>
    raw.initial.find((tensor) => tensor.name === name.replace('bias', 'weight'))!.shape[1]!;
  return {
    ...raw,
    images: Uint8Array.from(checkedData('images', raw.images)),
    eps: Float32Array.from(checkedData('eps', raw.eps)),
    initial: raw.initial.map((tensor, index) => {
      const { name, shape, data } = tensor;
      const values = data
        ? Float32Array.from(checkedData(name, { shape, data }))
        : initialValues(index, shape, fanIn(tensor));
      return { name, shape, every: 1, data: values };
    }),
    gradients: float64(raw.gradients),
    weights: float64(raw.weights),
    m: float64(raw.m),
    v: float64(raw.v),
  };
}
