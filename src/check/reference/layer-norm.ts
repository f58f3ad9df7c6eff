import { type Expected, FLUSH, U, ULP } from '../check.ts';

type Values = ArrayLike<number>;

function make(length: number): Expected {
  return { values: new Float64Array(length), tolerance: new Float64Array(length) };
}

/** inp (R, C), weight and bias (C) -> out (R, C), mean and rstd (R). */
export function layerNorm(
  inp: Values,
  weight: Values,
  bias: Values,
  R: number,
  C: number,
  epsilon: number,
): { out: Expected; mean: Expected; rstd: Expected } {
  const result = { out: make(R * C), mean: make(R), rstd: make(R) };
  for (let r = 0; r < R; r++) {
    const row = Array.from({ length: C }, (_, c) => inp[r * C + c]!);
    const mean = row.reduce((sum, x) => sum + x, 0) / C;
    const size = row.reduce((sum, x) => sum + Math.abs(x), 0) / C;
    const variance = row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / C;
    const rstd = 1 / Math.sqrt(variance + epsilon);
    const meanError = (C + 3) * U * size;
    const errorOf = (x: number) => meanError + U * Math.abs(x - mean);
    const varianceError =
      row.reduce((sum, x) => sum + 2 * Math.abs(x - mean) * errorOf(x) + errorOf(x) ** 2, 0) / C +
      (C + 5) * U * variance;
    // inverseSqrt is within 2 ULP; its slope is −½ of the relative error of what it is taken of.
    const relative = (0.5 * varianceError) / (variance + epsilon) + 3 * ULP;
    result.mean.values[r] = mean;
    result.mean.tolerance[r] = meanError + FLUSH;
    result.rstd.values[r] = rstd;
    result.rstd.tolerance[r] = relative * rstd;
    for (let c = 0; c < C; c++) {
      const n = (row[c]! - mean) * rstd;
      const value = n * weight[c]! + bias[c]!;
      const error = errorOf(row[c]!) * rstd + (relative + 3 * U) * Math.abs(n);
      result.out.values[r * C + c] = value;
      result.out.tolerance[r * C + c] =
        Math.abs(weight[c]!) * error + 3 * U * (Math.abs(n * weight[c]!) + Math.abs(bias[c]!)) + FLUSH;
    }
  }
  return result;
}

/** dout, inp (R, C), weight (C), mean and rstd (R) as the forward pass left them -> dinp (R, C), dweight and dbias (C). */
export function layerNormBackward(
  dout: Values,
  inp: Values,
  weight: Values,
  mean: Values,
  rstd: Values,
  R: number,
  C: number,
): { dinp: Expected; dweight: Expected; dbias: Expected } {
  const result = { dinp: make(R * C), dweight: make(C), dbias: make(C) };
  for (let r = 0; r < R; r++) {
    let [sum, size, product, productSize] = [0, 0, 0, 0];
    const n = (c: number) => (inp[r * C + c]! - mean[r]!) * rstd[r]!;
    for (let c = 0; c < C; c++) {
      const g = dout[r * C + c]! * weight[c]!;
      sum += g;
      size += Math.abs(g);
      product += g * n(c);
      productSize += Math.abs(g * n(c));
      const d = dout[r * C + c]!;
      result.dweight.values[c]! += d * n(c);
      result.dweight.tolerance[c]! += (R + 4) * U * Math.abs(d * n(c));
      result.dbias.values[c]! += d;
      result.dbias.tolerance[c]! += (R + 1) * U * Math.abs(d);
    }
    for (let c = 0; c < C; c++) {
      const g = dout[r * C + c]! * weight[c]!;
      const parts = [g, sum / C, (n(c) * product) / C] as const;
      result.dinp.values[r * C + c] = rstd[r]! * (parts[0] - parts[1] - parts[2]);
      const errors = (C + 3) * U * (size / C) + (C + 8) * U * Math.abs(n(c)) * (productSize / C);
      const rounding = 5 * U * parts.reduce((all, part) => all + Math.abs(part), 0);
      result.dinp.tolerance[r * C + c] = rstd[r]! * (errors + rounding) + FLUSH;
    }
  }
  for (let c = 0; c < C; c++) {
    result.dweight.tolerance[c]! += FLUSH;
    result.dbias.tolerance[c]! += FLUSH;
  }
  return result;
}
