import { Command } from 'commander';
import { GEMM_VARIANTS, type GemmVariant, type VaeConfig } from 'webgpu-vae';
import { modelOptions, modelSettings } from './model-options.ts';
import { oneOf, option, positiveInteger, positiveNumber, text } from './options.ts';

/** What `webgpu-vae train` was asked for. */
export interface TrainSettings {
  config: VaeConfig;
  /** The part of `config` that was on the command line. */
  given: Partial<VaeConfig>;
  /** A checkpoint or a run folder to go on with. */
  resume: string | undefined;
  /** A model's file to begin with. */
  init: string | undefined;
  /** Minutes between checkpoints within an epoch. */
  checkpointEvery: number;
  /** Folder of IDX files; the embedded MNIST without it. */
  data: string | undefined;
  /** Whether rows and columns of every image are exchanged. */
  transpose: boolean;
  /** The first N training images; all without it. */
  trainSize: number | undefined;
  /** The first N test images or, without test files, N of the training images; all without it. */
  testSize: number | undefined;
  /** Training images set aside to choose the best epoch by; none without it. */
  validation: number | undefined;
  /** Epochs without a better one on the images set aside after which training stops; all epochs without it. */
  patience: number | undefined;
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
  transpose?: boolean;
  trainSize?: number;
  testSize?: number;
  validation?: number;
  patience?: number;
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
  const command = new Command('train')
    .summary('train a model and write its weights and pictures')
    .description(
      'Trains a variational autoencoder and writes config.json, metrics.csv, model.safetensors and pictures to a folder. Ctrl-C stops it early and keeps what was learned.',
    )
    .addOption(
      option(
        '--data <path>',
        "folder of a data set: MNIST's four IDX files or others of that format, plain or .gz, NumPy arrays, or PNGs in a folder per class; or an NPZ file; labels may be missing (default: the embedded MNIST)",
        text,
      ),
    )
    .option('--transpose', "exchange rows and columns of every image, as EMNIST's need it (default: off)");
  for (const each of modelOptions()) command.addOption(each);
  return command
    .addOption(option('--train-size <n>', 'train on the first n images only (default: all)', positiveInteger))
    .addOption(
      option(
        '--test-size <n>',
        'measure on the first n test images only; of a data set without test files, on n training images that are drawn at random, always the same ones, and not trained on (default: all)',
        positiveInteger,
      ),
    )
    .addOption(
      option(
        '--validation <n>',
        "training images, drawn at random and always the same ones, that are not trained on: model.safetensors has the epoch's weights that were best on them (default: the last epoch's)",
        positiveInteger,
      ),
    )
    .addOption(
      option(
        '--patience <epochs>',
        'stop after so many epochs that were not better than the best one on the --validation images (default: after --epochs)',
        positiveInteger,
      ),
    )
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
      await run({
        ...modelSettings(command),
        resume: options.resume,
        init: options.init,
        checkpointEvery: options.checkpointEvery,
        data: options.data,
        transpose: options.transpose === true,
        trainSize: options.trainSize,
        testSize: options.testSize,
        validation: options.validation,
        patience: options.patience,
        out: options.out,
        adapter: options.adapter,
        variant: options.variant,
        force: options.force === true,
        quiet: options.quiet === true,
      });
    });
}
