import { BufferPool, type DType } from '../../src/gpu/tensor.ts';
import type { Device } from '../../src/index.ts';
import { activationBackward, activationForward } from '../../src/kernels/activation.ts';
import { ADAM_DEFAULTS } from '../../src/kernels/adam.ts';
import { adamW, decayTable } from '../../src/kernels/adamw.ts';
import { add, multiplyBackward } from '../../src/kernels/arithmetic.ts';
import { clipNorm } from '../../src/kernels/clip-norm.ts';
import { embeddingBackward, embeddingForward } from '../../src/kernels/embedding.ts';
import { freeBits } from '../../src/kernels/free-bits.ts';
import { gather, gatherLabels, packImages } from '../../src/kernels/gather.ts';
import { groupNormBackward, groupNormForward } from '../../src/kernels/group-norm.ts';
import { layerNormForward } from '../../src/kernels/layer-norm.ts';
import { gaussian, gaussianHeads, squaredError } from '../../src/kernels/likelihood.ts';
import { reparameterizeBackward } from '../../src/kernels/reparameterize.ts';
import { averagePoolBackward, averagePoolForward, upsampleForward } from '../../src/kernels/resample.ts';
import { softmaxCrossEntropy } from '../../src/kernels/softmax-cross-entropy.ts';
import type { StepSchedule } from '../../src/kernels/step-schedule.ts';
import { expect, test } from '../support/fixtures.ts';

/** Tensors by what their name says: `f(3, 4)`. */
function tensorsIn(device: Device) {
  const pool = new BufferPool(device);
  const tensor =
    (dtype: DType) =>
    (...shape: number[]) =>
      pool.tensor('tensor', shape, { dtype });
  return { pool, f: tensor('f32'), u: tensor('u32') };
}

test('options that are not used leave the kernels as they were', ({ device }) => {
  const { pool, f, u } = tensorsIn(device);
  try {
    const constant: StepSchedule = { kind: 'constant' };
    const moments = { grad: f(64), state: u(4), param: f(64), m: f(64), v: f(64) };
    for (const schedule of [undefined, constant]) {
      expect(adamW(pool, moments, { ...ADAM_DEFAULTS, schedule }).kernel.label).toBe('elementwise+state+adam');
    }
    const adamw = adamW(pool, { ...moments, clip: f(2) }, ADAM_DEFAULTS);
    expect(adamw.kernel.label).toBe('elementwise+state+step_schedule+adamw');

    const images = packImages(pool, 'images', new Uint8Array(8), 4);
    const batch = { state: u(4), x: f(2, 4) };
    const options = { shuffle: true, seed: 1 };
    expect(gather(pool, images, batch, options).kernel.label).toBe('elementwise+shuffle+state+gather+pixels_vec4');
    expect(gather(pool, images, batch, { ...options, binarize: { stream: 4 } }).kernel.label).toBe(
      'elementwise+shuffle+state+philox+gather_binarized+pixels_vec4',
    );

    const latent = { heads: f(2, 6), state: u(4), dz: f(2, 3), dheads: f(2, 6) };
    for (const kl of [undefined, {}, { schedule: constant, counted: undefined }]) {
      expect(reparameterizeBackward(pool, latent, 'zero', 1, kl).kernel.label).toBe(
        'elementwise+state+noise_zero+reparameterize_backward',
      );
    }
    const loss = { pred: f(2, 4), x: f(2, 4), dpred: f(2, 4), terms: f(1) };
    const schedule = { kind: constant, state: u(4) };
    expect(squaredError(pool, loss, { schedule }).kernel).toBe(squaredError(pool, loss).kernel);
  } finally {
    pool.dispose();
  }
});

test('a tensor or a number that does not fit is refused, with what was expected', ({ device }) => {
  const { pool, f, u } = tensorsIn(device);
  try {
    const moments = { grad: f(64), state: u(4), param: f(64), m: f(64), v: f(64) };
    const loss = { mean: f(2, 4), x: f(2, 4), dmean: f(2, 4), terms: f(1) };
    const latent = { heads: f(2, 6), state: u(4), dz: f(2, 3), dheads: f(2, 6) };
    const images = { inp: f(2, 3, 3, 4), out: f(2, 3, 3, 4), moments: f(2, 2, 2) };
    const norm = { ...images, weight: f(4), bias: f(4) };
    const refused: [() => unknown, string][] = [
      [
        () => activationForward(pool, { inp: f(3, 4), out: f(4, 3) }, 'tanh'),
        'activationForward: inp is (3, 4), expected (4, 3), the shape of out',
      ],
      [
        () => activationBackward(pool, { dout: f(3), inp: f(3), dinp: f(3), mask: f(4) }, 'relu'),
        'activationBackward: mask is (4), expected (3), the shape of dinp',
      ],
      [() => add(pool, { a: f(3), b: f(4), out: f(3) }), 'add: b is (4), expected (3), the shape of out'],
      [
        () => multiplyBackward(pool, { dout: f(3), other: f(4), dinp: f(3) }),
        'multiplyBackward: other is (4), expected (3), the shape of dinp',
      ],
      [
        () => squaredError(pool, { pred: f(2, 4), x: f(2, 4), dpred: f(2, 4), terms: f(2) }),
        'squaredError: terms is (2), expected (terms=1)',
      ],
      [() => gaussian(pool, loss, { sigma: 0 }), 'gaussian: sigma is 0, expected a positive number'],
      [
        () => gaussianHeads(pool, { heads: f(2, 4), x: f(2, 4), dheads: f(2, 8), terms: f(1) }),
        'gaussianHeads: heads is (2, 4), expected (B=2, 2D=8)',
      ],
      [
        () => softmaxCrossEntropy(pool, { logits: f(2, 3), labels: f(2), dlogits: f(2, 3), terms: f(2) }),
        'softmaxCrossEntropy: labels is f32, expected u32: numbers from 0',
      ],
      [
        () => layerNormForward(pool, { inp: f(2, 3), weight: f(2), bias: f(3), out: f(2, 3), mean: f(2), rstd: f(2) }),
        'layerNormForward: weight is (2), expected (C=3)',
      ],
      [
        () => groupNormForward(pool, { ...norm, inp: f(2, 3, 3, 5) }, { groups: 2 }),
        'groupNormForward: groups is 2, expected a divisor of the 5 channels',
      ],
      [
        () => groupNormForward(pool, { ...norm, moments: f(2, 4) }, { groups: 2 }),
        'groupNormForward: moments is (2, 4), expected (B=2, G=2, pair=2)',
      ],
      [
        () => groupNormBackward(pool, { ...norm, dout: f(2, 3, 3, 4), dweight: f(4), dbias: f(3) }, { groups: 2 }),
        'groupNormBackward: dbias is (3), expected (C=4)',
      ],
      [
        () => averagePoolForward(pool, { inp: f(1, 5, 3, 2), out: f(1, 1, 1, 2) }, { size: 4 }),
        'averagePoolForward: size is 4, expected at most the sides of the images, 5 x 3 pixels',
      ],
      [
        () => averagePoolBackward(pool, { dout: f(1, 3, 1, 2), dinp: f(1, 5, 3, 2) }, { size: 2 }),
        'averagePoolBackward: dout is (1, 3, 1, 2), expected (B=1, rows=2, columns=1, C=2)',
      ],
      [
        () => upsampleForward(pool, { inp: f(1, 2, 3, 2), out: f(1, 4, 6, 2) }, { factor: 1.5 }),
        'upsampleForward: factor is 1.5, expected a whole number from 1',
      ],
      [
        () => embeddingForward(pool, { indices: u(2), weight: f(5, 3), out: f(2, 4) }),
        'embeddingForward: out is (2, 4), expected (N=2, C=3)',
      ],
      [
        () => embeddingBackward(pool, { dout: f(2, 3), indices: f(2), dweight: f(5, 3) }),
        'embeddingBackward: indices is f32, expected u32: numbers from 0',
      ],
      [
        () => gatherLabels(pool, { labels: f(2), state: u(4), out: u(2) }, { shuffle: false, seed: 0 }),
        'gatherLabels: labels is f32, expected u32: numbers from 0',
      ],
      [
        () => freeBits(pool, { kld: f(2, 3), terms: f(3), counted: f(3) }, { floor: -1 }),
        'freeBits: floor is -1, expected nats from 0',
      ],
      [
        () => reparameterizeBackward(pool, latent, 'zero', 1, { counted: f(2) }),
        'reparameterizeBackward: counted is (2), expected (L=3)',
      ],
      [
        () => reparameterizeBackward(pool, latent, 'zero', 1, { schedule: { kind: 'warmup', steps: 0 } }),
        'step schedule: steps of warmup is 0, expected a positive integer',
      ],
      [
        () => adamW(pool, moments, { ...ADAM_DEFAULTS, schedule: { kind: 'cosine', steps: 5, warmup: 5 } }),
        'step schedule: warmup is 5 steps, expected an integer from 0 to less than 5',
      ],
      [
        () => adamW(pool, moments, { ...ADAM_DEFAULTS, schedule: { kind: 'cyclical', period: 5, ratio: 0 } }),
        'step schedule: ratio is 0, expected a number in (0, 1]: the part of a period that rises',
      ],
      [() => adamW(pool, { ...moments, decay: f(2) }, ADAM_DEFAULTS), 'adamW: decay is (2), expected (P/64=1)'],
      [
        () => clipNorm(pool, { grad: f(64), squares: f(1), clip: f(2) }, { maxNorm: Number.NaN }),
        'clipNorm: maxNorm is NaN, expected a positive number',
      ],
      [
        () => decayTable(128, [{ offset: 32, length: 8, decay: 1 }]),
        'decayTable: the range of 8 elements at 32 does not begin at a multiple of 64',
      ],
      [
        () =>
          decayTable(192, [
            { offset: 64, length: 8, decay: 1 },
            { offset: 0, length: 65, decay: 1 },
          ]),
        'decayTable: the range of 8 elements at 64 is not within the elements from 128 to 192: ranges must not overlap',
      ],
    ];
    for (const [call, message] of refused) expect(call).toThrow(message);
  } finally {
    pool.dispose();
  }
});
