import type { EpochResult, Losses, VaeConfig } from 'webgpu-vae';

export interface LossPoint extends Losses {
  step: number;
}

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
    const mean = (x: number, y: number) => (x + y) / 2;
    merged.push({ step: b.step, loss: mean(a.loss, b.loss), bce: mean(a.bce, b.bce), kld: mean(a.kld, b.kld) });
  }
  return merged;
}

/** `metrics.csv` as the command line writes it: a row for every epoch, losses in nats per image. */
export function metricsCsv(history: readonly EpochResult[]): string {
  const rows = history.map(({ epoch, step, train, test, seconds }) =>
    [epoch, step, train.loss, train.bce, train.kld, test.loss, test.bce, test.kld, seconds.toFixed(3)].join(','),
  );
  return ['epoch,step,train_loss,train_bce,train_kl,test_loss,test_bce,test_kl,seconds', ...rows, ''].join('\n');
}
