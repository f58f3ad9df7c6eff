import { NOISE_STREAMS } from '../kernels/reparameterize.ts';

/** High 32 bits of a 32 × 32 bit product. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle % 0x10000);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000)) >>> 0;
}

/** Philox4x32-10 (Salmon et al. 2011), as shaders/philox.wgsl has it. */
export function philox4x32(
  counter: [number, number, number, number],
  key: [number, number],
): [number, number, number, number] {
  let [x, y, z, w] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, x);
    const low0 = Math.imul(0xd2511f53, x) >>> 0;
    const high1 = multiplyHigh(0xcd9e8d57, z);
    const low1 = Math.imul(0xcd9e8d57, z) >>> 0;
    [x, y, z, w] = [(high1 ^ y ^ k0) >>> 0, low1, (high0 ^ w ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [x, y, z, w];
}

/** Numbers from U[0, 1) with 24 bits each, for the initial weights. `part` keeps tensors apart. */
export function uniformNumbers(length: number, seed: number, part: number): Float32Array {
  const numbers = new Float32Array(length);
  for (let i = 0; i < length; i += 4) {
    const words = philox4x32([i / 4, part, NOISE_STREAMS.initialize, 0], [seed, 0]);
    for (let j = 0; j < 4 && i + j < length; j++) numbers[i + j] = (words[j]! >>> 8) / 2 ** 24;
  }
  return numbers;
}

/**
 * Standard normal numbers (Box–Muller) on the CPU, for the z that pictures are decoded from, and for weights.
 * `part` keeps what is drawn from one seed apart.
 */
export function normalNumbers(length: number, seed: number, part = 0): Float32Array {
  const numbers = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const [a, b] = philox4x32([i, part, NOISE_STREAMS.sample, 0], [seed, 0]);
    const u1 = ((a >>> 8) + 1) / 2 ** 24;
    const u2 = (b >>> 8) / 2 ** 24;
    numbers[i] = Math.sqrt(-2 * Math.log(u1)) * Math.cos(2 * Math.PI * u2);
  }
  return numbers;
}
