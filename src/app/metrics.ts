import { type EpochResult, elboOf, type Losses, type VaeConfig } from 'webgpu-vae';

/** `loss`, and the reconstruction's and the KL term by their names in the model. */
export type LossPoint = Losses & { step: number };

/** A run's losses, to be drawn beside those of others. */
export interface Curve {
  /** At most `MOST_KEPT` points. */
  train: readonly LossPoint[];
  test: readonly LossPoint[];
}

/** More points than a thin line needs. */
const MOST_KEPT = 400;
/** More points than a chart has pixels; beyond, neighbours are merged. */
const MAX_TRAIN_POINTS = 2000;

/** The losses so far: of chunks of steps while training, of the test set after each epoch. */
export class Metrics {
  train: LossPoint[] = [];
  test: LossPoint[] = [];
  #stepsPerEpoch = 1;

  /** Training begins, or goes on, at a step: what is known of the steps before stays, else there are the epochs of the history. */
  begin(history: readonly EpochResult[], { batch }: VaeConfig, trainCount: number, step: number): void {
    this.#stepsPerEpoch = trainCount / batch;
    this.cut(step);
    if (this.train.length > 0) return;
    this.train = history.map(({ step, train }) => ({ step, ...train }));
    this.test = history.map(({ step, test }) => ({ step, ...test }));
  }

  /** What a chart of several runs shows of this one, and what it goes on with when it is restored. */
  get curve(): Curve {
    const every = Math.ceil(this.train.length / MOST_KEPT);
    const last = this.train.length - 1;
    const isWhole = (point: LossPoint) => Object.values(point).every(Number.isFinite);
    const some = this.train.filter((_, i) => i % every === 0 || i === last);
    return { train: some.filter(isWhole), test: this.test.filter(isWhole) };
  }

  /** Takes the losses of a run that goes on. */
  restore({ train, test }: Curve): void {
    this.train = [...train];
    this.test = [...test];
  }

  epochAt(step: number): number {
    return step / this.#stepsPerEpoch;
  }

  /** Means over the steps since the last point. */
  addTrain(step: number, losses: Losses): void {
    this.train.push({ step, ...losses });
    if (this.train.length > MAX_TRAIN_POINTS) this.train = mergePairs(this.train);
  }

  addTest(step: number, losses: Losses): void {
    // The same epoch is reported again after a recovery.
    this.test = this.test.filter((point) => point.step < step);
    this.test.push({ step, ...losses });
  }

  /** Forgets what came after a step: training goes on from there. */
  cut(step: number): void {
    this.train = this.train.filter((point) => point.step <= step);
    this.test = this.test.filter((point) => point.step <= step);
  }
}

function mergePairs(points: LossPoint[]): LossPoint[] {
  const merged: LossPoint[] = [];
  for (let i = 0; i < points.length; i += 2) {
    const a = points[i]!;
    const b = points[i + 1] ?? a;
    const means = Object.keys(b).map((name) => [name, (a[name]! + b[name]!) / 2]);
    merged.push({ ...Object.fromEntries(means), step: b.step });
  }
  return merged;
}

function parts(losses: Losses): number[] {
  const { reconstruction, kld } = elboOf(losses);
  return [losses.loss, reconstruction, kld];
}

/** `metrics.csv` as the command line writes it: a row for every epoch, losses in nats per image, named after the likelihood's term. */
export function metricsCsv(history: readonly EpochResult[]): string {
  const rows = history.map(({ epoch, step, train, test, seconds }) =>
    [epoch, step, ...parts(train), ...parts(test), seconds.toFixed(3)].join(','),
  );
  const { term } = elboOf(history[0]?.test ?? {});
  const columns = ['train', 'test'].flatMap((set) => [`${set}_loss`, `${set}_${term}`, `${set}_kl`]);
  return [`epoch,step,${columns.join(',')},seconds`, ...rows, ''].join('\n');
}
