import { createHash } from 'node:crypto';

/** SHA-256 (FIPS 180-4) of `parts` one after the other, as 64 hexadecimal digits. */
export function sha256(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
