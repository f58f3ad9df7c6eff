/** Rational approximations P(r)/Q(r) of AS 241 (PPND16), lowest power first; as the nearest doubles. */
const CENTRAL = {
  p: [
    3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987, 67265.7709270087,
    33430.57558358813, 2509.0809287301227,
  ],
  q: [
    1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
    28729.085735721943, 5226.495278852854,
  ],
};
const MIDDLE = {
  p: [
    1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
    0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
  ],
  q: [
    1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
    0.0005475938084995345, 1.0507500716444169e-9,
  ],
};
const FAR = {
  p: [
    6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
    0.0012426609473880784, 0.000027115555687434876, 2.0103343992922881e-7,
  ],
  q: [
    1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 0.000018463183175100548,
    1.421511758316446e-7, 2.0442631033899397e-15,
  ],
};

function rational({ p, q }: { p: number[]; q: number[] }, r: number): number {
  const horner = (c: number[]) => c.reduceRight((sum, coefficient) => sum * r + coefficient, 0);
  return horner(p) / horner(q);
}

/**
 * The inverse Φ⁻¹ of the standard normal distribution function: the z with P(N(0, 1) ≤ z) = `p`.
 *
 * Relative error about 1e-16 for every representable p. Source: M. J. Wichura, "Algorithm AS 241: The Percentage
 * Points of the Normal Distribution", Applied Statistics 37 (1988) 477–484, routine PPND16.
 *
 * @param p probability in [0, 1]; 0 gives -Infinity and 1 gives Infinity.
 * @throws RangeError when `p` is outside [0, 1] or not a number.
 */
export function inverseNormalCdf(p: number): number {
  if (!(p >= 0 && p <= 1)) {
    throw new RangeError(`inverseNormalCdf: got p = ${p}, expected a probability in [0, 1]: check the quantiles`);
  }
  if (p === 0) return Number.NEGATIVE_INFINITY;
  if (p === 1) return Number.POSITIVE_INFINITY;
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) return q * rational(CENTRAL, 0.180625 - q * q);
  const r = Math.sqrt(-Math.log(q < 0 ? p : 1 - p));
  const z = r <= 5 ? rational(MIDDLE, r - 1.6) : rational(FAR, r - 5);
  return q < 0 ? -z : z;
}
