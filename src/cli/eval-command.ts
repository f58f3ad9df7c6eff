import { Command } from 'commander';
import { UsageError } from './errors.ts';
import { oneOf, option, positiveInteger, seed, text } from './options.ts';

/** What `webgpu-vae eval` was asked for. */
export interface EvalSettings {
  /** A run's folder, a model's file or a checkpoint. */
  model: string;
  /** Folder of IDX files; the model's own data set without it. */
  data: string | undefined;
  /** K, z of an image. */
  iw: number;
  /** Test images of the importance-weighted bound; 1,000, or as many as there are, without it. */
  images: number | undefined;
  /** As the model was trained without it. */
  binarize: Binarize | undefined;
  /** Of `static`. */
  binarizeSeed: number | undefined;
  seed: number;
  /** The file of results; eval.json beside the model without it. */
  out: string | undefined;
  adapter: string | undefined;
}

export type Binarize = 'none' | 'dynamic' | 'static';
const BINARIZE: Binarize[] = ['none', 'dynamic', 'static'];

export function evalCommand(run: (settings: EvalSettings) => Promise<void>): Command {
  return new Command('eval')
    .summary('measure a trained model as papers do')
    .description(
      'Measures a trained model on the test images: −ELBO, the importance-weighted bound, active units, information, what its codes and its samples are worth; prints a table with reference values and writes eval.json beside the model.',
    )
    .argument('<model>', "a run's folder, a model's file or a checkpoint", text)
    .addOption(option('--data <dir>', "folder with a data set's IDX files (default: the model's own)", text))
    .addOption(option('--iw <n>', 'z of an image for the importance-weighted bound', positiveInteger, { value: 1000 }))
    .addOption(
      option('--images <n>', 'test images that this bound is measured on (default: the first 1,000)', positiveInteger),
    )
    .addOption(
      option(
        '--binarize <how>',
        `pixels as they are, or 0 and 1: ${BINARIZE.join(', ')}; dynamic draws them as the evaluation in training does, static by --binarize-seed (default: as the model was trained)`,
        oneOf(BINARIZE),
      ),
    )
    .addOption(option('--binarize-seed <n>', 'of --binarize static: the same images for every model', seed))
    .addOption(option('--seed <n>', 'of samples and other draws', seed, { value: 0 }))
    .addOption(option('--out <file>', 'file of the results (default: eval.json beside the model)', text))
    .addOption(
      option('--adapter <name>', 'part of the name of the adapter to use (default: the fastest; see doctor)', text),
    )
    .action(async (model: string, options: Omit<EvalSettings, 'model'>) => {
      const { binarize, binarizeSeed } = options;
      if (binarize === 'static' && binarizeSeed === undefined) {
        throw new UsageError(
          '--binarize static needs a seed, which says which pixels are 1: give --binarize-seed, the same one for every model',
        );
      }
      if (binarize !== 'static' && binarizeSeed !== undefined) {
        throw new UsageError(`--binarize-seed has no effect with --binarize ${binarize ?? 'as trained'}: use static`);
      }
      await run({ ...options, model });
    });
}
