import type { VaeConfig } from 'webgpu-vae';

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

/** What −log p(x|z) is called. */
export function reconstructionName({ likelihood }: Pick<VaeConfig, 'likelihood'>): string {
  return likelihood === 'bernoulli' ? 'BCE' : 'NLL';
}

type Weighed = Pick<VaeConfig, 'likelihood' | 'beta'> &
  Partial<Pick<VaeConfig, 'betaWarmup' | 'betaCycle' | 'freeBits'>>;

/** What the total of the losses is called: it bounds the evidence only where the KL term has the weight 1, and all of it counts. */
export function totalName(config: Weighed): string {
  const { beta, betaWarmup = 0, betaCycle = 0, freeBits = 0 } = config;
  const varies = betaWarmup > 0 || betaCycle > 0;
  if (beta === 1 && !varies && freeBits === 0) return '−ELBO';
  return `${reconstructionName(config)} + ${varies ? 'β' : beta}·KL`;
}
