/** Numbers that a method is called with: wrong ones are refused before anything is done. */

/** @throws RangeError unless `value` is a whole number from `from` to `to` */
export function checkWhole(
  operation: string,
  name: string,
  value: number,
  { from, to = Number.MAX_SAFE_INTEGER }: { from: number; to?: number },
): void {
  if (Number.isInteger(value) && value >= from && value <= to) return;
  const most = to === Number.MAX_SAFE_INTEGER ? '' : ` to ${to}`;
  throw new RangeError(`${operation}: ${name} is ${String(value)}, expected a whole number from ${from}${most}`);
}

/** @throws RangeError for what is no time: NaN, negative or no number. Infinity means never. */
export function checkMs(operation: string, name: string, value: number): void {
  if (typeof value === 'number' && value >= 0) return;
  throw new RangeError(`${operation}: ${name} is ${String(value)}, expected milliseconds, 0 or more, or Infinity`);
}
