/**
 * Accuracy checks: every kernel against float64, and an operation of your own.
 *
 * @packageDocumentation
 */
import type { Device } from '../gpu/device.ts';
import { supportedVariants } from '../kernels/gemm.ts';
import { adamChecks } from './adam.ts';
import { adamWChecks } from './adamw.ts';
import type { Check } from './check.ts';
import { convChecks } from './conv.ts';
import { denseChecks } from './dense.ts';
import { elementwiseChecks } from './elementwise.ts';
import { embeddingChecks } from './embedding.ts';
import { finishStepChecks } from './finish-step.ts';
import { gatherChecks } from './gather.ts';
import { gradientChecks } from './gradient.ts';
import { groupNormChecks } from './group-norm.ts';
import { importanceChecks } from './importance.ts';
import { layerNormChecks } from './layer-norm.ts';
import { likelihoodChecks } from './likelihood.ts';
import { recorderChecks } from './recorders.ts';
import { reparameterizeChecks } from './reparameterize.ts';
import { resampleChecks } from './resample.ts';
import { softmaxCrossEntropyChecks } from './softmax-cross-entropy.ts';
import { stepScheduleChecks } from './step-schedule.ts';
import { tapeChecks } from './tape.ts';
import { vaeChecks } from './vae.ts';

export { type Check, type CheckReport, type Difference, runCheck } from './check.ts';
export { checkOperation, type NamedValues, type OperationCheck, type OperationInput } from './operation.ts';

/** The checks that can run on the device: not those of variants that it does not support. */
export function checksFor(device: Device): Check[] {
  const supported = supportedVariants(device);
  return allChecks().filter(({ variant }) => !variant || supported.includes(variant));
}

/** Every accuracy check; names are unique. The same list in Node, in a page and in the tests. */
export function allChecks(): Check[] {
  return [
    ...gatherChecks(),
    ...gradientChecks(),
    ...denseChecks(),
    ...convChecks(),
    ...elementwiseChecks(),
    ...layerNormChecks(),
    ...groupNormChecks(),
    ...resampleChecks(),
    ...embeddingChecks(),
    ...stepScheduleChecks(),
    ...likelihoodChecks(),
    ...softmaxCrossEntropyChecks(),
    ...reparameterizeChecks(),
    ...importanceChecks(),
    ...finishStepChecks(),
    ...adamChecks(),
    ...recorderChecks(),
    ...tapeChecks(),
    ...adamWChecks(),
    ...vaeChecks(),
  ];
}
