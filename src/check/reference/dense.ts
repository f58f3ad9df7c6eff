import { type Expected, expError, FLUSH, U, ULP } from '../check.ts';

// B rows, C inputs, OC outputs. Float64 over f32 inputs. Tolerances: a sum of n products, in any order and with or
// without fused multiply-adds, is off by at most n u Σ|a b| (Higham 2002, "Accuracy and stability", section 3.1).

type Values = ArrayLike<number>;

function expectation(length: number): Expected {
  return { values: new Float64Array(length), tolerance: new Float64Array(length) };
}

/** inp (B, C), weight (OC, C), bias (OC) -> inp weightᵀ + bias (B, OC), before any activation. */
export function dense(inp: Values, weight: Values, bias: Values, B: number, C: number, OC: number): Expected {
  const out = expectation(B * OC);
  for (let b = 0; b < B; b++) {
    for (let o = 0; o < OC; o++) {
      let sum = bias[o]!;
      let size = Math.abs(sum);
      for (let c = 0; c < C; c++) {
        const product = inp[b * C + c]! * weight[o * C + c]!;
        sum += product;
        size += Math.abs(product);
      }
      out.values[b * OC + o] = sum;
      out.tolerance[b * OC + o] = (C + 2) * U * size + FLUSH;
    }
  }
  return out;
}

export function relu({ values, tolerance }: Expected): Expected {
  return { values: values.map((value) => Math.max(value, 0)), tolerance };
}

export function sigmoidOf(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** How far a computed sigmoid may be off where the logit may be off by `tolerance`; its slope is at most 1/4. */
function sigmoidTolerance(logit: number, tolerance: number): number {
  const s = sigmoidOf(logit);
  return tolerance / 4 + s * (1 - s) * expError(logit) + 4 * ULP * s + FLUSH;
}

export function sigmoid({ values, tolerance }: Expected): Expected {
  return { values: values.map(sigmoidOf), tolerance: tolerance.map((t, i) => sigmoidTolerance(values[i]!, t)) };
}

/** dout (B, OC), inp (B, C) -> dweight = doutᵀ inp (OC, C), dbias (OC). */
export function denseBackwardWeight(
  dout: Values,
  inp: Values,
  B: number,
  C: number,
  OC: number,
): { dweight: Expected; dbias: Expected } {
  const dweight = expectation(OC * C);
  const dbias = expectation(OC);
  for (let o = 0; o < OC; o++) {
    for (let c = 0; c < C; c++) {
      let sum = 0;
      let size = 0;
      for (let b = 0; b < B; b++) {
        const product = dout[b * OC + o]! * inp[b * C + c]!;
        sum += product;
        size += Math.abs(product);
      }
      dweight.values[o * C + c] = sum;
      dweight.tolerance[o * C + c] = (B + 1) * U * size + FLUSH;
    }
    for (let b = 0; b < B; b++) {
      dbias.values[o]! += dout[b * OC + o]!;
      dbias.tolerance[o]! += B * U * Math.abs(dout[b * OC + o]!);
    }
  }
  return { dweight, dbias };
}

/** dout (B, OC), weight (OC, C) -> dout weight (B, C); where `inp` is given, 0 where it is not positive. */
export function denseBackwardInput(
  dout: Values,
  weight: Values,
  B: number,
  C: number,
  OC: number,
  inp?: Values,
): Expected {
  const dinp = expectation(B * C);
  for (let b = 0; b < B; b++) {
    for (let c = 0; c < C; c++) {
      if (inp && !(inp[b * C + c]! > 0)) continue;
      let sum = 0;
      let size = 0;
      for (let o = 0; o < OC; o++) {
        const product = dout[b * OC + o]! * weight[o * C + c]!;
        sum += product;
        size += Math.abs(product);
      }
      dinp.values[b * C + c] = sum;
      dinp.tolerance[b * C + c] = (OC + 1) * U * size + FLUSH;
    }
  }
  return dinp;
}

/** −x log s(l) − (1 − x) log(1 − s(l)), in the form that never overflows. */
export function bceOf(logit: number, x: number): number {
  return Math.max(logit, 0) - logit * x + Math.log1p(Math.exp(-Math.abs(logit)));
}

/** logits and x (B, D) -> the sum of all BCE terms, and dlogits = (s(l) − x) / B. */
export function sigmoidBce(logits: Expected, x: Values, B: number): { bce: Expected; dlogits: Expected } {
  const { values, tolerance } = logits;
  let bce = 0;
  let bceTolerance = 0;
  const dlogits = expectation(values.length);
  for (const [i, logit] of values.entries()) {
    const term = bceOf(logit, x[i]!);
    bce += term;
    // Slope at most 1 in the logit; log(1 + e) within 2^-21 where 1 + e is in [1, 2]; a thread adds up at most 64 terms.
    const e = Math.exp(-Math.abs(logit));
    bceTolerance +=
      tolerance[i]! + 2 ** -21 + (e / (1 + e)) * expError(logit) + 4 * ULP * (Math.abs(logit) + 1) + 64 * U * term;
    dlogits.values[i] = (sigmoidOf(logit) - x[i]!) / B;
    dlogits.tolerance[i] = (sigmoidTolerance(logit, tolerance[i]!) + 4 * ULP) / B;
  }
  return { bce: { values: Float64Array.of(bce), tolerance: Float64Array.of(bceTolerance) }, dlogits };
}
