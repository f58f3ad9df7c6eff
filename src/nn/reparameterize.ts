import { freeBits } from '../kernels/free-bits.ts';
import { reparameterize as forward, reparameterizeBackward } from '../kernels/reparameterize.ts';
import type { Tape, Value } from './tape.ts';
import type { Weight } from './weight.ts';

/** What the KL divergence weighs in the loss. */
export interface KlTermOptions {
  /** The term's name; default `kld`. */
  term?: string;
  /** Default 1. */
  weight?: Weight;
  /**
   * While training the term is Σ over the latent dimensions of max(freeBits, KL of the dimension), in nats, so that no dimension is
   * pressed below that (Kingma et al. 2016). Evaluation has the KL divergence itself. Default 0.
   */
  freeBits?: number;
}

/**
 * z = μ + exp(log σ² / 2) ε with ε of the tape's own, and as a term of the loss the KL divergence of q(z|x) = N(μ, σ²) from N(0, I)
 * in nats, mean over the batch. Kingma & Welling 2014, section 2.4 and appendix B.
 * `heads` (B, 2 L): μ, then log σ² -> z (B, L).
 */
export function reparameterize(
  tape: Tape,
  heads: Value,
  { term = 'kld', weight = 1, freeBits: floor = 0 }: KlTermOptions = {},
): Value {
  const [B, width] = heads.tensor.shape as [number, number];
  const L = width / 2;
  if (!Number.isInteger(L)) {
    throw new RangeError(`reparameterize: ${heads.tensor.label} has ${width} columns, expected 2 L: μ, then log σ²`);
  }
  if (!(floor >= 0 && Number.isFinite(floor))) {
    throw new RangeError(`reparameterize: freeBits is ${floor}, expected nats from 0`);
  }
  const z = tape.tensor('z', [B, L]);
  const kld = tape.tensor(term, [B, L]);
  const { state } = tape;
  const noise = tape.noise();
  const hasFloor = floor > 0 && tape.mode !== 'evaluate';
  const terms = hasFloor ? tape.tensor(`${term} above the floor`, [L]) : undefined;
  const counted = hasFloor ? tape.tensor(`${term} counted`, [L]) : undefined;
  tape.term(term, terms ?? kld, weight);
  const [beta, schedule] = typeof weight === 'number' ? [weight, undefined] : [weight.value, weight.schedule];
  return tape.record({
    label: 'reparameterize',
    inputs: [heads],
    output: z,
    hasTerm: true,
    forward: (pool) => [
      forward(pool, { heads: heads.tensor, state, z, kld }, noise),
      ...(terms && counted ? [freeBits(pool, { kld, terms, counted }, { floor })] : []),
    ],
    backward: (pool, dz, [dheads]) => {
      // A model may have no use for z: then only the term has gradients, and these are zeros.
      const tensors = { heads: heads.tensor, state, dz: dz ?? tape.tensor('dz', [B, L]), dheads: dheads!.tensor };
      return [reparameterizeBackward(pool, tensors, noise, beta, { schedule, counted })];
    },
  });
}
