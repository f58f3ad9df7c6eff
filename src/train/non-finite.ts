import { download, downloadU32, type Tensor, upload } from '../gpu/tensor.ts';
import { OVERFLOWED, packState, type StepState, unpackState } from '../kernels/finish-step.ts';
import { type NamedTensor, nameParameters } from '../nn/parameters.ts';
import type { DeviceModel } from './device-model.ts';
import { LostStepsError } from './replay.ts';
import type { Snapshot } from './snapshot.ts';

/** Where a value first stopped being finite. */
export interface BadValue {
  tensor: string;
  /** Of the element, in row-major order. */
  index: number;
  value: number;
}

/**
 * A number of the training is NaN or infinite. After a training step's loss, the parameters are those before that step.
 * Where Adam has made such a number, parameters and moments are what that step left, and the model trains no further:
 * `lastSnapshot` is the last state whose every value is finite.
 */
export class NonFiniteError extends Error {
  override name = 'NonFiniteError';
  /** From 1. */
  readonly step: number;
  readonly bad: BadValue | undefined;

  /** @param what is not finite, with its step */
  constructor(step: number, bad: BadValue | undefined, what: string) {
    const where = bad
      ? `first in ${bad.tensor}, element ${bad.index} is ${bad.value}`
      : 'though every parameter and every result of the last step is';
    super(`train: ${what} is not finite: ${where}: try a smaller learning rate or smaller weights of the loss terms`);
    this.step = step;
    this.bad = bad;
  }
}

/**
 * Copies parameters and moments from the device. They belong together only while no step is in flight.
 * @param step that they must be of
 * @throws NonFiniteError if a value is not finite: nothing can be learned from there on
 * @throws LostStepsError if the state on the device says another step; GpuError if WebGPU refused something meanwhile
 */
export async function readState(
  { device, model: { table }, tensors, plan }: DeviceModel,
  step: number,
): Promise<Pick<Snapshot, 'parameters' | 'm' | 'v'>> {
  const { param, m, v } = tensors;
  const refused = device.watchErrors();
  const [words, ...flats] = await Promise.all([
    downloadU32(device, plan.state),
    ...[param, m, v].map((tensor) => download(device, tensor)),
  ]);
  const error = refused();
  if (error) throw error;
  const state = unpackState(words);
  if (state.step !== step) {
    throw new LostStepsError(
      `read the state: the GPU has done ${state.step} steps, expected ${step}: go on from the last snapshot`,
    );
  }
  const [parameters, ms, vs] = flats.map((flat) => nameParameters(table, flat)) as [
    NamedTensor[],
    NamedTensor[],
    NamedTensor[],
  ];
  const rename = (what: string, named: NamedTensor[]) =>
    named.map((tensor) => ({ ...tensor, name: `${what} of ${tensor.name}` }));
  // In the order in which Adam makes them, so that the cause is named and not what came of it.
  const bad = firstIn([...rename('Adam m', ms), ...rename('Adam v', vs), ...parameters]);
  if (bad) throw new NonFiniteError(step, bad, `the state after step ${step}`);
  return { parameters, m: ms, v: vs };
}

/**
 * Why the GPU does no further step. After a loss it may try that step again: its state is reset.
 * @returns for an overflow in Adam an error whose `step` is the last one that was done, else that of the next one
 */
export async function whyHalted(model: DeviceModel, state: StepState): Promise<NonFiniteError> {
  if (state.halted & OVERFLOWED) {
    try {
      await readState(model, state.step);
    } catch (error) {
      if (error instanceof NonFiniteError) return error;
      throw error;
    }
    return new NonFiniteError(state.step, undefined, `the state after step ${state.step}`);
  }
  const { device, plan } = model;
  const error = await badLoss(model, plan.intermediates, state.step + 1, 'the loss of step');
  upload(device, plan.state, packState({ ...state, halted: 0 }));
  return error;
}

/** @param intermediates what led to the loss, in the order in which it was computed */
export async function badLoss(
  { device, model: { table }, tensors }: DeviceModel,
  intermediates: readonly Tensor[],
  step: number,
  what: string,
): Promise<NonFiniteError> {
  let bad = firstIn(nameParameters(table, await download(device, tensors.param)));
  for (const tensor of intermediates) {
    if (bad) break;
    bad = firstIn([{ name: tensor.label, data: await download(device, tensor) }]);
  }
  return new NonFiniteError(step, bad, `${what} ${step}`);
}

/** The first value that is not finite, looking at tensors in the order given. */
function firstIn(tensors: Pick<NamedTensor, 'name' | 'data'>[]): BadValue | undefined {
  for (const { name, data } of tensors) {
    const index = data.findIndex((value) => !Number.isFinite(value));
    if (index >= 0) return { tensor: name, index, value: data[index]! };
  }
  return undefined;
}
