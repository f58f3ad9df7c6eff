/** Exit codes: 0 done, 1 failed, 2 called wrongly, 128 + n stopped by signal n. */
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** The command was called in a way that cannot work: the process prints the message and exits with 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** An error's message on one line, without control characters that a terminal would act on. */
export function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text
    .replace(/\s+/g, ' ')
    .replace(/\p{Cc}/gu, '?')
    .trim();
}
