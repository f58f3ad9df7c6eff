import { test } from 'playwright/test';

/** How a test says that the adapter lacks what it needs. The reporter counts those, and takes any other skip for a failure. */
export const NOT_HERE = 'not on this adapter: ';

/** Ends the test without a result if the adapter lacks something. */
export function skipIfMissing(missing: string | undefined): void {
  test.info().skip(missing !== undefined, `${NOT_HERE}${missing}`);
}
