import { type Expected, U } from '../check.ts';

type Values = ArrayLike<number>;

/** weight (V, C), indices (N) -> weight[indices[n]] (N, C), exact. */
export function embedding(weight: Values, indices: Values, C: number): Expected {
  const N = indices.length;
  const values = Float64Array.from({ length: N * C }, (_, i) => weight[indices[Math.floor(i / C)]! * C + (i % C)]!);
  return { values, tolerance: new Float64Array(N * C) };
}

/** dout (N, C), indices (N) -> dweight (V, C). A sum of n numbers rounds n − 1 times. */
export function embeddingBackward(dout: Values, indices: Values, V: number, C: number): Expected {
  const out = { values: new Float64Array(V * C), tolerance: new Float64Array(V * C) };
  const N = indices.length;
  for (let i = 0; i < N * C; i++) {
    const at = indices[Math.floor(i / C)]! * C + (i % C);
    out.values[at]! += dout[i]!;
    out.tolerance[at]! += N * U * Math.abs(dout[i]!);
  }
  return out;
}
