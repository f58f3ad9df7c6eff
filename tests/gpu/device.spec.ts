import { GpuError } from '../../src/gpu/device.ts';
import { createKernel } from '../../src/gpu/kernel.ts';
import { BufferPool, download, upload } from '../../src/gpu/tensor.ts';
import { ownDevice } from '../reliability/faults.ts';
import { expect, test } from '../support/fixtures.ts';

const NUMBERS = Float32Array.of(1, 2, 3, 4);

test('two overlapping calls of checked: the bad one is told, the good one has its numbers', async ({ device }) => {
  const pool = new BufferPool(device);
  try {
    for (let i = 0; i < 20; i++) {
      const good = device.checked('good', async () => {
        const tensor = pool.tensor('good', [4]);
        await Promise.resolve();
        upload(device, tensor, NUMBERS);
        return download(device, tensor);
      });
      // A buffer cannot be mapped and bound.
      const bad = device.checked('bad', async () => {
        device.handle.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
        await Promise.resolve();
        return 0;
      });
      const late = device.checked('late', () => download(device, pool.tensor('late', [4], { data: NUMBERS })));
      const [first, second, third] = await Promise.allSettled([good, bad, late]);
      expect(first).toEqual({ status: 'fulfilled', value: NUMBERS });
      expect(third).toEqual({ status: 'fulfilled', value: NUMBERS });
      expect(second).toMatchObject({ status: 'rejected', reason: expect.any(GpuError) });
      expect((second as PromiseRejectedResult).reason.message).toMatch(/^bad: /);
    }
  } finally {
    pool.dispose();
  }
});

test('checked calls within each other: each has its own errors', async ({ device }) => {
  const refuse = () =>
    device.handle.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
  const inner = await device.checked('outer', () => ({ inner: device.checked('inner', () => void refuse()) }));
  await expect(inner.inner).rejects.toThrow(/^inner: /);
  const outer = device.checked('outer', async () => {
    refuse();
    await device.checked('inner', () => undefined);
  });
  await expect(outer).rejects.toThrow(/^outer: /);
});

test('what build throws comes before what the scopes caught', async ({ device }) => {
  await expect(
    device.checked('build', () => {
      throw new RangeError('a shape does not fit');
    }),
  ).rejects.toThrow('a shape does not fit');
  await expect(device.checked('build', () => Promise.reject(new RangeError('later')))).rejects.toThrow('later');
});

test('an error that no scope caught is there for whoever watched, with the first words', async () => {
  const device = await ownDevice();
  try {
    const before = device.watchErrors();
    expect(before()).toBeUndefined();
    for (const size of [3, 7]) {
      const buffer = device.handle.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_DST });
      device.handle.queue.writeBuffer(buffer, 0, new ArrayBuffer(4 * size), 0, 4 * size);
    }
    await device.handle.queue.onSubmittedWorkDone();
    expect(before()).toBeInstanceOf(GpuError);
    expect(before()!.message).toContain('the GPU refused a command: ');
    expect(device.watchErrors()()).toBeUndefined();
  } finally {
    device.dispose();
  }
});

test('WGSL whose bindings cannot be read is refused with the place', ({ device }) => {
  const code =
    '@group(0) @binding(0)\nvar<storage, read_write> block: array<f32>;\n@group(1) @binding(0) var<storage> workgroup: array<f32>;\n@compute @workgroup_size(1) fn main() {}';
  const modules = [
    { name: 'first', code: '// nothing' },
    { name: 'mine', file: 'mine.wgsl', code },
  ];
  expect(() => createKernel(device, modules)).toThrow(
    'read bindings: mine.wgsl:3: workgroup has @group(1) @binding(0), expected @group(0) and @binding(a number): mend the WGSL',
  );
});
