import { type BufferPool, elementCount, type Tensor } from '../gpu/tensor.ts';
import { type Expected, testValues, U } from './check.ts';

/** Every way in which a backward kernel may write the gradient of an input: see shaders/sink.wgsl. */
export const SINKS = [
  { masked: false, accumulate: false },
  { masked: true, accumulate: false },
  { masked: false, accumulate: true },
  { masked: true, accumulate: true },
] as const;

export type SinkCase = (typeof SINKS)[number];

export function sinkName({ masked, accumulate }: SinkCase): string {
  return `${masked ? ', masked' : ''}${accumulate ? ', added' : ''}`;
}

/** What a gradient is added to or overwrites, and a mask with zeros and both signs. */
export function sinkTensors(
  pool: BufferPool,
  shape: readonly number[],
  kind: SinkCase,
): { dinp: Tensor; mask: Tensor | undefined } {
  const length = elementCount(shape);
  const dinp = pool.tensor(`dinp ${shape.join('x')}${sinkName(kind)}`, shape, { data: before(length) });
  return { dinp, mask: kind.masked ? pool.tensor('mask', shape, { data: maskOf(length) }) : undefined };
}

/** What stands in `dinp` after a gradient has been put there. */
export function expectedInSink(gradient: Expected, { masked, accumulate }: SinkCase): Expected {
  const length = gradient.values.length;
  const mask = maskOf(length);
  const old = before(length);
  const out = { values: gradient.values.slice(), tolerance: gradient.tolerance.slice() };
  for (let i = 0; i < length; i++) {
    if (masked && !(mask[i]! > 0)) out.values[i] = out.tolerance[i] = 0;
    if (!accumulate) continue;
    out.values[i]! += old[i]!;
    out.tolerance[i]! += 2 * U * (Math.abs(old[i]!) + Math.abs(out.values[i]!));
  }
  return out;
}

function before(length: number): Float32Array {
  return testValues(length, 91).map((value) => value * 3);
}

function maskOf(length: number): Float32Array {
  return testValues(length, 92).map((value, i) => (i % 5 === 0 ? 0 : value));
}
