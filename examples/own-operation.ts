/** An operation of your own, softplus, with its gradient, in an autoencoder; and its check. `npm run example -- own-operation` */
import { createDevice, loadMnist } from 'webgpu-vae';
import { type CheckReport, checkOperation } from 'webgpu-vae/check';
import {
  type BufferPool,
  createDispatch,
  createKernel,
  linearWorkgroups,
  shaderModules,
  type Tensor,
} from 'webgpu-vae/kernels';
import { dense, denseBernoulli, type Tape, type Value } from 'webgpu-vae/nn';
import { createTrainer, defineModel } from 'webgpu-vae/train';

const WORKGROUP_SIZE = 64;

/** One thread: one element. A kernel's bindings are found by their names. */
const wgsl = (bindings: string, body: string): string => /* wgsl */ `
struct Params { count: u32 }
${bindings}
@group(0) @binding(9) var<uniform> params: Params;

@compute @workgroup_size(${WORKGROUP_SIZE})
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let i = element_index(workgroup_id, num_workgroups, local_id, ${WORKGROUP_SIZE}u);
  if (i >= params.count) { return; }
  ${body}
}`;

const FORWARD = wgsl(
  `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;`,
  'y[i] = max(x[i], 0.0) + log(1.0 + exp(-abs(x[i])));',
);
const BACKWARD = wgsl(
  `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;`,
  'dx[i] = dy[i] / (1.0 + exp(-x[i]));',
);

function dispatch(pool: BufferPool, label: string, code: string, tensors: Record<string, Tensor>, count: number) {
  const kernel = createKernel(pool.device, [...shaderModules(['elementwise.wgsl']), { name: label, code }]);
  return createDispatch(pool, label, kernel, tensors, { count }, linearWorkgroups(pool.device, count, WORKGROUP_SIZE));
}

/** softplus(x) = log(1 + e^x), elementwise. */
export function softplus(tape: Tape, inp: Value): Value {
  const x = inp.tensor;
  const y = tape.tensor('softplus', x.shape);
  const count = x.sizeBytes / 4;
  return tape.record({
    label: 'softplus',
    inputs: [inp],
    output: y,
    forward: (pool) => [dispatch(pool, 'softplus', FORWARD, { x, y }, count)],
    // Masks and sums of gradients are the tape's business: this says nothing of `fuses`.
    backward: (pool, dy, [sink]) => [
      dispatch(pool, 'softplus backward', BACKWARD, { x, dy: dy!, dx: sink!.tensor }, count),
    ],
  });
}

export const model = defineModel({
  kind: 'softplus-autoencoder',
  version: 1,
  loss(tape, { x }) {
    const hidden = softplus(tape, dense(tape, x, 64, { name: 'encoder' }));
    denseBernoulli(tape, hidden, x, { name: 'decoder' });
  },
});

/** The operation against the same in float64, forward, and its gradient against finite differences. */
export async function check(): Promise<CheckReport> {
  const device = await createDevice();
  try {
    return await checkOperation(device, {
      name: 'softplus',
      inputs: { x: { shape: [5, 7] } },
      record: (tape, { x }) => softplus(tape, x!),
      reference: ({ x }) => x!.map((value) => Math.log1p(Math.exp(value))),
    });
  } finally {
    device.dispose();
  }
}

export async function run(epochs = 1): Promise<{ bce: number }> {
  console.log((await check()).message);
  const device = await createDevice();
  try {
    const trainer = await createTrainer(model, device, await loadMnist(), { epochs });
    await trainer.train({ onEpoch: ({ epoch, test }) => console.log(`epoch ${epoch}: BCE ${test.loss.toFixed(2)}`) });
    const { loss } = await trainer.evaluate();
    trainer.dispose();
    return { bce: loss };
  } finally {
    device.dispose();
  }
}
