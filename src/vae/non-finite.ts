import type { Device } from '../gpu/device.ts';
import { download, type Tensor } from '../gpu/tensor.ts';
import type { NamedTensor } from './safetensors.ts';

/** Where a value first stopped being finite. */
export interface BadValue {
  tensor: string;
  /** Of the element, in row-major order. */
  index: number;
  value: number;
}

/** A number of the training is NaN or infinite. After a training step's loss, the parameters are those before that step. */
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
    super(`train: ${what} is not finite: ${where}: try a smaller learning rate or beta`);
    this.step = step;
    this.bad = bad;
  }
}

/** The first value that is not finite, looking at tensors in the order given. */
export async function firstNonFinite(
  device: Device,
  parameters: NamedTensor[],
  tensors: Tensor[],
): Promise<BadValue | undefined> {
  for (const { name, data } of parameters) {
    const bad = findIn(name, data);
    if (bad) return bad;
  }
  for (const tensor of tensors) {
    const bad = findIn(tensor.label, await download(device, tensor));
    if (bad) return bad;
  }
  return undefined;
}

function findIn(tensor: string, data: Float32Array): BadValue | undefined {
  const index = data.findIndex((value) => !Number.isFinite(value));
  return index < 0 ? undefined : { tensor, index, value: data[index]! };
}
