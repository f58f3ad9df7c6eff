import type { ActivationFunction } from '../../kernels/activation.ts';
import { type Expected, expError, FLUSH, U, ULP } from '../check.ts';

type Values = ArrayLike<number>;

/** A number, and how far a correct f32 computation may be from it. */
interface Bounded {
  value: number;
  tolerance: number;
}

const NEGATIVE_SLOPE = 0.01;

/** The error function in float64: its series where that converges fast, else the continued fraction of erfc (DLMF 7.6.2, 7.9.1). */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z < 2.5) {
    let term = z;
    let sum = z;
    for (let n = 1; term > 1e-18 * sum; n++) {
      term *= (2 * z * z) / (2 * n + 1);
      sum += term;
    }
    return ((Math.sign(x) * 2) / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
  }
  return Math.sign(x) * (1 - erfc(z));
}

/** For z >= 2.5. */
function erfc(z: number): number {
  let fraction = z;
  for (let n = 120; n >= 1; n--) fraction = z + n / 2 / fraction;
  return Math.exp(-z * z) / Math.sqrt(Math.PI) / fraction;
}

/** s(x) = 1 / (1 + e^−x), and how far it may be off where x may be off by `error`. */
function logistic(x: number, error = 0): Bounded {
  const value = x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
  const rest = 1 / (1 + Math.exp(x));
  return { value, tolerance: value * rest * (expError(x) + error) + 4 * ULP * value + FLUSH };
}

function normalDistribution(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const tail = z < 2.5 ? (1 - erf(z)) / 2 : erfc(z) / 2;
  return x >= 0 ? 1 - tail : tail;
}

/** Φ(x) as the kernel computes it: the formula is off by 7.5e-8, and every step of its polynomial rounds. */
function computedDistribution(x: number): Bounded {
  const shape = Math.exp((-x * x) / 2);
  const t = 1 / (1 + 0.23164189 * Math.abs(x));
  const size = t * (0.1275 + t * (0.1423 + t * (0.7108 + t * (0.7266 + t * 0.5308))));
  const tail = x >= 0 ? 1 - normalDistribution(x) : normalDistribution(x);
  // Of the exponential −x² / 2 rounds twice.
  const relative = expError((x * x) / 2) + x * x * U + 2 * U;
  return { value: normalDistribution(x), tolerance: 7.5e-8 * shape + 16 * U * size * shape + relative * tail + 2 * U };
}

/** The argument 2 u of the logistic function in GELU's form with tanh, its slope, and how far f32 may be off. */
function geluArgument(x: number): { value: number; slope: number; error: number } {
  const scale = 2 * Math.sqrt(2 / Math.PI);
  const cube = 0.044715 * x ** 3;
  return {
    value: scale * (x + cube),
    slope: scale * (1 + 3 * 0.044715 * x * x),
    error: 8 * U * scale * (Math.abs(x) + Math.abs(cube)),
  };
}

/** d/dx x s(a(x)) = s + x s (1 − s) a′; `argument` is a(x), `slope` a′(x). */
function gated(x: number, argument: number, slope: number, error: number): Bounded {
  const s = logistic(argument, error);
  const rest = 1 / (1 + Math.exp(argument));
  const inner = Math.abs(x * slope);
  return {
    value: s.value * (1 + x * rest * slope),
    tolerance: (1 + inner) * s.tolerance + 2 * U * inner * s.value + 8 * U * s.value * (1 + inner * rest) + FLUSH,
  };
}

const FUNCTIONS: Record<ActivationFunction, { forward(x: number): Bounded; slope(x: number): Bounded }> = {
  relu: {
    forward: (x) => ({ value: Math.max(x, 0), tolerance: 0 }),
    slope: (x) => ({ value: x > 0 ? 1 : 0, tolerance: 0 }),
  },
  leaky_relu: {
    forward: (x) => ({
      value: x > 0 ? x : NEGATIVE_SLOPE * x,
      tolerance: x > 0 ? 0 : 3 * U * Math.abs(NEGATIVE_SLOPE * x) + FLUSH,
    }),
    slope: (x) => ({ value: x > 0 ? 1 : NEGATIVE_SLOPE, tolerance: x > 0 ? 0 : 3 * U * NEGATIVE_SLOPE }),
  },
  sigmoid: {
    forward: (x) => logistic(x),
    slope: (x) => {
      const value = logistic(x).value * logistic(-x).value;
      return { value, tolerance: value * (expError(x) + 6 * ULP) + FLUSH };
    },
  },
  tanh: {
    forward: (x) => {
      const value = Math.tanh(x);
      const e = Math.exp(-2 * Math.abs(x));
      const far = ((2 * e) / (1 + e) ** 2) * expError(2 * x) + 4 * ULP * Math.abs(value);
      return { value, tolerance: (Math.abs(x) < 0.625 ? 16 * U * Math.abs(value) : far) + FLUSH };
    },
    slope: (x) => {
      const e = Math.exp(-2 * Math.abs(x));
      const value = (4 * e) / (1 + e) ** 2;
      return { value, tolerance: value * (expError(2 * x) + 6 * ULP) + FLUSH };
    },
  },
  silu: {
    forward: (x) => {
      const { value, tolerance } = logistic(x);
      return { value: x * value, tolerance: Math.abs(x) * (tolerance + U * value) + FLUSH };
    },
    slope: (x) => gated(x, x, 1, 0),
  },
  gelu: {
    forward: (x) => {
      const { value, tolerance } = computedDistribution(x);
      return { value: x * value, tolerance: Math.abs(x) * (tolerance + U * value) + FLUSH };
    },
    slope: (x) => {
      const { value, tolerance } = computedDistribution(x);
      const density = (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
      return {
        value: value + density,
        tolerance: tolerance + Math.abs(density) * (expError((x * x) / 2) + x * x * U + 4 * U) + 2 * U * value + FLUSH,
      };
    },
  },
  gelu_tanh: {
    forward: (x) => {
      const { value: argument, error } = geluArgument(x);
      const { value, tolerance } = logistic(argument, error);
      return { value: x * value, tolerance: Math.abs(x) * (tolerance + U * value) + FLUSH };
    },
    slope: (x) => {
      const { value: argument, slope, error } = geluArgument(x);
      return gated(x, argument, slope, error);
    },
  },
};

function map(length: number, bounded: (i: number) => Bounded): Expected {
  const out = { values: new Float64Array(length), tolerance: new Float64Array(length) };
  for (let i = 0; i < length; i++) ({ value: out.values[i]!, tolerance: out.tolerance[i]! } = bounded(i));
  return out;
}

/** f(inp), elementwise. */
export function activationForward(activation: ActivationFunction, inp: Values): Expected {
  return map(inp.length, (i) => FUNCTIONS[activation].forward(inp[i]!));
}

/** dout f′(inp), elementwise. */
export function activationBackward(activation: ActivationFunction, inp: Values, dout: Values): Expected {
  return map(inp.length, (i) => {
    const { value, tolerance } = FUNCTIONS[activation].slope(inp[i]!);
    const size = Math.abs(dout[i]!);
    return { value: dout[i]! * value, tolerance: size * (tolerance + 2 * U * Math.abs(value)) + FLUSH };
  });
}
