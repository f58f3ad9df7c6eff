// The README's program, a run of 20 steps, and whatever else there is to import.
import * as engine from 'webgpu-vae';
import { allChecks } from 'webgpu-vae/check';
import { shaderModules } from 'webgpu-vae/kernels';
import { dense } from 'webgpu-vae/nn';
import { listAdapters } from 'webgpu-vae/node';
import { createTrainer } from 'webgpu-vae/train';

const [folder, adapter] = process.argv.slice(2);
const { createDevice, createVae, loadMnist } = engine;
for (const part of [allChecks, shaderModules, dense, listAdapters, createTrainer]) {
  if (typeof part !== 'function') throw new Error('an entry lacks what it should export');
}
if (!shaderModules(['philox.wgsl'])[0].code.includes('fn philox')) throw new Error('no shader in philox.wgsl');

const device = await createDevice(adapter ? { adapter } : {});
console.log('MNIST has', (await loadMnist()).train.count, 'images');
const data = await loadMnist(folder);
const vae = await createVae(device, data, { hidden: [64], latent: 2, epochs: 1 });
await vae.train();
console.log('steps', vae.step);
console.log('loss', (await vae.evaluate()).loss);
vae.dispose();
device.dispose();
