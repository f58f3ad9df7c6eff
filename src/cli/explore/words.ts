/** ` after 9375 steps`, or nothing where the model does not say. */
export function afterSteps(step: number | undefined): string {
  return step === undefined ? '' : ` after ${step} ${step === 1 ? 'step' : 'steps'}`;
}

/** A number for people: a true minus sign, as few decimals as say it. */
export function signed(value: number): string {
  return String(Number(value.toFixed(2))).replace('-', '−');
}
