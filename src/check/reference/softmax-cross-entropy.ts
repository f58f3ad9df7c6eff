import { type Expected, expError, FLUSH, U, ULP } from '../check.ts';

type Values = ArrayLike<number>;

/** logits (B, K), labels (B) -> −log softmax(logits)[label] (B), and scale · (softmax(logits) − onehot(label)) (B, K). */
export function softmaxCrossEntropy(
  logits: Values,
  labels: Values,
  K: number,
  scale: number,
): { terms: Expected; dlogits: Expected } {
  const B = labels.length;
  const terms = { values: new Float64Array(B), tolerance: new Float64Array(B) };
  const dlogits = { values: new Float64Array(B * K), tolerance: new Float64Array(B * K) };
  for (let b = 0; b < B; b++) {
    const row = Array.from({ length: K }, (_, k) => logits[b * K + k]!);
    const largest = Math.max(...row);
    const powers = row.map((logit) => Math.exp(logit - largest));
    const sum = powers.reduce((all, power) => all + power, 0);
    // Of a power: exp itself, and its argument, which rounds once. The sum of K of them rounds at most K times.
    const relative = (k: number) => expError(row[k]! - largest) + U * Math.abs(row[k]! - largest);
    const sumError = powers.reduce((all, power, k) => all + power * relative(k), 0) / sum + (K + 1) * U;
    const own = row[labels[b]!]!;
    terms.values[b] = Math.log(sum) + largest - own;
    // WGSL's log is within 2^-21 of the truth for sums in [1/2, 2], else within 3 ULP.
    terms.tolerance[b] = sumError + 2 ** -21 + 4 * ULP * (Math.abs(Math.log(sum)) + Math.abs(largest - own)) + FLUSH;
    for (const [k, power] of powers.entries()) {
      const probability = power / sum;
      const target = k === labels[b] ? 1 : 0;
      dlogits.values[b * K + k] = scale * (probability - target);
      const error = probability * (relative(k) + sumError + 3 * ULP);
      dlogits.tolerance[b * K + k] = scale * (error + 3 * U * (probability + target)) + FLUSH;
    }
  }
  return { terms, dlogits };
}
