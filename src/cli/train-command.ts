import { Command } from 'commander';
import { GEMM_VARIANTS, type GemmVariant } from '../kernels/gemm.ts';
import type { VaeConfig } from '../vae/config.ts';
import { nonNegativeNumber, oneOf, option, positiveInteger, positiveNumber, seed, text, widths } from './options.ts';

/** What `webgpu-vae train` was asked for. */
export interface TrainSettings {
  config: VaeConfig;
  /** The part of `config` that was on the command line and is no default. */
  given: Partial<VaeConfig>;
  /** A checkpoint or a run folder to go on with. */
  resume: string | undefined;
  /** A model's file to begin with. */
  init: string | undefined;
  /** Minutes between checkpoints within an epoch. */
  checkpointEvery: number;
  /** Folder of IDX files; the embedded MNIST without it. */
  data: string | undefined;
  /** The first N training images; all without it. */
  trainSize: number | undefined;
  /** The run's folder; `runs/<date-time>` without it. */
  out: string | undefined;
  /** Part of an adapter's name; the best adapter without it. */
  adapter: string | undefined;
  /** Kernels of the dense layers: the fastest, measured once; the default ones; or one variant for all. */
  variant: Variant;
  /** Take a run folder over from a process of another computer that shows no sign of life. */
  force: boolean;
  quiet: boolean;
}

interface TrainOptions {
  resume?: string;
  init?: string;
  checkpointEvery: number;
  data?: string;
  hidden: number[];
  latent: number;
  batch: number;
  epochs: number;
  lr: number;
  beta: number;
  seed: number;
  trainSize?: number;
  out?: string;
  adapter?: string;
  variant: Variant;
  force?: boolean;
  quiet?: boolean;
}

export type Variant = 'auto' | 'default' | GemmVariant;

const VARIANTS: Variant[] = ['auto', 'default', ...GEMM_VARIANTS];

/** `train` with its options; the defaults are those of the published results. */
export function trainCommand(run: (settings: TrainSettings) => Promise<void>): Command {
  return new Command('train')
    .summary('train a model and write its weights and pictures')
    .description(
      'Trains a variational autoencoder and writes config.json, metrics.csv, model.safetensors and pictures to a folder. Ctrl-C stops it early and keeps what was learned.',
    )
    .addOption(
      option('--data <dir>', "folder with MNIST's four IDX files, plain or .gz (default: the embedded MNIST)", text),
    )
    .addOption(
      option('--hidden <widths>', "widths of the encoder's hidden layers, or none; the decoder mirrors them", widths, {
        value: [512, 256],
        shown: '512,256',
      }),
    )
    .addOption(option('--latent <n>', 'dimensions of the latent space', positiveInteger, { value: 2 }))
    .addOption(option('--batch <n>', 'images per step', positiveInteger, { value: 128 }))
    .addOption(option('--epochs <n>', 'passes over the training images', positiveInteger, { value: 20 }))
    .addOption(option('--lr <rate>', "Adam's learning rate", positiveNumber, { value: 1e-3, shown: '1e-3' }))
    .addOption(option('--beta <weight>', 'weight of the KL term in the loss', nonNegativeNumber, { value: 1 }))
    .addOption(
      option('--seed <n>', 'seed of the initial weights, the order of the images and the noise', seed, { value: 0 }),
    )
    .addOption(option('--train-size <n>', 'train on the first n images only (default: all)', positiveInteger))
    .addOption(
      option(
        '--resume <path>',
        'go on with a checkpoint or a run folder; only --epochs may differ from its settings (default: begin a new run)',
        text,
      ),
    )
    .addOption(option('--init <file>', 'begin with the weights of a safetensors file (default: random weights)', text))
    .addOption(
      option('--checkpoint-every <minutes>', 'minutes between checkpoints within an epoch', positiveNumber, {
        value: 5,
      }),
    )
    .addOption(option('--out <dir>', 'folder for the results, new or empty (default: runs/<date-time>)', text))
    .addOption(
      option('--adapter <name>', 'part of the name of the adapter to use (default: the fastest; see doctor)', text),
    )
    .addOption(
      option(
        '--variant <name>',
        `kernels of the dense layers: ${VARIANTS.join(', ')}; auto measures once which are the fastest and remembers that (see tune)`,
        oneOf(VARIANTS),
        { value: 'auto' },
      ),
    )
    .option(
      '--force',
      'go on in a run folder that belongs to a process on another computer, if that shows no sign of life (default: off)',
    )
    .option('--quiet', 'print nothing but errors and the folder of the results (default: off)')
    .action(async (options: TrainOptions, command: Command) => {
      const { hidden, latent, batch, epochs, lr: learningRate, beta } = options;
      const config = { hidden, latent, batch, epochs, learningRate, beta, seed: options.seed };
      const isGiven = (key: string) => command.getOptionValueSource(key === 'learningRate' ? 'lr' : key) === 'cli';
      await run({
        config,
        given: Object.fromEntries(Object.entries(config).filter(([key]) => isGiven(key))),
        resume: options.resume,
        init: options.init,
        checkpointEvery: options.checkpointEvery,
        data: options.data,
        trainSize: options.trainSize,
        out: options.out,
        adapter: options.adapter,
        variant: options.variant,
        force: options.force === true,
        quiet: options.quiet === true,
      });
    });
}
