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

/** Philox4x32-10 (Salmon et al. 2011), as shaders/philox.wgsl has it, with the counter (a, b, c, d) and the key (seed, high). */
export function philoxInto(words: Uint32Array, a: number, b: number, c: number, seed: number, d = 0, high = 0): void {
  let [x, y, z, w] = [a, b, c, d];
  let [k0, k1] = [seed, high];
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, x);
    const low0 = Math.imul(0xd2511f53, x);
    const high1 = multiplyHigh(0xcd9e8d57, z);
    const low1 = Math.imul(0xcd9e8d57, z);
    x = (high1 ^ y ^ k0) >>> 0;
    y = low1 >>> 0;
    z = (high0 ^ w ^ k1) >>> 0;
    w = low0 >>> 0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  words[0] = x;
  words[1] = y;
  words[2] = z;
  words[3] = w;
}

/** Numbers from U[0, 1) with 24 bits each, for the initial weights. `part` keeps tensors apart. */
export function uniformNumbers(length: number, seed: number, part: number): Float32Array {
  const numbers = new Float32Array(length);
  const words = new Uint32Array(4);
  for (let i = 0; i < length; i += 4) {
    philoxInto(words, i / 4, part, NOISE_STREAMS.initialize, seed);
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
  const words = new Uint32Array(4);
  for (let i = 0; i < length; i++) {
    philoxInto(words, i, part, NOISE_STREAMS.sample, seed);
    const u1 = ((words[0]! >>> 8) + 1) / 2 ** 24;
    const u2 = (words[1]! >>> 8) / 2 ** 24;
    numbers[i] = Math.sqrt(-2 * Math.log(u1)) * Math.cos(2 * Math.PI * u2);
  }
  return numbers;
}
