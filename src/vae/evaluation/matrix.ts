/** Small symmetric matrices, row-major (n, n), in float64. */

/** How often every pair of axes is turned; a matrix of 64 needs about ten. */
const MOST_SWEEPS = 60;

/**
 * Eigenvalues and eigenvectors of a symmetric matrix by Jacobi's rotations (Golub & Van Loan, "Matrix computations", section 8.5).
 * @returns values (n), and vectors (n, n) whose column i belongs to value i
 */
export function eigen(symmetric: Float64Array, n: number): { values: Float64Array; vectors: Float64Array } {
  const a = symmetric.slice();
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let [off, whole] = [0, 0];
    for (let i = 0; i < n * n; i++) {
      const square = a[i]! ** 2;
      whole += square;
      if (i % (n + 1) !== 0) off += square;
    }
    if (off <= 1e-26 * whole) break;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const apq = a[p * n + q]!;
        if (apq === 0) continue;
        const theta = (a[q * n + q]! - a[p * n + p]!) / (2 * apq);
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        rotate(a, n, p, q, c, s, 'rows');
        rotate(a, n, p, q, c, s, 'columns');
        rotate(vectors, n, p, q, c, s, 'columns');
      }
    }
  }
  return { values: Float64Array.from({ length: n }, (_, i) => a[i * n + i]!), vectors };
}

function rotate(a: Float64Array, n: number, p: number, q: number, c: number, s: number, of: 'rows' | 'columns'): void {
  const [first, second, step] = of === 'rows' ? [p * n, q * n, 1] : [p, q, n];
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[first + k * step]!, a[second + k * step]!];
    a[first + k * step] = c * x - s * y;
    a[second + k * step] = s * x + c * y;
  }
}

/** The symmetric square root; eigenvalues below 0, which only rounding makes, count as 0. */
export function squareRoot(symmetric: Float64Array, n: number): Float64Array {
  const { values, vectors } = eigen(symmetric, n);
  const root = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const value = Math.sqrt(Math.max(0, values[k]!));
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) root[i * n + j]! += value * vectors[i * n + k]! * vectors[j * n + k]!;
    }
  }
  return root;
}

export function product(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      for (let j = 0; j < n; j++) out[i * n + j]! += a[i * n + k]! * b[k * n + j]!;
    }
  }
  return out;
}

/**
 * The lower triangle C with C Cᵀ = the matrix (Cholesky).
 * @throws RangeError unless it is positive definite
 */
export function cholesky(symmetric: Float64Array, n: number): Float64Array {
  const c = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = symmetric[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= c[i * n + k]! * c[j * n + k]!;
      if (i === j && !(sum > 0)) throw new RangeError('cholesky: the matrix is not positive definite');
      c[i * n + j] = i === j ? Math.sqrt(sum) : sum / c[j * n + j]!;
    }
  }
  return c;
}
