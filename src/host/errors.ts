import type { AdapterDescription } from './types.ts';

/** No adapter, or none of the wanted name. The message is one line with a remedy. */
export class NoAdapterError extends Error {
  override name = 'NoAdapterError';
}

/** The error for a wanted name that none of the adapters (at least one) has. */
export function noSuchAdapter(wanted: string, found: AdapterDescription[]): NoAdapterError {
  const names = found.map((info) => `"${info.name}"`).join(', ');
  return new NoAdapterError(
    `open adapter: expected an adapter named like "${wanted}", found ${names}: use part of one of these names`,
  );
}
