/** Random numbers by their place, so that a study that goes on draws what it would have drawn. */
import { createHash } from 'node:crypto';

/** The fraction that belongs to a seed and some numbers: 53 bits of SHA-256, in [0, 1). */
export function uniform(seed: number, ...place: readonly number[]): number {
  const digest = createHash('sha256')
    .update(Float64Array.of(seed, ...place))
    .digest();
  return (digest.readUInt32BE(0) * 2 ** 21 + (digest.readUInt32BE(4) >>> 11)) / 2 ** 53;
}
