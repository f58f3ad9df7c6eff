import type { DataSet } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import { BufferPool, type Tensor, upload } from '../gpu/tensor.ts';
import { packState } from '../kernels/finish-step.ts';
import { NOISE_STREAMS, type Noise } from '../kernels/reparameterize.ts';
import { flattenParameters } from '../nn/parameters.ts';
import type { TrainConfig } from './config.ts';
import { packData } from './data.ts';
import { stateAfter } from './epochs.ts';
import { Evaluator } from './evaluator.ts';
import type { SettledModel } from './model.ts';
import type { Internals } from './options.ts';
import { type LossPlan, type ModelTensors, planTraining } from './plan.ts';
import { Replay } from './replay.ts';
import type { Snapshot } from './snapshot.ts';

/** Everything of a model that lives on one device, and is lost with it. */
export interface DeviceModel<Config extends TrainConfig = TrainConfig, Views extends string = string> {
  device: Device;
  model: SettledModel<Config, Views>;
  tensors: ModelTensors;
  plan: LossPlan;
  replay: Replay;
  evaluator: Evaluator;
  dispose(): void;
}

/**
 * Makes the tensors, uploads the images, and plans the training step and the evaluation.
 * @throws DeviceLimitError if a tensor does not fit the device: nothing is left allocated then
 */
export function buildModel<Config extends TrainConfig, Views extends string>(
  device: Device,
  model: SettledModel<Config, Views>,
  data: DataSet,
  { eps, shuffle = true, variants }: Internals,
): DeviceModel<Config, Views> {
  const { table, config } = model;
  const { seed, batch } = config;
  const pool = new BufferPool(device);
  let replay: Replay | undefined;
  const dispose = () => {
    replay?.dispose();
    pool.dispose();
  };
  try {
    const flat = (label: string): Tensor => pool.tensor(label, [table.length]);
    const tensors = { param: flat('parameters'), grad: flat('gradients'), m: flat('Adam m'), v: flat('Adam v') };
    const packed = packData(pool, 'training images', data.train, model, 'create');
    const noise: Noise = eps
      ? pool.tensor('eps', [eps.length / batch, batch], { data: eps })
      : { seed, stream: NOISE_STREAMS.train };
    const plan = planTraining(pool, model, tensors, { data: packed, noise, shuffle, variants });
    replay = new Replay(device, plan);
    const evaluator = new Evaluator(device, model, tensors.param, data.test);
    return {
      device,
      model,
      tensors,
      plan,
      replay,
      evaluator,
      dispose() {
        evaluator.dispose();
        dispose();
      },
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/**
 * Puts a snapshot's parameters, moments and step onto the device.
 * @throws RangeError if its tensors are not of this model
 */
export function loadSnapshot({ device, model, tensors, plan }: DeviceModel, from: Snapshot, count: number): void {
  const { table } = model;
  upload(device, tensors.param, flattenParameters(table, from.parameters));
  upload(device, tensors.m, flattenParameters(table, from.m));
  upload(device, tensors.v, flattenParameters(table, from.v));
  upload(device, plan.state, packState(stateAfter(from.step, { count, batch: from.config.batch })));
  // Dawn keeps uploads until something is submitted, also those to buffers that are destroyed meanwhile.
  device.handle.queue.submit([]);
}
