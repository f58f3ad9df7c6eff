import type { DataSet } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import { BufferPool, type Tensor, upload } from '../gpu/tensor.ts';
import { packState } from '../kernels/finish-step.ts';
import { packImages } from '../kernels/gather.ts';
import { NOISE_STREAMS, type Noise } from '../kernels/reparameterize.ts';
import type { VaeConfig } from './config.ts';
import { stateAfter } from './epochs.ts';
import { Evaluator } from './evaluator.ts';
import type { VaeInternals } from './options.ts';
import { flattenParameters, type ParameterTable } from './parameters.ts';
import { type LossPlan, type ModelTensors, planTraining } from './plan.ts';
import { Replay } from './replay.ts';
import type { Snapshot } from './snapshot.ts';

/** Everything of a model that lives on one device, and is lost with it. */
export interface DeviceModel {
  device: Device;
  table: ParameterTable;
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
export function buildModel(
  device: Device,
  table: ParameterTable,
  data: DataSet,
  config: VaeConfig,
  { eps, shuffle = true, variants }: VaeInternals,
): DeviceModel {
  const { seed, batch, latent } = config;
  const { images, rows, columns } = data.train;
  const pool = new BufferPool(device);
  let replay: Replay | undefined;
  const dispose = () => {
    replay?.dispose();
    pool.dispose();
  };
  try {
    const flat = (label: string): Tensor => pool.tensor(label, [table.length]);
    const tensors = { param: flat('parameters'), grad: flat('gradients'), m: flat('Adam m'), v: flat('Adam v') };
    const packed = packImages(pool, 'training images', images, rows * columns);
    const noise: Noise = eps
      ? pool.tensor('eps', [eps.length / (batch * latent), batch, latent], { data: eps })
      : { seed, stream: NOISE_STREAMS.train };
    const plan = planTraining(pool, table, tensors, packed, config, { noise, shuffle, variants });
    replay = new Replay(device, plan);
    const evaluator = new Evaluator(device, table, tensors.param, data.test, seed);
    return {
      device,
      table,
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
export function loadSnapshot({ device, table, tensors, plan }: DeviceModel, from: Snapshot, count: number): void {
  upload(device, tensors.param, flattenParameters(table, from.parameters));
  upload(device, tensors.m, flattenParameters(table, from.m));
  upload(device, tensors.v, flattenParameters(table, from.v));
  upload(device, plan.state, packState(stateAfter(from.step, { count, batch: from.config.batch })));
  // Dawn keeps uploads until something is submitted, also those to buffers that are destroyed meanwhile.
  device.handle.queue.submit([]);
}
