import { loadMnist } from '#host';
import { takeFirst } from '../../src/data/dataset.ts';
import { Vae } from '../../src/vae/vae.ts';
import { expect, test } from '../support/fixtures.ts';

/** Counts calls of methods by wrapping their prototypes. */
function countCalls(methods: [{ prototype: object }, string][]): { calls: Map<string, number>; restore: () => void } {
  const calls = new Map<string, number>();
  const restores = methods.map(([{ prototype }, name]) => {
    const methodsOf = prototype as Record<string, (...args: unknown[]) => unknown>;
    const original = methodsOf[name]!;
    calls.set(name, 0);
    methodsOf[name] = function (this: unknown, ...args: unknown[]) {
      calls.set(name, calls.get(name)! + 1);
      return original.apply(this, args);
    };
    return () => {
      methodsOf[name] = original;
    };
  });
  return { calls, restore: () => restores.forEach((restore) => void restore()) };
}

const CREATED = [
  'createBuffer',
  'createBindGroup',
  'createBindGroupLayout',
  'createComputePipeline',
  'createPipelineLayout',
  'createShaderModule',
] as const;

test('a step allocates, uploads and waits for nothing', async ({ device }) => {
  const data = await loadMnist();
  const small = { ...data, train: takeFirst(data.train, 1000), test: takeFirst(data.test, 100) };
  // As many steps per submission as are asked for, however slow the adapter is at the moment.
  const vae = await Vae.create(device, small, {}, { chunkMs: Number.POSITIVE_INFINITY });
  try {
    expect(vae.dispatchesPerStep).toBeLessThanOrEqual(24);
    await vae.advance(2);
    const bytes = device.allocatedBytes;
    const { calls, restore } = countCalls([
      ...CREATED.map((name) => [GPUDevice, name] as [{ prototype: object }, string]),
      [GPUQueue, 'writeBuffer'],
      [GPUQueue, 'submit'],
      [GPUQueue, 'onSubmittedWorkDone'],
      [GPUBuffer, 'mapAsync'],
      [GPUComputePassEncoder, 'dispatchWorkgroups'],
    ]);
    const steps = 12;
    try {
      await vae.advance(steps);
    } finally {
      restore();
    }
    expect(vae.step).toBe(2 + steps);
    for (const name of [...CREATED, 'writeBuffer', 'onSubmittedWorkDone']) expect(calls.get(name), name).toBe(0);
    expect(calls.get('dispatchWorkgroups')).toBe(steps * vae.dispatchesPerStep);
    expect(calls.get('submit'), 'many steps per submit').toBeLessThanOrEqual(steps / 2);
    expect(calls.get('mapAsync'), 'one read per submit').toBe(calls.get('submit'));
    expect(device.allocatedBytes).toBe(bytes);
  } finally {
    vae.dispose();
  }
});

test('a disposed model leaves nothing allocated', async ({ device }) => {
  const data = await loadMnist();
  const small = { ...data, train: takeFirst(data.train, 300), test: takeFirst(data.test, 70) };
  const before = device.allocatedBytes;
  const vae = await Vae.create(device, small, { hidden: [8], batch: 64 });
  expect(device.allocatedBytes).toBeGreaterThan(before);
  await vae.advance(1);
  await vae.evaluate();
  await vae.evaluate(small.train);
  await vae.decode(new Float32Array(6));
  await vae.encode(small.test.images);
  vae.dispose();
  expect(device.allocatedBytes).toBe(before);
});
