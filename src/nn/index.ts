/**
 * Models of your own: operations on the tape, and what the tape asks of an operation.
 *
 * @packageDocumentation
 */

export type { ActivationFunction } from '../kernels/activation.ts';
export type { ConvActivation } from '../kernels/conv.ts';
export type { GroupNormActivation } from '../kernels/group-norm.ts';
export { type StepSchedule, stepFactor } from '../kernels/step-schedule.ts';
export { type ConvLayerOptions, conv2d, convTranspose2d } from './conv.ts';
export { type DenseOptions, dense, denseBernoulli, denseStack, type ImageAxes } from './dense.ts';
export { activation, add, multiply } from './elementwise.ts';
export { type ImportanceSamples, importanceBound, importanceSamples, type RowLikelihood } from './importance.ts';
export { embedding, groupNorm, layerNorm } from './layers.ts';
export { bernoulli, gaussian, gaussianHeads, type LossOptions, softmaxCrossEntropy, squaredError } from './loss.ts';
export {
  type FileLayout,
  fanInUniform,
  flattenParameters,
  type Init,
  type ModuleSpec,
  type NamedTensor,
  type ParameterSpec,
  type ParameterTable,
} from './parameters.ts';
export { normalNumbers } from './random.ts';
export { type KlTermOptions, reparameterize } from './reparameterize.ts';
export { averagePool, upsample } from './resample.ts';
export {
  expectConstant,
  type ImageShape,
  type Mode,
  type OpRecord,
  reshape,
  type Sink,
  stopGradient,
  type Tape,
  type Value,
} from './tape.ts';
export type { Weight } from './weight.ts';
