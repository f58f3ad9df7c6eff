/** The recorders of operations on images, against their formulas: see recorders.ts. */
import { groupNorm } from '../nn/layers.ts';
import { averagePool, upsample } from '../nn/resample.ts';
import type { OperationCheck } from './operation.ts';

const logistic = (x: number) => 1 / (1 + Math.exp(-x));

/** Checks on images (B, H, W, C), with G groups of channels and blocks of S × S pixels. */
export function imageOperations(B: number, H: number, W: number, C: number, G: number, S: number): OperationCheck[] {
  const sizes = `(B=${B}, H=${H}, W=${W}, C=${C}`;
  const x = { shape: [B, H, W, C] };
  const at = (b: number, y: number, j: number, c: number) => ((b * H + y) * W + j) * C + c;
  /** The elements of a group of channels of an image. */
  const groupOf = (values: Float64Array, b: number, g: number): Float64Array =>
    values.subarray(at(b, 0, 0, 0), at(b + 1, 0, 0, 0)).filter((_, i) => Math.floor(((i % C) * G) / C) === g);
  const norm = (values: Readonly<Record<string, Float64Array>>, epsilon: number) => {
    const moments = Array.from({ length: B * G }, (_, i) => {
      const group = groupOf(values.x!, Math.floor(i / G), i % G);
      const mean = group.reduce((sum, value) => sum + value, 0) / group.length;
      const variance = group.reduce((sum, value) => sum + (value - mean) ** 2, 0) / group.length;
      return { mean, deviation: Math.sqrt(variance + epsilon) };
    });
    return values.x!.map((value, i) => {
      const { mean, deviation } = moments[Math.floor(i / (H * W * C)) * G + Math.floor(((i % C) * G) / C)]!;
      return ((value - mean) / deviation) * values['norm.weight']![i % C]! + values['norm.bias']![i % C]!;
    });
  };
  /** Images of `rows` × `columns` pixels, each from its place. */
  const draw = (rows: number, columns: number, pixel: (b: number, y: number, j: number, c: number) => number) =>
    Float64Array.from({ length: B * rows * columns * C }, (_, i) => {
      const [c, j, y] = [i % C, Math.floor(i / C) % columns, Math.floor(i / (C * columns)) % rows];
      return pixel(Math.floor(i / (C * columns * rows)), y, j, c);
    });
  return [
    {
      name: `recorder of group norm ${sizes}, G=${G})`,
      inputs: { x },
      record: (tape, values) => groupNorm(tape, values.x!, { name: 'norm', groups: G, epsilon: 0.1 }),
      reference: (values) => norm(values, 0.1),
      tolerance: 1e-5,
    },
    {
      name: `recorder of group norm and SiLU ${sizes}, G=${G})`,
      inputs: { x },
      record: (tape, values) =>
        groupNorm(tape, values.x!, { name: 'norm', groups: G, epsilon: 0.1, activation: 'silu' }),
      reference: (values) => norm(values, 0.1).map((y) => y * logistic(y)),
      tolerance: 1e-5,
    },
    {
      name: `recorder of upsample ${sizes}, factor=${S})`,
      inputs: { x },
      record: (tape, values) => upsample(tape, values.x!, { factor: S }),
      reference: ({ x: inp }) =>
        draw(S * H, S * W, (b, y, j, c) => inp![at(b, Math.floor(y / S), Math.floor(j / S), c)]!),
    },
    {
      name: `recorder of average pool ${sizes}, size=${S})`,
      inputs: { x },
      record: (tape, values) => averagePool(tape, values.x!, { size: S }),
      reference: ({ x: inp }) =>
        draw(Math.floor(H / S), Math.floor(W / S), (b, y, j, c) => {
          let sum = 0;
          for (let p = 0; p < S * S; p++) sum += inp![at(b, S * y + Math.floor(p / S), S * j + (p % S), c)]!;
          return sum / (S * S);
        }),
    },
  ];
}
