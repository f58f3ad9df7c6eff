/**
 * A seal makes a safetensors file notice every change to it: SHA-256 over the whole file, header and all, kept as the
 * first of its metadata and counted as zeros. It finds accidents, not forgeries: whoever can write can seal.
 */
import { sha256 } from '#sha256';

/** What the seal is called in the metadata; it has to be the first of them. */
export const SEAL_KEY = 'webgpu-vae.sha256';
/** What stands there until the file is sealed. */
export const UNSEALED = '0'.repeat(64);

const BEFORE = new TextEncoder().encode(`{"__metadata__":{"${SEAL_KEY}":"`);
const BEGIN = 8 + BEFORE.length;
const END = BEGIN + UNSEALED.length;

/** Whether a file has a seal where one belongs, whatever it says. */
export function hasSeal(file: Uint8Array): boolean {
  return file.length >= END && BEFORE.every((byte, i) => file[8 + i] === byte);
}

/** Seals a file in place that has a seal, `UNSEALED` for instance. */
export function seal(file: Uint8Array): void {
  file.set(new TextEncoder().encode(hash(file)), BEGIN);
}

/** Whether a file is as it was when it was sealed. A file without a seal, or with one in another place, is not. */
export function isSealed(file: Uint8Array): boolean {
  if (!hasSeal(file)) return false;
  const expected = new TextEncoder().encode(hash(file));
  return expected.every((byte, i) => file[BEGIN + i] === byte);
}

function hash(file: Uint8Array): string {
  return sha256([file.subarray(0, BEGIN), new TextEncoder().encode(UNSEALED), file.subarray(END)]);
}
