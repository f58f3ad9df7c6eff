/** Element types of safetensors files that f32 holds exactly, and what to do about the others. */

interface Dtype {
  /** Of one element. */
  bytes: number;
  /** A copy of little-endian elements, at any alignment. */
  toF32(elements: Uint8Array): Float32Array;
}

/** By their names in a safetensors header. */
export const DTYPES = {
  F32: { bytes: 4, toF32: (elements) => new Float32Array(copied(elements)) },
  F16: { bytes: 2, toF32: (elements) => fromHalves(elements, f32OfF16) },
  // The upper half of an f32.
  BF16: { bytes: 2, toF32: (elements) => fromHalves(elements, (bits) => bits << 16) },
} as const satisfies Record<string, Dtype>;

export function isDtype(name: unknown): name is keyof typeof DTYPES {
  return typeof name === 'string' && Object.hasOwn(DTYPES, name);
}

/** What to do about a tensor of another type. */
export function remedyFor(dtype: unknown): string {
  switch (dtype) {
    case 'F64':
      return 'round it with tensor.float() in PyTorch and save it again';
    case 'BOOL':
    case 'U8':
    case 'I8':
    case 'U16':
    case 'I16':
    case 'U32':
    case 'I32':
    case 'U64':
    case 'I64':
      return 'integers are no weights, leave it out (a counter?) or convert it with tensor.float() in PyTorch';
    default:
      return 'convert it with tensor.float() in PyTorch and save it again';
  }
}

/** Copied, so that elements at odd addresses can be read. */
function copied(elements: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array(elements.length);
  copy.set(elements);
  return copy.buffer;
}

function fromHalves(elements: Uint8Array, f32Of: (bits: number) => number): Float32Array {
  const halves = new Uint16Array(copied(elements));
  // Bits, not floats: a conversion through a number may change a NaN's payload.
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < bits.length; i++) bits[i] = f32Of(halves[i]!);
  return new Float32Array(bits.buffer);
}

/** The bits of an f32 with the value that `half` has as an IEEE 754 binary16; a NaN keeps its payload. */
function f32OfF16(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  // Exponents count from -15 in one and from -127 in the other.
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // Below 2^-14 the first bit set is the one that other numbers do without; f32 still has an exponent for it.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

/**
 * The bits of values as IEEE 754 binary16, each rounded to the nearest, of two that are as near to the even one.
 * @returns undefined if a finite value is beyond what f16 has (65504, and what is rounded to it)
 */
export function f16Bits(values: Float32Array): Uint16Array | undefined {
  const bits = new Uint32Array(values.length);
  new Float32Array(bits.buffer).set(values);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const half = f16OfF32(bits[i]!);
    if ((half & 0x7c00) === 0x7c00 && Number.isFinite(values[i]!)) return undefined;
    halves[i] = half;
  }
  return halves;
}

function f16OfF32(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >> 13) & 0x3ff);
  // 2^-14, below which f16 has no leading bit: adding 0.5 moves what is left to where it belongs, and rounds.
  if (magnitude < 0x38800000) {
    const value = new Float32Array(Uint32Array.of(magnitude).buffer)[0]!;
    return sign | (new Uint32Array(Float32Array.of(value + 0.5).buffer)[0]! - 0x3f000000);
  }
  const odd = (magnitude >> 13) & 1;
  const rounded = (magnitude - 0x38000000 + 0xfff + odd) >> 13;
  return sign | Math.min(rounded, 0x7c00);
}
