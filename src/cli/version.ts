import { createRequire } from 'node:module';

/** The package's own version. */
export function packageVersion(): string {
  return (createRequire(import.meta.url)('../../package.json') as { version: string }).version;
}
