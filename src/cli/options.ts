/** Option values from the command line: text in, checked values out. */
import { InvalidArgumentError, Option } from 'commander';

const MAX_SIZE = 2 ** 31 - 1;
const MAX_SEED = 2 ** 32 - 1;
/** The smallest number above 0 that a GPU may not flush to 0 (normal f32). */
const MIN_F32 = 2 ** -126;
const MAX_F32 = (2 - 2 ** -23) * 2 ** 127;

const DIGITS = /^\d+$/;
const DECIMAL = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** @throws InvalidArgumentError unless `text` is an integer from 1 to 2^31 - 1 in digits */
export function positiveInteger(text: string): number {
  return integer(text, 1, MAX_SIZE);
}

/** @throws InvalidArgumentError unless `text` is an integer from 0 to 2^31 - 1 in digits */
export function wholeNumber(text: string): number {
  return integer(text, 0, MAX_SIZE);
}

/** @throws InvalidArgumentError unless `text` is an integer from 0 to 2^32 - 1 in digits */
export function seed(text: string): number {
  return integer(text, 0, MAX_SEED);
}

/** @throws InvalidArgumentError unless `text` is a number above 0 that f32 can hold */
export function positiveNumber(text: string): number {
  const value = decimal(text);
  if (!(value >= MIN_F32 && value <= MAX_F32)) {
    throw new InvalidArgumentError('Expected a number above 0 in the range of 32-bit floats, such as 1e-3.');
  }
  return value;
}

/** @throws InvalidArgumentError unless `text` is 0 or a number above 0 that f32 can hold */
export function nonNegativeNumber(text: string): number {
  return decimal(text) === 0 ? 0 : positiveNumber(text);
}

/** `512,256` or `none`. @throws InvalidArgumentError unless every width is an integer from 1 to 2^31 - 1 */
export function widths(text: string): number[] {
  if (text.trim() === 'none') return [];
  try {
    return text.split(',').map((width) => positiveInteger(width.trim()));
  } catch {
    throw new InvalidArgumentError(`Expected integers from 1 to ${MAX_SIZE} with commas between, or "none".`);
  }
}

/** `32,64`. @throws InvalidArgumentError unless every one is an integer from 1 to 2^31 - 1 */
export function channels(text: string): number[] {
  try {
    return text.split(',').map((width) => positiveInteger(width.trim()));
  } catch {
    throw new InvalidArgumentError(`Expected integers from 1 to ${MAX_SIZE} with commas between, such as 32,64.`);
  }
}

/** A folder or a name. @throws InvalidArgumentError if it is empty or looks like an option whose argument was left out */
export function text(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('Expected some text, got none.');
  if (value.startsWith('--')) {
    throw new InvalidArgumentError(`That looks like an option; write ./${value} for a folder of that name.`);
  }
  if (value.includes('\0')) throw new InvalidArgumentError('Expected text without NUL characters.');
  return value;
}

/** @throws InvalidArgumentError unless the text is one of the names */
export function oneOf<T extends string>(names: readonly T[]): (text: string) => T {
  return (text) => {
    const found = names.find((name) => name === text);
    if (found === undefined) throw new InvalidArgumentError(`Expected one of ${names.join(', ')}.`);
    return found;
  };
}

/** An option that may be repeated only with the same argument: of two that differ, neither is more meant than the other. */
export function option<T>(
  flags: string,
  description: string,
  parse: (text: string) => T,
  byDefault?: { value: T; shown?: string },
): Option {
  let first: string | undefined;
  const result = new Option(flags, description).argParser((given: string) => {
    const value = parse(given);
    if (first !== undefined && first !== given) {
      throw new InvalidArgumentError(`It was given before as '${first}': give it once.`);
    }
    first = given;
    return value;
  });
  if (byDefault) result.default(byDefault.value, byDefault.shown);
  return result;
}

function integer(text: string, least: number, most: number): number {
  const value = Number(text);
  if (!DIGITS.test(text) || value < least || value > most) {
    throw new InvalidArgumentError(`Expected an integer from ${least} to ${most}.`);
  }
  return value;
}

function decimal(text: string): number {
  return DECIMAL.test(text) ? Number(text) : Number.NaN;
}
