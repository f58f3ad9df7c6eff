import { type Device, DeviceLimitError } from '../gpu/device.ts';
import { type Schedule, timeSchedule } from '../gpu/schedule.ts';
import { BufferPool, type Tensor } from '../gpu/tensor.ts';
import {
  bceTerms,
  denseBackward,
  denseBackwardInput,
  denseBackwardWeight,
  denseForward,
  denseSigmoidBce,
} from './dense.ts';
import {
  type DenseProblem,
  defaultVariant,
  type GemmVariant,
  isBackwardSplit,
  isDistinct,
  isSplittable,
  problemKey,
  supportedVariants,
} from './gemm.ts';
import { ruleOf } from './gemm-variants.ts';

/** A variant, or for a `backward` a dispatch for each gradient. */
export type Choice = GemmVariant | 'split';

/** What was measured for a problem. */
export interface TunedProblem {
  problem: DenseProblem;
  chosen: Choice;
  /** In the order in which they were tried, the default first; none if the time was up. */
  candidates: { choice: Choice; ms: number }[];
}

/** Answers for a list of problems. */
export interface Tuning {
  /** By `problemKey`. */
  variants: Record<string, Choice>;
  problems: TunedProblem[];
  elapsedMs: number;
}

/** Another choice must be faster than the default by this much, so that noise does not decide. */
const MARGIN = 0.95;
/** A choice that takes this many times the best one's time is given up after one run, and not tried for other problems. */
const HOPELESS = 2;
/** One run that takes less than this, from submission to completion, is mostly waiting: on a GPU it says nothing of the kernel. */
const MOSTLY_WAITING_MS = 1;
const SAMPLES = 3;
const MOST_TRIES = 12;
/** How much of a sample's expected time is slept through, since waiting for a GPU keeps a core busy. */
const SLEEP = 0.7;
const OVERSLEPT = 1.1;
/** Runs of a sample take about this long together. */
const SAMPLE_MS = 6;
const MAX_RUNS = 1000;

/**
 * Measures for each problem which variant is the fastest on this device, the largest problem first. Problems whose turn does
 * not come within the budget, or that do not fit the device, keep the default; one that has begun is finished.
 *
 * @param problems `forward`, `loss`, `backward` and `backward weight` of a model's layers
 * @param options.budgetMs compiling included
 * @param options.now what the budget is measured with, in ms; by default the clock
 * @throws GpuError, DeviceLostError
 */
export async function tuneGemm(
  device: Device,
  problems: readonly DenseProblem[],
  { budgetMs, now = () => performance.now() }: { budgetMs: number; now?: () => number },
): Promise<Tuning> {
  const start = now();
  const tuner = new Tuner(device, () => now() - start < budgetMs);
  const work = ({ B, C, OC }: DenseProblem) => B * C * OC;
  const result: Tuning = { variants: {}, problems: [], elapsedMs: 0 };
  for (const problem of [...problems].sort((a, b) => work(b) - work(a))) {
    if (problemKey(problem) in result.variants) continue;
    if (problem.operation === 'conv') {
      // Not measured: the default is what was found to suit convolutions, see defaultVariant.
      result.variants[problemKey(problem)] = defaultVariant(device, problem);
      continue;
    }
    for (const tuned of await tuner.tune(problem)) {
      result.problems.push(tuned);
      result.variants[problemKey(tuned.problem)] = tuned.chosen;
    }
  }
  result.elapsedMs = now() - start;
  return result;
}

class Tuner {
  readonly #device: Device;
  readonly #hasTime: () => boolean;
  readonly #variants: GemmVariant[];
  /** Never `split`, which costs nothing to try. What is hopeless for one problem may be the default for another: it is tried. */
  readonly #hopeless = new Set<Choice>();

  constructor(device: Device, hasTime: () => boolean) {
    this.#device = device;
    this.#hasTime = hasTime;
    this.#variants = supportedVariants(device);
  }

  /** A `backward` that may be split is measured both ways, and then has answers for its halves too. */
  async tune(problem: DenseProblem): Promise<TunedProblem[]> {
    const usual: Choice = defaultVariant(this.#device, problem);
    if (problem.operation !== 'backward' || !isSplittable(this.#device, problem)) {
      return [await this.#tune(problem, usual)];
    }
    const weight = await this.#tune({ ...problem, operation: 'backward weight' }, usual);
    const input = await this.#tune({ ...problem, operation: 'backward input' }, usual);
    const split = async (): Promise<number> =>
      (await this.#time(weight.problem, weight.chosen as GemmVariant)) +
      (await this.#time(input.problem, input.chosen as GemmVariant));
    const byDefault: Choice = isBackwardSplit(this.#device, undefined, problem) ? 'split' : usual;
    return [weight, input, await this.#tune(problem, byDefault, split)];
  }

  /** @param split takes the time of the two halves together */
  async #tune(problem: DenseProblem, byDefault: Choice, split?: () => Promise<number>): Promise<TunedProblem> {
    const time = (choice: Choice, best?: number): Promise<number> =>
      choice === 'split' ? split!() : this.#time(problem, choice, best);
    const tuned: TunedProblem = { problem, chosen: byDefault, candidates: [] };
    const { candidates } = tuned;
    const possible = this.#variants.filter(
      (variant) => isDistinct(variant, problem) && !(split && ruleOf(variant).splitsBackward === 'all'),
    );
    const others = [...possible, ...(split ? ['split' as const] : [])].filter((other) => other !== byDefault);
    for (const choice of [byDefault, ...others]) {
      if ((choice !== byDefault && this.#hopeless.has(choice)) || !this.#hasTime()) continue;
      const best = Math.min(...candidates.map(({ ms }) => ms));
      const ms = await time(choice, best).catch(onlyIfItFits);
      if (ms === undefined) continue;
      candidates.push({ choice, ms });
      if (ms > HOPELESS * best && choice !== 'split' && choice !== byDefault) {
        this.#hopeless.add(choice);
        // More of the same tiles at a time are no use where the tiles are so slow.
        const { core } = ruleOf(choice);
        for (const variant of this.#variants) {
          const { splitsK } = ruleOf(variant);
          if (splitsK && splitsK === core(this.#device.capabilities)) this.#hopeless.add(variant);
        }
      }
    }
    const [usual, ...rest] = candidates;
    const best = rest.sort((a, b) => a.ms - b.ms)[0];
    if (!usual || !best || best.ms >= MARGIN * usual.ms) return tuned;
    // What seems faster must be so twice: the default may have met a busy moment.
    usual.ms = Math.min(usual.ms, await time(byDefault));
    best.ms = Math.min(best.ms, await time(best.choice));
    if (best.ms < MARGIN * usual.ms) tuned.chosen = best.choice;
    return tuned;
  }

  /** Time of one run in ms, the shortest of several samples; of one run alone if that is hopeless. */
  async #time(problem: DenseProblem, variant: GemmVariant, best = Number.POSITIVE_INFINITY): Promise<number> {
    const pool = new BufferPool(this.#device);
    try {
      const what = `tune ${problemKey(problem)} ${variant}`;
      const schedule = await this.#device.checked(what, () => planProblem(pool, problem, variant));
      // The first run compiles.
      await timeSchedule(this.#device, schedule, 1, 0);
      const once = await timeSchedule(this.#device, schedule, 1, 0);
      if (once > Math.max(HOPELESS * best, MOSTLY_WAITING_MS)) return once;
      let shortest = once;
      for (let sample = 0, tries = 0; sample < SAMPLES && tries < MOST_TRIES; tries++) {
        const runs = Math.max(1, Math.min(MAX_RUNS, Math.round(SAMPLE_MS / shortest)));
        const sleepMs = SLEEP * shortest * runs;
        const ms = await timeSchedule(this.#device, schedule, runs, sleepMs);
        shortest = Math.min(shortest, ms / runs);
        // What ends with the sleep may have ended long before.
        if (ms > OVERSLEPT * sleepMs) sample++;
      }
      return shortest;
    } finally {
      pool.dispose();
    }
  }
}

/** What does not fit the device is not measured: whoever builds the model will say it better. */
function onlyIfItFits(error: unknown): undefined {
  if (!(error instanceof DeviceLimitError || error instanceof RangeError)) throw error;
}

/** The problem's dispatch over tensors of its own, all zero: how long it takes does not depend on the numbers. */
function planProblem(pool: BufferPool, { operation, B, C, OC }: DenseProblem, variants: GemmVariant): Schedule {
  const matrix = (label: string, rows: number, columns: number): Tensor => pool.tensor(label, [rows, columns]);
  const vector = (label: string, length: number): Tensor => pool.tensor(label, [length]);
  const inp = matrix('inp', B, C);
  const weight = () => matrix('weight', OC, C);
  const bias = () => vector('bias', OC);
  const out = (label: string) => matrix(label, B, OC);
  const gradients = () => ({ dweight: matrix('dweight', OC, C), dbias: vector('dbias', OC) });
  const options = { variants };
  switch (operation) {
    case 'forward': {
      const tensors = { inp, weight: weight(), bias: bias(), out: out('out') };
      return denseForward(pool, tensors, { ...options, activation: 'relu' });
    }
    case 'loss': {
      const bce = vector('bce', bceTerms(pool, B, C, OC, variants));
      const tensors = { inp, weight: weight(), bias: bias(), x: out('x'), dlogits: out('dlogits'), bce };
      return denseSigmoidBce(pool, tensors, options);
    }
    case 'backward weight':
      return denseBackwardWeight(pool, { dout: out('dout'), inp, ...gradients() }, options);
    case 'backward input': {
      const tensors = { dout: out('dout'), weight: weight(), inp, dinp: matrix('dinp', B, C) };
      return denseBackwardInput(pool, tensors, { ...options, relu: true });
    }
    case 'conv':
      throw new Error(`tune: ${problemKey({ operation, B, C, OC })} is not measured`);
    case 'backward': {
      const tensors = { dout: out('dout'), inp, weight: weight(), ...gradients(), dinp: matrix('dinp', B, C) };
      return denseBackward(pool, tensors, { ...options, relu: true, split: false });
    }
  }
}
