import type { Classes, Labels } from 'webgpu-vae';
import type { Frame, Point } from './plane-overlay.ts';

/** What the latent plane knows of the encoded test images on the CPU: for labels, bars and the epoch scrubber. */
export interface Encoded {
  /** (n, 2 L) f32: μ, then log σ². */
  heads: Float32Array;
  latent: number;
}

/** The classes' medians on two dimensions of z; of one dimension in the middle of the classes' strips. */
export function classMedians(
  { heads, latent }: Encoded,
  labels: Labels,
  { slots, slotOf }: Classes,
  [axisX, axisY]: readonly [number, number],
): (Point & { label: number })[] {
  const byClass = new Map<number, { x: number[]; y: number[] }>();
  const count = heads.length / (2 * latent);
  for (let i = 0; i < count; i++) {
    const label = labels[i]!;
    const own = byClass.get(label) ?? { x: [], y: [] };
    byClass.set(label, own);
    own.x.push(heads[2 * latent * i + axisX]!);
    own.y.push(latent === 1 ? stripMiddle(slotOf(label), slots) : heads[2 * latent * i + axisY]!);
  }
  return [...byClass].sort(([a], [b]) => a - b).map(([label, { x, y }]) => ({ label, x: median(x), y: median(y) }));
}

/** As draw_points.wgsl has it: the first class on top, all of them from -2.75 to 2.75. */
function stripMiddle(slot: number, slots: number): number {
  return (5.5 / slots) * (0.5 * (slots - 1) - slot);
}

function median(values: number[]): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** The smallest square frame with a margin that holds all but outliers, around the origin's side of things. */
export function fittingFrame({ heads, latent }: Encoded, [axisX, axisY]: readonly [number, number]): Frame {
  const count = heads.length / (2 * latent);
  const along = (axis: number) => Float64Array.from({ length: count }, (_, i) => heads[2 * latent * i + axis]!).sort();
  const range = (axis: number) => {
    const sorted = along(axis);
    return [sorted[Math.floor(0.002 * count)]!, sorted[Math.ceil(0.998 * count) - 1]!] as const;
  };
  const [left, right] = range(axisX);
  const [bottom, top] = latent === 1 ? ([-3, 3] as const) : range(axisY);
  const half = 0.55 * Math.max(right - left, top - bottom, 0.02);
  const middle = { x: (left + right) / 2, y: (bottom + top) / 2, half };
  return Number.isFinite(half) ? middle : { x: 0, y: 0, half: 4 };
}

/** KL of every dimension from N(0, 1), mean over the images, in nats. */
export function klPerDimension({ heads, latent }: Encoded): number[] {
  const count = heads.length / (2 * latent);
  const sums = new Array<number>(latent).fill(0);
  for (let i = 0; i < count; i++) {
    for (let d = 0; d < latent; d++) {
      const mu = heads[2 * latent * i + d]!;
      const logvar = heads[2 * latent * i + latent + d]!;
      sums[d]! += -0.5 * (1 + logvar - mu * mu - Math.exp(logvar));
    }
  }
  return sums.map((sum) => sum / count);
}

/** Latents at the centres of a frame's cells, row by row from the top; off the plane's axes as in `at`. */
export function gridLatents(
  { x, y, half }: Frame,
  cells: number,
  at: Float32Array,
  [axisX, axisY]: readonly [number, number],
): Float32Array {
  const latent = at.length;
  const z = new Float32Array(cells * cells * latent);
  const offset = (i: number) => ((2 * i + 1) / cells - 1) * half;
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < cells; column++) {
      const first = (row * cells + column) * latent;
      z.set(at, first);
      z[first + axisX] = x + offset(column);
      if (latent > 1) z[first + axisY] = y - offset(row);
    }
  }
  return z;
}
