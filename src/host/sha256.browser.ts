import { sha256 as noble } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/**
 * SHA-256 (FIPS 180-4) of `parts` one after the other, as 64 hexadecimal digits. Not the browser's own: that one is
 * missing from pages that came over plain HTTP, and a checkpoint is made in one go.
 */
export function sha256(parts: readonly Uint8Array[]): string {
  const hash = noble.create();
  for (const part of parts) hash.update(part);
  return bytesToHex(hash.digest());
}
