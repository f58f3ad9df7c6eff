import { readFileSync } from 'node:fs';

/** The text of a shader file of this folder, in Node. */
export function loadShader(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8');
}
