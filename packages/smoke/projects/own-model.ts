import { createDevice, type Device, loadMnist } from 'webgpu-vae';
import { type CheckReport, checkOperation } from 'webgpu-vae/check';
import { createKernel, type Kernel, shaderModules } from 'webgpu-vae/kernels';
import { activation, dense, squaredError } from 'webgpu-vae/nn';
import { type AdapterDescription, listAdapters } from 'webgpu-vae/node';
import { createTrainer, defineModel, type EpochResult } from 'webgpu-vae/train';
import { z } from 'zod';

const model = defineModel({
  kind: 'smoke',
  version: 1,
  settings: { width: z.number().int().min(1).default(64), slope: z.enum(['relu', 'tanh']).default('relu') },
  loss(tape, { x }, { width, slope }) {
    const hidden = activation(tape, dense(tape, x, width, { name: 'encoder' }), slope);
    squaredError(tape, dense(tape, hidden, x.tensor.shape[1]!, { name: 'decoder' }), x);
  },
});

export const unused: {
  adapters(): Promise<AdapterDescription[]>;
  kernel(device: Device): Kernel;
  check(device: Device): Promise<CheckReport>;
  buffer(device: GPUDevice): GPUBuffer;
} = {
  adapters: listAdapters,
  kernel: (device) => createKernel(device, shaderModules(['elementwise.wgsl'])),
  check: (device) =>
    checkOperation(device, {
      name: 'tanh',
      inputs: { x: { shape: [2, 3] } },
      record: (tape, { x }) => activation(tape, x!, 'tanh'),
      reference: ({ x }) => x!.map(Math.tanh),
    }),
  buffer: (device) => device.createBuffer({ size: 4, usage: 0x80 }),
};

const [folder, adapter] = process.argv.slice(2);
const device = await createDevice(adapter ? { adapter } : {});
const trainer = await createTrainer(model, device, await loadMnist(folder), { width: 32, epochs: 1 });
const results: EpochResult[] = [];
await trainer.train({ onEpoch: (result) => void results.push(result) });
console.log('steps', trainer.step, 'loss', results[0]?.test.loss);
trainer.dispose();
device.dispose();
