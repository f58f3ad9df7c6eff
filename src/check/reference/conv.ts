import type { ConvSizes } from '../../kernels/conv-sizes.ts';
import { type Expected, FLUSH, U } from '../check.ts';

// The sums of shaders/conv.wgsl over every triple of a position of S, a tap and a channel pair that meet, in float64 over f32
// inputs. A sum of n products is off by at most n u Σ|a b|, see dense.ts.

type Values = ArrayLike<number>;

/** Calls `visit` with indices into L, S and weight for every product that the three sums have. */
function forEachProduct(sizes: ConvSizes, visit: (large: number, small: number, weight: number) => void): void {
  const { B, H, W, C, HO, WO, OC, KH, KW, stride, padding } = sizes;
  for (let b = 0; b < B; b++) {
    for (let y = 0; y < HO; y++) {
      for (let x = 0; x < WO; x++) {
        for (let i = 0; i < KH; i++) {
          const row = stride * y + i - padding;
          if (row < 0 || row >= H) continue;
          for (let j = 0; j < KW; j++) {
            const column = stride * x + j - padding;
            if (column < 0 || column >= W) continue;
            for (let c = 0; c < C; c++) {
              for (let o = 0; o < OC; o++) {
                visit(
                  ((b * H + row) * W + column) * C + c,
                  ((b * HO + y) * WO + x) * OC + o,
                  ((i * KW + j) * C + c) * OC + o,
                );
              }
            }
          }
        }
      }
    }
  }
}

class Sums {
  readonly values: Float64Array;
  readonly sizes: Float64Array;
  readonly counts: Uint32Array;

  constructor(length: number) {
    this.values = new Float64Array(length);
    this.sizes = new Float64Array(length);
    this.counts = new Uint32Array(length);
  }

  add(index: number, product: number): void {
    this.values[index]! += product;
    this.sizes[index]! += Math.abs(product);
    this.counts[index]!++;
  }

  expected(): Expected {
    const tolerance = this.sizes.map((size, i) => (this.counts[i]! + 2) * U * size + FLUSH);
    return { values: this.values, tolerance };
  }
}

function biased(length: number, channels: number, bias: Values | undefined): Sums {
  const sums = new Sums(length);
  if (bias) for (let i = 0; i < length; i++) sums.add(i, bias[i % channels]!);
  return sums;
}

/** L and weight -> S, with a bias (OC) or without. */
export function gather(sizes: ConvSizes, large: Values, weight: Values, bias?: Values): Expected {
  const sums = biased(sizes.B * sizes.HO * sizes.WO * sizes.OC, sizes.OC, bias);
  forEachProduct(sizes, (l, s, w) => sums.add(s, large[l]! * weight[w]!));
  return sums.expected();
}

/** S and weight -> L, with a bias (C) or without. */
export function spread(sizes: ConvSizes, small: Values, weight: Values, bias?: Values): Expected {
  const sums = biased(sizes.B * sizes.H * sizes.W * sizes.C, sizes.C, bias);
  forEachProduct(sizes, (l, s, w) => sums.add(l, small[s]! * weight[w]!));
  return sums.expected();
}

/** L and S -> dweight (KH, KW, C, OC). */
export function weightGradient(sizes: ConvSizes, large: Values, small: Values): Expected {
  const sums = new Sums(sizes.KH * sizes.KW * sizes.C * sizes.OC);
  forEachProduct(sizes, (l, s, w) => sums.add(w, large[l]! * small[s]!));
  return sums.expected();
}

/** Sums of a gradient over all positions, by channel. */
export function biasGradient(dout: Values, channels: number): Expected {
  const sums = new Sums(channels);
  for (let i = 0; i < dout.length; i++) sums.add(i % channels, dout[i]!);
  return sums.expected();
}
