import { runSchedule } from '../gpu/schedule.ts';
import { BufferPool, download, upload } from '../gpu/tensor.ts';
import {
  type Activation,
  bceTerms,
  denseBackward,
  denseBackwardInput,
  denseBackwardWeight,
  denseForward,
  denseSigmoidBce,
} from '../kernels/dense.ts';
import { type DenseOperation, GEMM_VARIANTS, type GemmVariant, isDistinct } from '../kernels/gemm.ts';
import { ruleOf } from '../kernels/gemm-variants.ts';
import { type Check, compare, type Expected, report, runKernels, testValues } from './check.ts';
import * as reference from './reference/dense.ts';

const SIZES = [1, 3, 20, 63, 65, 784];

/** (B, C, OC) such that every two of the awkward sizes meet in every two places. */
const SHAPES = SIZES.flatMap((B, i) => SIZES.map((C, j) => [B, C, SIZES[(i + j) % SIZES.length]!] as const));

/** The products of 784-512-256-2 at batch 128. */
const MODEL_SHAPES = [
  [128, 784, 512],
  [128, 512, 256],
  [128, 256, 4],
  [128, 2, 256],
  [128, 256, 512],
  [128, 512, 784],
] as const;

/** Sums of so many that split-K cuts them up, the last part shorter. */
const LONG_SHAPES = [[20, 257, 130]] as const;

/** A weight whose copy has many rows of texels, a number that is no power of two: a sampler must find each of them. */
const TALL_SHAPES = [[4, 4000, 1000]] as const;

const ACTIVATIONS: [Activation, (out: Expected) => Expected][] = [
  ['none', (out) => out],
  ['relu', reference.relu],
  ['sigmoid', reference.sigmoid],
];

function checksFor(variant: GemmVariant, B: number, C: number, OC: number): Check[] {
  const title = (op: string) => `${op} [${variant}] (B=${B}, C=${C}, OC=${OC})`;
  const inp = () => testValues(B * C, 1);
  const weight = () => testValues(OC * C, 2).map((value) => value / 4);
  const bias = () => testValues(OC, 3);
  const dout = () => testValues(B * OC, 4);

  const forward: Check = {
    name: title('denseForward'),
    op: 'denseForward',
    variant,
    run: (device) =>
      runKernels(title('denseForward'), device, (pool) => {
        const expected = reference.dense(inp(), weight(), bias(), B, C, OC);
        const tensors = {
          inp: pool.tensor('inp', [B, C], { data: inp() }),
          weight: pool.tensor('weight', [OC, C], { data: weight() }),
          bias: pool.tensor('bias', [OC], { data: bias() }),
        };
        const parts = ACTIVATIONS.map(([activation, apply]) => {
          const out = pool.tensor(`out (${activation})`, [B, OC]);
          return {
            commands: denseForward(pool, { ...tensors, out }, { activation, variants: variant }),
            out,
            expected: apply(expected),
          };
        });
        return {
          commands: parts.flatMap(({ commands }) => commands),
          outputs: parts.map((part) => [part.out, part.expected]),
        };
      }),
  };

  const backwardWeight: Check = {
    name: title('denseBackwardWeight'),
    op: 'denseBackwardWeight',
    variant,
    run: (device) =>
      runKernels(title('denseBackwardWeight'), device, (pool) => {
        const expected = reference.denseBackwardWeight(dout(), inp(), B, C, OC);
        const tensors = {
          dout: pool.tensor('dout', [B, OC], { data: dout() }),
          inp: pool.tensor('inp', [B, C], { data: inp() }),
          dweight: pool.tensor('dweight', [OC, C]),
          dbias: pool.tensor('dbias', [OC]),
        };
        const outputs = [
          [tensors.dweight, expected.dweight],
          [tensors.dbias, expected.dbias],
        ] as [typeof tensors.dweight, Expected][];
        return { commands: denseBackwardWeight(pool, tensors, { variants: variant }), outputs };
      }),
  };

  const backwardInput: Check = {
    name: title('denseBackwardInput'),
    op: 'denseBackwardInput',
    variant,
    run: (device) =>
      runKernels(title('denseBackwardInput'), device, (pool) => {
        const tensors = {
          dout: pool.tensor('dout', [B, OC], { data: dout() }),
          weight: pool.tensor('weight', [OC, C], { data: weight() }),
          inp: pool.tensor('inp', [B, C], { data: inp() }),
        };
        const plain = pool.tensor('dinp', [B, C]);
        const masked = pool.tensor('dinp (ReLU)', [B, C]);
        return {
          commands: [
            ...denseBackwardInput(pool, { ...tensors, dinp: plain }, { variants: variant }),
            ...denseBackwardInput(pool, { ...tensors, dinp: masked }, { relu: true, variants: variant }),
          ],
          outputs: [
            [plain, reference.denseBackwardInput(dout(), weight(), B, C, OC)],
            [masked, reference.denseBackwardInput(dout(), weight(), B, C, OC, inp())],
          ],
        };
      }),
  };

  const backward: Check = {
    name: title('denseBackward'),
    op: 'denseBackward',
    variant,
    run: (device) =>
      runKernels(title('denseBackward'), device, (pool) => {
        const expected = reference.denseBackwardWeight(dout(), inp(), B, C, OC);
        const tensors = {
          dout: pool.tensor('dout', [B, OC], { data: dout() }),
          inp: pool.tensor('inp', [B, C], { data: inp() }),
          weight: pool.tensor('weight', [OC, C], { data: weight() }),
          dweight: pool.tensor('dweight', [OC, C]),
          dbias: pool.tensor('dbias', [OC]),
          dinp: pool.tensor('dinp', [B, C]),
        };
        return {
          commands: denseBackward(pool, tensors, { relu: true, variants: variant, split: false }),
          outputs: [
            [tensors.dweight, expected.dweight],
            [tensors.dbias, expected.dbias],
            [tensors.dinp, reference.denseBackwardInput(dout(), weight(), B, C, OC, inp())],
          ],
        };
      }),
  };

  const bce: Check = {
    name: title('denseSigmoidBce'),
    op: 'denseSigmoidBce',
    variant,
    run: async (device) => {
      const pool = new BufferPool(device);
      try {
        // Pixels of every kind: black, white and grey; logits large enough to saturate.
        const pixels = testValues(B * OC, 5).map((value) => Math.min(1, Math.max(0, value * 2)));
        const loud = weight().map((value) => value * 8);
        const x = pool.tensor('x', [B, OC], { data: pixels });
        const tensors = {
          inp: pool.tensor('inp', [B, C], { data: inp() }),
          weight: pool.tensor('weight', [OC, C], { data: loud }),
          bias: pool.tensor('bias', [OC], { data: bias() }),
          x,
          dlogits: pool.tensor('dlogits', [B, OC]),
          bce: pool.tensor('bce', [bceTerms(pool, B, C, OC, variant)]),
        };
        // Whatever stood in the partial sums must be overwritten, also by threads that own no element.
        upload(device, tensors.bce, new Float32Array(tensors.bce.shape[0]!).fill(1e6));
        runSchedule(device, denseSigmoidBce(pool, tensors, { variants: variant }));
        const expected = reference.sigmoidBce(reference.dense(inp(), loud, bias(), B, C, OC), pixels, B);
        const partial = await download(device, tensors.bce);
        const total = partial.reduce((sum, term) => sum + term, 0);
        return report(title('denseSigmoidBce'), [
          compare('sum of bce', [total], expected.bce),
          compare('dlogits', await download(device, tensors.dlogits), expected.dlogits),
        ]);
      } finally {
        pool.dispose();
      }
    },
  };
  const byOperation: [DenseOperation, Check][] = [
    ['forward', forward],
    ['backward weight', backwardWeight],
    ['backward input', backwardInput],
    ['backward', backward],
    ['loss', bce],
  ];
  return byOperation.filter(([operation]) => isDistinct(variant, { operation, B, C, OC })).map(([, check]) => check);
}

export function denseChecks(): Check[] {
  return GEMM_VARIANTS.flatMap((variant) => {
    const tall = ruleOf(variant).copiesOperands ? TALL_SHAPES : [];
    const shapes = [...SHAPES, ...LONG_SHAPES, ...tall, ...MODEL_SHAPES];
    return shapes.flatMap(([B, C, OC]) => checksFor(variant, B, C, OC));
  });
}
