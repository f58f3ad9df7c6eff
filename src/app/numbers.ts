/** How numbers are written on the page. Training may make any number there is: none of them breaks what shows it. */

/** From here on digits before the point say nothing. */
const LARGE = 1e6;

/** Minus signs as wide as digits, and `decimals` decimals; large numbers by their power of ten, infinite ones as ∞. */
export function formatNumber(value: number, decimals: number): string {
  if (Number.isNaN(value)) return 'not a number';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const text = Math.abs(value) >= LARGE ? value.toExponential(2).replace('e+', 'e') : value.toFixed(decimals);
  return (Number(text) === 0 ? (0).toFixed(decimals) : text).replaceAll('-', '−');
}

/** A part of a whole for a bar, which takes none but finite numbers. */
export function fraction(part: number, whole: number): number {
  const value = part / whole;
  if (Number.isNaN(value)) return 0;
  return Math.min(1, Math.max(0, value));
}

/** What the total of the losses is called: it bounds the evidence only where β is 1. */
export function totalName(beta: number): string {
  return beta === 1 ? '−ELBO' : `BCE + ${beta}·KL`;
}
