import type { Device } from '../gpu/device.ts';
import { runSchedule } from '../gpu/schedule.ts';
import { BufferPool, download, downloadU32, type Tensor, upload } from '../gpu/tensor.ts';
import { ADAM_DEFAULTS, adam } from '../kernels/adam.ts';
import { HALTED, OVERFLOWED, packState } from '../kernels/finish-step.ts';
import { type Check, type CheckReport, compare, type Expected, report, runKernels, testValues } from './check.ts';
import * as reference from './reference/adam.ts';

const PARAMETERS = [4, 20, 64, 784, 65 * 64 + 4, 40_004];
const STEPS = [1, 2, 10, 500, 9375, 1_000_000];

const NAMES = ['grad', 'param', 'm', 'v'] as const;
type Values = Record<(typeof NAMES)[number], Float32Array>;

/** Gradients from 1 down to 1e-6, some of them zero; moments as a run would have them. */
function valuesAt(P: number, t: number, seed: number): Values {
  return {
    grad: testValues(P, seed).map((value, i) => (i % 7 === 0 ? 0 : value * 10 ** -(i % 7))),
    m: t === 1 ? new Float32Array(P) : testValues(P, seed + 1).map((value, i) => value * 10 ** -(i % 5)),
    v: t === 1 ? new Float32Array(P) : testValues(P, seed + 2).map((value, i) => Math.abs(value) * 10 ** -(i % 9)),
    param: testValues(P, seed + 3),
  };
}

function tensorsOf(pool: BufferPool, values: Values, t: number): Record<'state' | (typeof NAMES)[number], Tensor> {
  const P = values.param.length;
  const tensor = (name: (typeof NAMES)[number]) => pool.tensor(name, [P], { data: values[name] });
  return {
    grad: tensor('grad'),
    state: pool.tensor('state', [4], { dtype: 'u32', data: stateWith(t, 0) }),
    param: tensor('param'),
    m: tensor('m'),
    v: tensor('v'),
  };
}

function stateWith(step: number, halted: number): Uint32Array<ArrayBuffer> {
  return packState({ step, epoch: 7, position: 9, halted });
}

function exactly(values: ArrayLike<number>): Expected {
  return { values: Float64Array.from(values), tolerance: new Float64Array(values.length) };
}

/** What is put into one element before the step, and whether its new value is finite. */
interface Extreme {
  name: string;
  values: Partial<Record<(typeof NAMES)[number], number>>;
  overflows: boolean;
}

const F32_MAX = (2 - 2 ** -23) * 2 ** 127;

const EXTREMES: Extreme[] = [
  { name: 'gradient is NaN', values: { grad: Number.NaN }, overflows: true },
  { name: 'gradient is infinite', values: { grad: Number.NEGATIVE_INFINITY }, overflows: true },
  { name: 'square of the gradient is infinite', values: { grad: 1e21 }, overflows: true },
  { name: 'm is NaN', values: { m: Number.NaN }, overflows: true },
  { name: 'v is NaN', values: { v: Number.NaN }, overflows: true },
  { name: 'v is infinite', values: { v: Number.POSITIVE_INFINITY }, overflows: true },
  { name: 'parameter is NaN', values: { param: Number.NaN }, overflows: true },
  { name: 'update is infinite', values: { grad: 0, m: 3e38, v: 0 }, overflows: true },
  { name: 'parameter leaves f32', values: { grad: 0, param: -F32_MAX, m: 3e33, v: 0 }, overflows: true },
  // Nothing that is finite may raise the alarm, however large or small.
  { name: 'parameter is the largest f32', values: { grad: 0, param: -F32_MAX, m: 0, v: 0 }, overflows: false },
  { name: 'v is large', values: { grad: -1e19, m: 1e18, v: 1.3e38 }, overflows: false },
  { name: 'everything is the smallest f32', values: { grad: 2 ** -149, m: 2 ** -149, v: 2 ** -149 }, overflows: false },
];

/** Every lane of a vector, and both ends. */
const PLACES = [0, 1, 2, 3, 65 * 64 + 3];

/** One element is extreme: the others are as ever, OVERFLOWED says so, and once HALTED is set nothing is written. */
async function runExtreme(name: string, device: Device, { values, overflows }: Extreme): Promise<CheckReport> {
  const comparisons: ReturnType<typeof compare>[] = [];
  for (const place of PLACES) {
    const pool = new BufferPool(device);
    try {
      const t = 500;
      const before = valuesAt(65 * 64 + 4, t, place);
      for (const key of NAMES) before[key][place] = values[key] ?? before[key][place]!;
      const tensors = tensorsOf(pool, before, t);
      const expected = reference.adam(before.param, before.grad, before.m, before.v, t, ADAM_DEFAULTS);
      if (expected.overflows.join() !== (overflows ? String(place) : '')) {
        throw new Error(`${name}: the reference says that [${expected.overflows}] overflow`);
      }
      const dispatch = adam(pool, tensors, ADAM_DEFAULTS);
      runSchedule(device, [dispatch]);
      const flag = overflows ? OVERFLOWED : 0;
      comparisons.push(compare('state', await downloadU32(device, tensors.state), exactly(stateWith(t, flag))));
      const after = new Map<Tensor, Float32Array>();
      for (const key of ['param', 'm', 'v'] as const) {
        const got = await download(device, tensors[key]);
        after.set(tensors[key], got.slice());
        // What became of the extreme element is no number to compare.
        const { values, tolerance } = expected[key];
        if (overflows) got[place] = values[place] = tolerance[place] = 0;
        comparisons.push(compare(key, got, expected[key]));
      }
      for (const halted of [HALTED, HALTED | OVERFLOWED]) {
        upload(device, tensors.state, stateWith(t + 1, halted));
        runSchedule(device, [dispatch]);
        comparisons.push(
          compare('state once halted', await downloadU32(device, tensors.state), exactly(stateWith(t + 1, halted))),
        );
        for (const [tensor, floats] of after) {
          // Bits, as NaN is no number to compare.
          const bits = exactly(new Uint32Array(floats.buffer));
          comparisons.push(compare(`${tensor.label} once halted`, await downloadU32(device, tensor), bits));
        }
      }
    } finally {
      pool.dispose();
    }
  }
  return report(name, comparisons);
}

export function adamChecks(): Check[] {
  const accuracy = PARAMETERS.flatMap((P, size) =>
    STEPS.map((t): Check => {
      const name = `adam (P=${P}, t=${t})`;
      return {
        name,
        op: 'adam',
        run: (device) =>
          runKernels(name, device, (pool) => {
            const before = valuesAt(P, t, size * STEPS.length + t);
            const tensors = tensorsOf(pool, before, t);
            const expected = reference.adam(before.param, before.grad, before.m, before.v, t, ADAM_DEFAULTS);
            return {
              commands: [adam(pool, tensors, ADAM_DEFAULTS)],
              outputs: [
                [tensors.param, expected.param],
                [tensors.m, expected.m],
                [tensors.v, expected.v],
              ],
            };
          }),
      };
    }),
  );
  const extremes = EXTREMES.map((extreme): Check => {
    const name = `adam (${extreme.name})`;
    return { name, op: 'adam', run: (device) => runExtreme(name, device, extreme) };
  });
  return [...accuracy, ...extremes];
}
