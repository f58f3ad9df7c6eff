import type { Dispatch } from '../../src/gpu/kernel.ts';
import { type Command, withoutRepeatedCopies } from '../../src/gpu/schedule.ts';
import type { TextureCopy } from '../../src/gpu/texture.ts';
import { supportedVariants } from '../../src/kernels/gemm.ts';
import { Vae } from '../../src/vae/vae.ts';
import { tinyData } from '../reliability/tiny-data.ts';
import { expect, test } from '../support/fixtures.ts';

test('a copy is made again only after something may have written to its source', () => {
  const buffers = ['a', 'b'].map((label) => ({ label }) as GPUBuffer);
  const copyOf = (index: number) => ({ label: `copy ${index}`, source: { buffer: buffers[index] } }) as TextureCopy;
  const dispatch = (...writes: number[]) =>
    ({ label: `writes ${writes}`, kernel: {}, writes: writes.map((index) => buffers[index]) }) as unknown as Dispatch;
  const [a, b] = [copyOf(0), copyOf(1)];
  // Another part of the same buffer is another copy.
  const other = copyOf(0);
  const commands: Command[] = [a, b, dispatch(), a, other, dispatch(1), a, b, b, dispatch(0, 1), other, a, b];
  const kept = withoutRepeatedCopies(commands);
  expect(kept).toEqual([a, b, commands[2], other, commands[5], b, commands[9], other, a, b]);
  expect(kept.map((command) => commands.indexOf(command))).toEqual([0, 1, 2, 4, 5, 1, 9, 4, 0, 1]);
});

test('a training step copies no tensor to a texture twice', async ({ device }) => {
  // Every operand is written once in a step: the weights by Adam, the others by the layer that makes them.
  const isCopying = supportedVariants(device).includes('subgroup_texture');
  const config = { hidden: [24, 12], latent: 4, batch: 8 };
  const variants = isCopying ? 'subgroup_texture' : undefined;
  const vae = await Vae.create(device, tinyData(40, 4, 4), config, { variants });
  const copied: [GPUBuffer, number][] = [];
  const methods = GPUCommandEncoder.prototype;
  const original = methods.copyBufferToTexture;
  try {
    methods.copyBufferToTexture = function (this: GPUCommandEncoder, source, target, size) {
      // A tensor of more than one row of texels takes two calls: the second begins at another offset.
      copied.push([source.buffer, source.offset ?? 0]);
      return original.call(this, source, target, size);
    };
    await vae.advance(1);
  } finally {
    methods.copyBufferToTexture = original;
    vae.dispose();
  }
  const repeated = copied.filter(([buffer, offset], i) =>
    copied.slice(0, i).some(([other, at]) => other === buffer && at === offset),
  );
  expect(repeated).toEqual([]);
  // Of six layers the weights, the inputs and the gradients of the outputs.
  expect(copied.length).toBe(isCopying ? 6 + 6 + 6 : 0);
});
