/**
 * Asynchronous successive halving (Li et al. 2020, A system for massively parallel hyperparameter tuning), as Optuna's pruner
 * does it: at each rung a trial goes on if it is among the best 1 / factor of those that have come so far.
 */

export interface Halving {
  /** Epochs before the first rung. */
  from: number;
  /** η: of how many one goes on, and by how much the next rung is further. */
  factor: number;
}

/** The epoch at which a rung stands, from 0. */
export function rungEpoch({ from, factor }: Halving, rung: number): number {
  return from * factor ** rung;
}

/** The rung that stands at this epoch; undefined if none does. */
export function rungAt(halving: Halving, epoch: number): number | undefined {
  for (let rung = 0; rungEpoch(halving, rung) <= epoch; rung++) {
    if (rungEpoch(halving, rung) === epoch) return rung;
  }
  return undefined;
}

/**
 * Whether a trial ends at a rung.
 * @param value its loss there
 * @param others the losses there of all that came before it
 */
export function isStopped({ factor }: Halving, value: number, others: readonly number[]): boolean {
  if (Number.isNaN(value)) return true;
  const all = [...others, value].sort((a, b) => a - b);
  // Of the first few, only one better than all before goes on: nothing is ever taken up again.
  const last = Math.max(0, Math.floor(all.length / factor) - 1);
  return !(value <= all[last]!);
}
