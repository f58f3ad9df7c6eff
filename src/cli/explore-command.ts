/** The commands that look into a trained model: their options, and what they were asked for. */
import { Command, InvalidArgumentError, type Option } from 'commander';
import { oneOf, option, positiveInteger, positiveNumber, seed, text, wholeNumber } from './options.ts';

/** What all of them are told. */
export interface ExploreSettings {
  /** A run's folder, a model's file or a checkpoint. */
  model: string;
  /** The file to write; its name's end says in which format. */
  out: string;
  seed: number | undefined;
  adapter: string | undefined;
  /** Replace the file if there is one. */
  force: boolean;
}

/** Which images are looked at. */
export interface ImageSettings {
  images: string | undefined;
  set: 'train' | 'test';
  resize: boolean;
  count: number | undefined;
}

export type SampleSettings = ExploreSettings & { count: number };
export type ReconstructSettings = ExploreSettings & ImageSettings;
export type EncodeSettings = ExploreSettings & ImageSettings;
export type InterpolateSettings = ExploreSettings & Omit<ImageSettings, 'count'> & { pairs: number; steps: number };
export type TraverseSettings = ExploreSettings &
  Omit<ImageSettings, 'count'> & { image: number | undefined; range: number; steps: number };
export type ManifoldSettings = ExploreSettings & { side: number; dims: [number, number] };

/** What `webgpu-vae` does for each. */
export interface ExploreActions {
  sample(settings: SampleSettings): Promise<void>;
  reconstruct(settings: ReconstructSettings): Promise<void>;
  encode(settings: EncodeSettings): Promise<void>;
  interpolate(settings: InterpolateSettings): Promise<void>;
  traverse(settings: TraverseSettings): Promise<void>;
  manifold(settings: ManifoldSettings): Promise<void>;
}

/** Beyond that a picture is no picture any more. */
const MOST_SIDE = 100;

export function exploreCommands(run: ExploreActions): Command[] {
  return [
    explore('sample', 'decode z ~ N(0, I)', 'a grid of images (.png), or their pixels (.npy)', 'of z')
      .addOption(option('--count <n>', 'images', positiveInteger, { value: 64 }))
      .action((options) => run.sample(settingsOf(options))),
    withImages(
      explore(
        'reconstruct',
        'encode images and decode them again',
        'images above their reconstructions (.png), or the pixels of these (.npy)',
        'draws z from q(z|x) (default: z is its mean)',
      ),
      16,
    ).action((options) => run.reconstruct(settingsOf(options))),
    withImages(
      explore(
        'encode',
        'write μ and log σ² of images to a table',
        'μ and log σ² with the labels (.csv), or μ alone (.npy)',
        'writes a z drawn from q(z|x), too',
      ),
    ).action((options) => run.encode(settingsOf(options))),
    withImages(
      explore(
        'interpolate',
        'go from one z to another in a straight line',
        'a row for each pair (.png), an animation (.gif) or the pixels (.npy)',
        'of the pairs of z ~ N(0, I); with --images the pairs are of images drawn with it (default: 0; of images the first ones)',
      ),
      null,
    )
      .addOption(option('--pairs <n>', 'pairs of z', positiveInteger, { value: 8 }))
      .addOption(option('--steps <n>', 'images from one z to the other, both included', atLeastTwo, { value: 10 }))
      .action((options) => run.interpolate(settingsOf(options))),
    withImages(
      explore(
        'traverse',
        'change one dimension of z at a time',
        'an animation (.gif), a row for each dimension (.png) or the pixels (.npy)',
        'draws the z that is changed (default: 0 in all dimensions)',
      ),
      null,
    )
      .addOption(option('--image <n>', 'change the mean of q(z|x) of this image, counted from 0', wholeNumber))
      .addOption(option('--range <z>', 'each dimension goes from −range to range', positiveNumber, { value: 3 }))
      .addOption(option('--steps <n>', 'images along each dimension', atLeastTwo, { value: 13 }))
      .action((options) => run.traverse(settingsOf(options))),
    explore(
      'manifold',
      'decode a plane of z as one sheet',
      'the sheet with its axes (.png), or its pixels (.npy)',
      'draws the dimensions of z that are not shown (default: 0)',
    )
      .addOption(option('--side <n>', `images along each side, at most ${MOST_SIDE}`, positiveInteger, { value: 20 }))
      .addOption(
        option('--dims <i,j>', 'the dimensions of z, counted from 1', dimensions, { value: [1, 2], shown: '1,2' }),
      )
      .action((options) => run.manifold(settingsOf(options))),
  ];
}

function explore(name: string, summary: string, out: string, seedOf: string): Command {
  const command = new Command(name)
    .summary(summary)
    .description(`${summary[0]!.toUpperCase()}${summary.slice(1)}, with a trained model.`);
  const options: Option[] = [
    option('--model <path>', "a run's folder, a model's file or a checkpoint", text).makeOptionMandatory(),
    option('--out <file>', `what to write: ${out}`, text).makeOptionMandatory(),
    option('--seed <n>', `seed: ${seedOf}`, seed),
    option('--adapter <name>', 'part of the name of the adapter to use (default: the fastest; see doctor)', text),
  ];
  for (const each of options) command.addOption(each);
  return command.option('--force', 'replace the file if there is one (default: off)');
}

/** @param count images by default; null: another option says how many */
function withImages(command: Command, count?: number | null): Command {
  command
    .addOption(
      option(
        '--images <path>',
        "a PNG, a folder of PNGs, an IDX or NPY file, or a data set's folder or NPZ (default: the data set of the model's run)",
        text,
      ),
    )
    .addOption(
      option('--set <name>', 'of a data set: train or test', oneOf(['train', 'test'] as const), { value: 'test' }),
    )
    .option('--resize', "scale images that are not of the model's size (default: off)");
  if (count === null) return command;
  const most = count === undefined ? undefined : { value: count };
  return command.addOption(
    option(
      '--count <n>',
      `the first n images only${count === undefined ? ' (default: all)' : ''}`,
      positiveInteger,
      most,
    ),
  );
}

/** Switches that were not given are off, values that were not are undefined. */
function settingsOf<T extends ExploreSettings>(options: Record<string, unknown>): T {
  return { ...options, force: options.force === true, resize: options.resize === true } as unknown as T;
}

function atLeastTwo(value: string): number {
  const steps = positiveInteger(value);
  if (steps < 2) throw new InvalidArgumentError('Expected at least 2: where it begins and where it ends.');
  return steps;
}

function dimensions(value: string): [number, number] {
  const dims = /^\d+,\d+$/.test(value) ? value.split(',').map(positiveInteger) : [];
  if (dims.length !== 2 || dims[0] === dims[1]) {
    throw new InvalidArgumentError('Expected two dimensions of z, counted from 1, such as 1,2.');
  }
  return dims as [number, number];
}
