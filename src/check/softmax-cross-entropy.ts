import type { Command } from '../gpu/schedule.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { packState } from '../kernels/finish-step.ts';
import { softmaxCrossEntropy } from '../kernels/softmax-cross-entropy.ts';
import type { StepSchedule } from '../kernels/step-schedule.ts';
import { type Check, type Expected, type ExpectedNaN, isNaNAt, runKernels, testValues } from './check.ts';
import * as reference from './reference/softmax-cross-entropy.ts';
import { SCHEDULE_ERROR, scheduleFactor } from './reference/step-schedule.ts';
import { expectedInSink, SINKS, sinkName, sinkTensors } from './sink.ts';

/** (B, K): fewer classes than threads, as many, more, one. */
const SIZES = [
  [1, 1],
  [3, 2],
  [128, 10],
  [20, 63],
  [4, 64],
  [5, 784],
] as const;

const WEIGHT = 1.5;
const STEP = 3;
const SCHEDULE: StepSchedule = { kind: 'cosine', steps: 9 };

function problem(B: number, K: number) {
  // Rows small, large, and so large that exp would overflow.
  const logits = testValues(B * K, 81).map((value, i) => value * [1, 10, 500][Math.floor(i / K) % 3]!);
  const labels = Uint32Array.from({ length: B }, (_, b) => (b * 7) % K);
  return { logits, labels };
}

export function softmaxCrossEntropyChecks(): Check[] {
  return SIZES.map(([B, K]): Check => {
    const name = `softmaxCrossEntropy (B=${B}, K=${K})`;
    return {
      name,
      op: 'softmaxCrossEntropy',
      run: (device) =>
        runKernels(name, device, (pool) => {
          const { logits, labels } = problem(B, K);
          const words = packState({ step: STEP, epoch: 0, position: 0, halted: 0 });
          const state = pool.tensor('state', [4], { dtype: 'u32', data: words });
          const inputs = {
            logits: pool.tensor('logits', [B, K], { data: logits }),
            labels: pool.tensor('labels', [B], { dtype: 'u32', data: labels }),
          };
          const commands: Command[] = [];
          const outputs: [Tensor, Expected | ExpectedNaN][] = [];
          for (const kind of SINKS) {
            const isScheduled = kind.masked && kind.accumulate;
            const scale = (WEIGHT / B) * (isScheduled ? scheduleFactor(SCHEDULE, STEP) : 1);
            const { dinp, mask } = sinkTensors(pool, [B, K], kind);
            const terms = pool.tensor(`terms${sinkName(kind)}`, [B]);
            commands.push(
              softmaxCrossEntropy(
                pool,
                { ...inputs, dlogits: dinp, mask, terms },
                {
                  accumulate: kind.accumulate,
                  weight: WEIGHT,
                  schedule: isScheduled ? { kind: SCHEDULE, state } : undefined,
                },
              ),
            );
            const expected = reference.softmaxCrossEntropy(logits, labels, K, scale);
            const widened = expected.dlogits.tolerance.map(
              (value, i) => value + SCHEDULE_ERROR * Math.abs(expected.dlogits.values[i]!),
            );
            const dlogits = isScheduled ? { ...expected.dlogits, tolerance: widened } : expected.dlogits;
            outputs.push([terms, expected.terms], [dinp, expectedInSink(dlogits, kind)]);
          }
          // A NaN in the last row, then a label that is no class: that row is NaN, and no other one.
          const last = B - 1;
          const others = reference.softmaxCrossEntropy(logits, labels.subarray(0, last), K, 1 / B);
          for (const broken of ['logit', 'label'] as const) {
            const isLogit = broken === 'logit';
            const bad = {
              logits: pool.tensor('logits', [B, K], {
                data: isLogit ? logits.slice().fill(Number.NaN, B * K - 1) : logits,
              }),
              labels: pool.tensor('labels', [B], {
                dtype: 'u32',
                data: isLogit ? labels : labels.slice().fill(K, last),
              }),
              dlogits: pool.tensor(`dlogits after a bad ${broken}`, [B, K]),
              terms: pool.tensor(`terms after a bad ${broken}`, [B]),
            };
            commands.push(softmaxCrossEntropy(pool, bad));
            outputs.push([bad.terms, isNaNAt([last])]);
            if (last > 0) outputs.push([bad.terms, others.terms]);
            if (isLogit) outputs.push([bad.dlogits, isNaNAt([last * K, B * K - 1])]);
          }
          return { commands, outputs };
        }),
    };
  });
}
