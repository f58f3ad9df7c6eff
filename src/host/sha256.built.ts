/** `#sha256` in the built package, whose files are the same for Node and for browsers. */
import { sha256 as inBrowser } from './sha256.browser.ts';

// Absent from browsers; in Node several times as fast.
const crypto = globalThis.process?.getBuiltinModule?.('node:crypto');

/** SHA-256 (FIPS 180-4) of `parts` one after the other, as 64 hexadecimal digits. */
export function sha256(parts: readonly Uint8Array[]): string {
  if (!crypto) return inBrowser(parts);
  const hash = crypto.createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
