import type { GroupNormActivation } from '../../kernels/group-norm.ts';
import { type Expected, FLUSH, U } from '../check.ts';
import { activationBackward, activationForward } from './activation.ts';
import * as rows from './layer-norm.ts';

type Values = ArrayLike<number>;

/** B images of P pixels with C channels in G groups. */
export interface GroupSizes {
  B: number;
  P: number;
  C: number;
  G: number;
}

function make(length: number): Expected {
  return { values: new Float64Array(length), tolerance: new Float64Array(length) };
}

/** Where the elements of every group lie, group by group. */
function groupsOf({ B, P, C, G }: GroupSizes): number[][] {
  const width = C / G;
  return Array.from({ length: B * G }, (_, row) => {
    const [b, g] = [Math.floor(row / G), row % G];
    return Array.from({ length: P * width }, (_, i) => (b * P + Math.floor(i / width)) * C + g * width + (i % width));
  });
}

/** Elements in the order of their groups, (B G, P C / G), and back. */
function byGroup(values: Values, sizes: GroupSizes): Float64Array {
  return Float64Array.from(groupsOf(sizes).flat(), (at) => values[at]!);
}

function inPlace({ values, tolerance }: Expected, sizes: GroupSizes): Expected {
  const out = make(values.length);
  for (const [i, at] of groupsOf(sizes).flat().entries()) {
    out.values[at] = values[i]!;
    out.tolerance[at] = tolerance[i]!;
  }
  return out;
}

/** y = n weight + bias, given n. */
function affine(n: Expected, weight: Values, bias: Values, C: number): Expected {
  const y = make(n.values.length);
  for (let i = 0; i < y.values.length; i++) {
    const [w, b] = [weight[i % C]!, bias[i % C]!];
    const product = n.values[i]! * w;
    y.values[i] = product + b;
    y.tolerance[i] = Math.abs(w) * n.tolerance[i]! + 3 * U * (Math.abs(product) + Math.abs(b)) + FLUSH;
  }
  return y;
}

/** inp (B, H, W, C), weight and bias (C) -> out (B, H, W, C), moments (B, G, 2). */
export function groupNorm(
  inp: Values,
  weight: Values,
  bias: Values,
  sizes: GroupSizes,
  activation: GroupNormActivation,
  epsilon: number,
): { out: Expected; moments: Expected } {
  const { B, P, C, G } = sizes;
  const N = (P * C) / G;
  const plain = { weight: new Float64Array(N).fill(1), bias: new Float64Array(N) };
  const { out: n, mean, rstd } = rows.layerNorm(byGroup(inp, sizes), plain.weight, plain.bias, B * G, N, epsilon);
  const interleave = (field: keyof Expected) =>
    Float64Array.from({ length: 2 * B * G }, (_, i) => (i % 2 === 0 ? mean : rstd)[field][i >> 1]!);
  const moments = { values: interleave('values'), tolerance: interleave('tolerance') };
  const y = affine(inPlace(n, sizes), weight, bias, C);
  if (activation === 'none') return { out: y, moments };
  const out = activationForward(activation, y.values);
  // |f'| is at most 1.1.
  out.tolerance.forEach((tolerance, i) => {
    out.tolerance[i] = tolerance + 1.1 * y.tolerance[i]!;
  });
  return { out, moments };
}

/**
 * dout, inp (B, H, W, C), weight and bias (C), moments (B, G, 2) as the forward pass left them -> dinp (B, H, W, C), dweight and
 * dbias (C).
 */
export function groupNormBackward(
  dout: Values,
  inp: Values,
  weight: Values,
  bias: Values,
  moments: Values,
  sizes: GroupSizes,
  activation: GroupNormActivation,
): { dinp: Expected; dweight: Expected; dbias: Expected } {
  const { B, P, C, G } = sizes;
  const momentOf = (i: number, which: 0 | 1) => {
    const group = Math.floor(i / (P * C)) * G + Math.floor(((i % C) * G) / C);
    return moments[2 * group + which]!;
  };
  const n = make(inp.length);
  n.values.forEach((_, i) => {
    n.values[i] = (inp[i]! - momentOf(i, 0)) * momentOf(i, 1);
    n.tolerance[i] = 3 * U * Math.abs(n.values[i]!) + FLUSH;
  });
  const d: Expected = { values: Float64Array.from(dout), tolerance: new Float64Array(dout.length) };
  if (activation !== 'none') {
    const y = affine(n, weight, bias, C);
    const exact = activationBackward(activation, y.values, dout);
    d.values = exact.values;
    // |f''| is at most 0.5.
    d.tolerance = exact.tolerance.map((tolerance, i) => tolerance + 0.5 * Math.abs(dout[i]!) * y.tolerance[i]!);
  }

  const result = { dinp: make(inp.length), dweight: make(C), dbias: make(C) };
  d.values.forEach((value, i) => {
    const c = i % C;
    const [size, error] = [Math.abs(value), d.tolerance[i]!];
    const length = Math.abs(n.values[i]!);
    result.dweight.values[c]! += value * n.values[i]!;
    result.dweight.tolerance[c]! += (P + B + 5) * U * size * length + error * length;
    result.dbias.values[c]! += value;
    result.dbias.tolerance[c]! += (P + B + 2) * U * size + error;
  });
  for (const { tolerance } of [result.dweight, result.dbias]) for (let c = 0; c < C; c++) tolerance[c]! += FLUSH;

  const g = d.values.map((value, i) => value * weight[i % C]!);
  const N = (P * C) / G;
  const one = new Float64Array(N).fill(1);
  const part = (which: 0 | 1) => Float64Array.from({ length: B * G }, (_, row) => moments[2 * row + which]!);
  const plain = rows.layerNormBackward(byGroup(g, sizes), byGroup(inp, sizes), one, part(0), part(1), B * G, N);
  result.dinp = inPlace(plain.dinp, sizes);
  // What each d is off by reaches every element of its group through the two means.
  const errors = d.tolerance.map(
    (tolerance, i) => (tolerance + 4 * U * Math.abs(d.values[i]!)) * Math.abs(weight[i % C]!),
  );
  for (const group of groupsOf(sizes)) {
    const mean = group.reduce((sum, at) => sum + errors[at]!, 0) / N;
    const along = group.reduce((sum, at) => sum + errors[at]! * Math.abs(n.values[at]!), 0) / N;
    for (const at of group) {
      result.dinp.tolerance[at]! += momentOf(at, 1) * (errors[at]! + mean + Math.abs(n.values[at]!) * along);
    }
  }
  return result;
}
