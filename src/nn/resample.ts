import {
  averagePoolBackward,
  averagePoolForward,
  pooledShape,
  upsampleBackward,
  upsampledShape,
  upsampleForward,
} from '../kernels/resample.ts';
import { imageSize } from './shape.ts';
import type { Tape, Value } from './tape.ts';

/**
 * Every pixel as `factor` × `factor` of it. `inp` (B, H, W, C) -> (B, factor H, factor W, C) f32. nn.Upsample in its mode 'nearest'.
 * @param options.factor a whole number from 1, default 2
 */
export function upsample(tape: Tape, inp: Value, { factor = 2 }: { factor?: number } = {}): Value {
  const label = `${inp.tensor.label}, upsampled`;
  const out = tape.tensor(label, upsampledShape('upsample', imageSize('upsample', inp), factor));
  return tape.record({
    label,
    inputs: [inp],
    output: out,
    fuses: { mask: true, accumulate: true },
    forward: (pool) => [upsampleForward(pool, { inp: inp.tensor, out }, { label, factor })],
    backward: (pool, dout, [sink]) => {
      const { tensor: dinp, mask, accumulate } = sink!;
      return [upsampleBackward(pool, { dout: dout!, dinp, mask }, { label: `${label} backward`, factor, accumulate })];
    },
  });
}

/**
 * The mean of every block of `size` × `size` pixels, channel by channel, without the rows and columns that are left over at the end.
 * `inp` (B, H, W, C) -> (B, ⌊H / size⌋, ⌊W / size⌋, C) f32. nn.AvgPool2d.
 * @param options.size a whole number from 1, default 2
 */
export function averagePool(tape: Tape, inp: Value, { size = 2 }: { size?: number } = {}): Value {
  const label = `${inp.tensor.label}, pooled`;
  const out = tape.tensor(label, pooledShape('averagePool', imageSize('averagePool', inp), size));
  return tape.record({
    label,
    inputs: [inp],
    output: out,
    fuses: { mask: true, accumulate: true },
    forward: (pool) => [averagePoolForward(pool, { inp: inp.tensor, out }, { label, size })],
    backward: (pool, dout, [sink]) => {
      const { tensor: dinp, mask, accumulate } = sink!;
      return [averagePoolBackward(pool, { dout: dout!, dinp, mask }, { label: `${label} backward`, size, accumulate })];
    },
  });
}
