import type { ImageShape } from 'webgpu-vae/nn';

/** ` after 9375 steps`, or nothing where the model does not say. */
export function afterSteps(step: number | undefined): string {
  return step === undefined ? '' : ` after ${step} ${step === 1 ? 'step' : 'steps'}`;
}

/** A number for people: a true minus sign, as few decimals as say it. */
export function signed(value: number): string {
  return String(Number(value.toFixed(2))).replace('-', '−');
}

/** An image's shape in a NumPy array: (rows, columns), and three channels where it is in colour. */
export function pixelShape({ rows, columns, channels }: ImageShape): number[] {
  return channels === 1 ? [rows, columns] : [rows, columns, channels];
}
