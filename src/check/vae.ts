import type { ImageSet } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import { GEMM_VARIANTS, type GemmVariant } from '../kernels/gemm.ts';
import { Vae } from '../vae/vae.ts';
import { type Check, type CheckReport, compare, report, testValues, U } from './check.ts';
import { vaeGradient, vaeLoss } from './reference/vae.ts';

const MODELS = [
  { hidden: [7, 5], latent: 2, batch: 5, beta: 1, rows: 3, columns: 4 },
  { hidden: [33], latent: 20, batch: 3, beta: 2.5, rows: 1, columns: 5 },
  { hidden: [1], latent: 1, batch: 1, beta: 1, rows: 1, columns: 1 },
  { hidden: [], latent: 3, batch: 20, beta: 0.5, rows: 2, columns: 3 },
];

/**
 * An element of a gradient goes through six layers, forward and back, each a sum that rounds as often as it has terms;
 * relative to the largest element of its tensor, 64 roundings cover that. 1e-8 is what the differences may be off by.
 */
const RELATIVE_TOLERANCE = 64 * U;
const DIFFERENCE_ERROR = 1e-8;

async function run(
  name: string,
  device: Device,
  variants: GemmVariant,
  model: (typeof MODELS)[number],
): Promise<CheckReport> {
  const { rows, columns, batch, latent, hidden, beta } = model;
  const imageSize = rows * columns;
  const images = Uint8Array.from({ length: batch * imageSize }, (_, i) => (i * 89) % 256);
  const set: ImageSet = { images, labels: new Uint8Array(batch), count: batch, rows, columns };
  const eps = testValues(batch * latent, 31).map((value) => 2 * value);
  const config = { hidden, latent, batch, beta, epochs: 1, seed: 3 };
  const vae = await Vae.create(device, { name, train: set, test: set }, config, { eps, shuffle: false, variants });
  try {
    const parameters = new Map((await vae.parameters()).map((tensor) => [tensor.name, tensor.data]));
    let loss = Number.NaN;
    await vae.advance(1, {
      onChunk: ([first]) => {
        loss = first!.bce + beta * first!.kld;
      },
    });
    const problem = { ...model, imageSize, eps, x: Float64Array.from(images, (byte) => byte / 255) };
    const expected = vaeGradient(problem, parameters);
    const value = vaeLoss(problem, parameters);
    const comparisons = [
      compare('loss', [loss], {
        values: Float64Array.of(value),
        tolerance: Float64Array.of(RELATIVE_TOLERANCE * value),
      }),
    ];
    for (const { name: tensor, data } of await vae.gradients()) {
      const values = expected.get(tensor)!;
      const largest = values.reduce((max, slope) => Math.max(max, Math.abs(slope)), 0);
      const tolerance = values.map(() => RELATIVE_TOLERANCE * largest + DIFFERENCE_ERROR);
      comparisons.push(compare(`gradient of ${tensor}`, data, { values, tolerance }));
    }
    return report(name, comparisons);
  } finally {
    vae.dispose();
  }
}

/** One whole training step, forward and backward, against finite differences of the loss in float64. */
export function vaeChecks(): Check[] {
  return GEMM_VARIANTS.flatMap((variants) =>
    MODELS.map((model): Check => {
      const { rows, columns, hidden, latent, batch } = model;
      const widths = [rows * columns, ...hidden, latent].join('-');
      const name = `vae step against finite differences [${variants}] (${widths}, B=${batch})`;
      return { name, op: 'vae step', variant: variants, run: (device) => run(name, device, variants, model) };
    }),
  );
}
