/** Makes hostile files out of good ones. The same seed makes the same files. */

/** Random integers from a seed: mulberry32 (T. Ettinger), plenty for choosing where to damage a file. */
export interface Random {
  /** An integer from 0 to `end` - 1. */
  below(end: number): number;
  pick<T>(list: readonly T[]): T;
}

export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const below = (end: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * end);
  };
  return { below, pick: (list) => list[below(list.length)]! };
}

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

const EDGE_BYTES = [0, 1, 0x7f, 0x80, 0xfe, 0xff, 0x22, 0x7b, 0x7d, 0x5c];
const EDGE_WORDS = [0n, 1n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];

function changed(bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice();
  if (copy.length > 0) change(copy);
  return copy;
}

function spliced(bytes: Uint8Array, from: number, to: number, between: Uint8Array): Uint8Array {
  const out = new Uint8Array(from + between.length + bytes.length - to);
  out.set(bytes.subarray(0, from));
  out.set(between, from);
  out.set(bytes.subarray(to), from + between.length);
  return out;
}

/** Half of all places are in the header, where the meaning is. */
function place(bytes: Uint8Array, random: Random): number {
  return random.below(2) ? random.below(bytes.length) : random.below(Math.min(bytes.length, 600));
}

const binary: Mutation[] = [
  (bytes, random) =>
    changed(bytes, (copy) => {
      copy[place(copy, random)]! ^= 1 << random.below(8);
    }),
  (bytes, random) =>
    changed(bytes, (copy) => {
      copy[place(copy, random)] = random.pick(EDGE_BYTES);
    }),
  (bytes, random) => bytes.slice(0, random.below(bytes.length + 1)),
  (bytes, random) => bytes.slice(random.below(bytes.length + 1)),
  (bytes, random) => spliced(bytes, bytes.length, bytes.length, new Uint8Array(1 + random.below(40))),
  (bytes, random) => {
    const from = random.below(bytes.length + 1);
    const to = Math.min(bytes.length, from + random.below(64));
    return spliced(bytes, to, to, bytes.slice(from, to));
  },
  (bytes, random) => {
    const from = place(bytes, random);
    return spliced(bytes, from, Math.min(bytes.length, from + 1 + random.below(32)), new Uint8Array(0));
  },
  (bytes, random) =>
    changed(bytes, (copy) => {
      const width = Math.min(copy.length, random.pick([4, 8]));
      const at = random.below(2) ? 0 : random.below(copy.length - width + 1);
      const word = random.pick(EDGE_WORDS);
      const littleEndian = random.below(2) === 1;
      for (let i = 0; i < width; i++) {
        copy[at + i] = Number((word >> BigInt(8 * (littleEndian ? i : width - 1 - i))) & 0xffn);
      }
    }),
];

const HOSTILE_JSON = [
  '-1',
  '0',
  '0.5',
  '1e308',
  '-1e999',
  '9007199254740993',
  '18446744073709551616',
  'null',
  'true',
  '[]',
  '{}',
  '""',
  '"__proto__"',
  '"constructor"',
  '[[[[[[[[]]]]]]]]',
  '{"__proto__":{"polluted":1}}',
  '"\\ud800"',
];

/** Replaces one value or name of a JSON text, without minding what it is. */
export function mutateJson(text: string, random: Random): string {
  const tokens = [...text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null/g)];
  if (tokens.length === 0) return random.pick(HOSTILE_JSON);
  const { index, 0: token } = random.pick(tokens);
  const end = index + token.length;
  switch (random.below(4)) {
    case 0: // A field twice, or one too many.
      return `${text.slice(0, index)}"__proto__":{"polluted":1},${text.slice(index)}`;
    case 1:
      return text.slice(0, index) + random.pick(tokens)[0] + text.slice(end);
    default:
      return text.slice(0, index) + random.pick(HOSTILE_JSON) + text.slice(end);
  }
}

/** One to four random damages to a copy. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  // Not `slice`, which for a Buffer is no copy.
  let mutated: Uint8Array = new Uint8Array(bytes);
  for (let i = random.below(4); i >= 0; i--) mutated = random.pick(binary)(mutated, random);
  return mutated;
}

/** A safetensors file whose header is damaged as JSON, with a length that fits: what comes after the first checks. */
export function mutateSafetensors(bytes: Uint8Array, random: Random): Uint8Array {
  if (random.below(3) === 0) return mutateBytes(bytes, random);
  const dataStart = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  let header = new TextDecoder().decode(bytes.subarray(8, dataStart)).trimEnd();
  for (let i = random.below(3); i >= 0; i--) {
    // The JSON within the JSON of a checkpoint.
    const texts = [...header.matchAll(/"(?:state|history)":("(?:[^"\\]|\\.)*")/g)];
    if (texts.length > 0 && random.below(2)) {
      const [, text] = random.pick(texts);
      const inner = mutateJson(JSON.parse(text!) as string, random);
      header = header.replace(text!, () => JSON.stringify(inner));
    } else header = mutateJson(header, random);
  }
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + bytes.length - dataStart);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(bytes.subarray(dataStart), 8 + text.length);
  return file;
}
