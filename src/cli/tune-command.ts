import { Command } from 'commander';
import type { VaeConfig } from 'webgpu-vae';
import { LIKELIHOODS } from './model-options.ts';
import { oneOf, option, positiveInteger, positiveNumber, text, widths } from './options.ts';

/** What `webgpu-vae tune` was asked for. */
export interface TuneSettings {
  hidden: number[];
  latent: number;
  batch: number;
  likelihood: VaeConfig['likelihood'];
  /** Pixels of an image. */
  imageSize: number;
  adapter: string | undefined;
  /** Time for measuring. */
  budgetMs: number;
}

interface TuneOptions {
  hidden: number[];
  latent: number;
  batch: number;
  likelihood: VaeConfig['likelihood'];
  pixels: number;
  adapter?: string;
  budget: number;
}

/** `tune` with its options; a model's settings have the defaults of `train`. */
export function tuneCommand(run: (settings: TuneSettings) => Promise<void>): Command {
  return new Command('tune')
    .summary('measure which kernels are the fastest for a model, and remember that')
    .description(
      "Measures every variant of the dense layers' kernels on the shapes of a model, prints what each takes and which is chosen, and remembers the answer for `train`. Later runs with these settings on this adapter use it; checkpoints keep their own.",
    )
    .addOption(
      option('--hidden <widths>', "widths of the encoder's hidden layers, or none; the decoder mirrors them", widths, {
        value: [512, 256],
        shown: '512,256',
      }),
    )
    .addOption(option('--latent <n>', 'dimensions of the latent space', positiveInteger, { value: 2 }))
    .addOption(option('--batch <n>', 'images per step', positiveInteger, { value: 128 }))
    .addOption(
      option(
        '--likelihood <name>',
        `distribution of the pixels given z: ${LIKELIHOODS.join(' or ')}`,
        oneOf(LIKELIHOODS),
        {
          value: 'bernoulli',
        },
      ),
    )
    .addOption(option('--pixels <n>', 'pixels of an image', positiveInteger, { value: 784 }))
    .addOption(
      option('--adapter <name>', 'part of the name of the adapter to use (default: the fastest; see doctor)', text),
    )
    .addOption(
      option(
        '--budget <seconds>',
        'time for measuring; what it does not suffice for keeps the default',
        positiveNumber,
        {
          value: 30,
        },
      ),
    )
    .action(async ({ pixels, budget, adapter, ...model }: TuneOptions) => {
      await run({ ...model, imageSize: pixels, adapter, budgetMs: 1000 * budget });
    });
}
