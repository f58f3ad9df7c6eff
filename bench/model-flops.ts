import { elementCount } from '../src/gpu/tensor.ts';
import { type ImageShape, type OpRecord, OutlineTape, type Value } from '../src/nn/tape.ts';
import { pixelsOf, settle } from '../src/train/model.ts';
import type { VaeConfig } from '../src/vae/config.ts';
import { vae } from '../src/vae/model.ts';

/** Counts the multiply-adds of every layer with a weight that is recorded on it. */
class CountingTape extends OutlineTape {
  flops = 0;

  override record(op: OpRecord & { output: OpRecord['output'] & {} }): Value;
  override record(op: OpRecord): undefined;
  override record(op: OpRecord): Value | undefined {
    const [inp, weight] = op.inputs;
    // Forward, the weight's gradient and, where something needs it, the input's: each as many, and a multiply-add is two.
    if (inp && weight) this.flops += 2 * multiplyAdds(inp, weight, op) * (inp.needsGradient ? 3 : 2);
    return super.record(op);
  }
}

/** Of a dense layer with a weight (outputs, inputs), and of a convolution or a transposed one with a kernel: 0 of all else. */
function multiplyAdds(inp: Value, { tensor: weight }: Value, { output }: OpRecord): number {
  if (!weight.label.endsWith('.weight')) return 0;
  const [B] = inp.tensor.shape as [number];
  if (weight.shape.length === 2) return B * elementCount(weight.shape);
  if (weight.shape.length !== 4 || !output) return 0;
  // Every pixel of the smaller images goes through the whole kernel; zeros around the images count as pixels.
  const pixels = [inp.tensor, output].map(({ shape }) => shape[1]! * shape[2]!);
  return B * Math.min(...pixels) * elementCount(weight.shape);
}

/** Floating-point operations of a training step's matrix products and convolutions; everything else is left out. */
export function modelFlops(config: Partial<VaeConfig>, images: ImageShape): number {
  const settled = settle(vae, config, images);
  const { batch } = settled.config;
  const tape = new CountingTape(batch, images);
  const value = (label: string, shape: number[]): Value => ({
    tensor: tape.tensor(label, shape),
    relu: false,
    needsGradient: false,
  });
  const x = value('x', [batch, pixelsOf(images)]);
  vae.loss(tape, { x, binarized: x, labels: value('labels', [batch]) }, settled.config);
  return tape.flops;
}
