import { createDispatch, type Dispatch, linearWorkgroups } from '../gpu/kernel.ts';
import type { BufferPool, Tensor } from '../gpu/tensor.ts';
import { type AdamConfig, adam, adamParams, adamVec4sPerThread } from './adam.ts';
import { packagedKernel } from './shaders.ts';
import { expectShape } from './shape.ts';
import { isConstant, type StepSchedule, scheduleConstants } from './step-schedule.ts';

const WORKGROUP_SIZE = 256;
/** Neighbours in the flat buffer that have one decay: parameters begin at multiples of 256 bytes. */
const DECAY_GROUP = 64;

/** A range of the flat parameter buffer, in elements, and the weight decay of what lies in it. */
export interface DecayRange {
  offset: number;
  length: number;
  decay: number;
}

/**
 * The values of `adamW`'s `decay` for a flat buffer of P elements, 0 outside of the ranges.
 * @throws RangeError if a range does not begin at a multiple of 64 elements, leaves the buffer, or shares 64 neighbours with another
 */
export function decayTable(P: number, ranges: readonly DecayRange[]): Float32Array<ArrayBuffer> {
  const table = new Float32Array(Math.ceil(P / DECAY_GROUP));
  let end = 0;
  for (const { offset, length, decay } of ranges.toSorted((a, b) => a.offset - b.offset)) {
    const range = `decayTable: the range of ${length} elements at ${offset}`;
    if (offset % DECAY_GROUP !== 0) throw new RangeError(`${range} does not begin at a multiple of ${DECAY_GROUP}`);
    if (!(offset >= end && offset + length <= P)) {
      throw new RangeError(`${range} is not within the elements from ${end} to ${P}: ranges must not overlap`);
    }
    end = Math.ceil((offset + length) / DECAY_GROUP) * DECAY_GROUP;
    table.fill(decay, offset / DECAY_GROUP, end / DECAY_GROUP);
  }
  return table;
}

/**
 * One step of AdamW over all parameters: Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2, as
 * torch.optim.AdamW computes it. With rate = learningRate · the schedule's factor in step t = `state.step`, g = clip[0] · grad:
 * param −= rate · decay · param, then one step of Adam with that rate and g. Halts and raises the alarm as `adam` does.
 * With neither `decay`, nor `clip`, nor a schedule this is `adam`: the same kernel, the same bits.
 * `grad`, `param`, `m`, `v` (P) f32, P a multiple of 4; `state` (4) u32; `decay` (⌈P / 64⌉) f32, see `decayTable`; `clip` (2) f32, see
 * `clipNorm`. Updates `param`, `m`, `v` and `state.halted`.
 * @throws RangeError if a shape does not fit
 */
export function adamW(
  pool: BufferPool,
  tensors: {
    grad: Tensor;
    state: Tensor;
    param: Tensor;
    m: Tensor;
    v: Tensor;
    decay?: Tensor | undefined;
    clip?: Tensor | undefined;
  },
  config: AdamConfig & { schedule?: StepSchedule | undefined },
): Dispatch {
  const { decay, clip, ...rest } = tensors;
  const { schedule } = config;
  if (!decay && !clip && isConstant(schedule)) return adam(pool, rest, config);
  const P = rest.param.shape[0]!;
  if (P % 4 !== 0) throw new RangeError(`adamW: param has ${P} elements, expected a multiple of 4: pad it`);
  for (const name of ['grad', 'm', 'v'] as const) expectShape('adamW', name, rest[name], { P });
  const groups = Math.ceil(P / DECAY_GROUP);
  if (decay) expectShape('adamW', 'decay', decay, { 'P/64': groups });
  if (clip) expectShape('adamW', 'clip', clip, { 'factor and norm': 2 });
  const resources = {
    ...rest,
    decay: decay ?? pool.tensor('no decay', [groups]),
    clip: clip ?? pool.tensor('no clipping', [2], { data: Float32Array.of(1, 0) }),
  };
  const VEC4S_PER_THREAD = adamVec4sPerThread(pool);
  const kernel = packagedKernel(pool.device, ['elementwise.wgsl', 'state.wgsl', 'step_schedule.wgsl', 'adamw.wgsl'], {
    WORKGROUP_SIZE,
    VEC4S_PER_THREAD,
    ...scheduleConstants(schedule ?? { kind: 'constant' }),
  });
  const workgroups = linearWorkgroups(pool.device, Math.ceil(P / 4 / VEC4S_PER_THREAD), WORKGROUP_SIZE);
  return createDispatch(pool, 'adamw', kernel, resources, adamParams(P, config), workgroups);
}
