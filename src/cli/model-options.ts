/** The options that make a model and its training what they are. */

import type { Command, Option } from 'commander';
import { parseConfig, type VaeConfig } from 'webgpu-vae';
import { UsageError } from './errors.ts';
import {
  channels,
  nonNegativeNumber,
  oneOf,
  option,
  positiveInteger,
  positiveNumber,
  seed,
  wholeNumber,
  widths,
} from './options.ts';

const ARCHS: VaeConfig['arch'][] = ['dense', 'conv'];
const OPTIMIZERS: VaeConfig['optimizer'][] = ['adam', 'adamw'];
const LR_SCHEDULES: VaeConfig['lrSchedule'][] = ['constant', 'cosine'];
/** Of the pixels given z. */
export const LIKELIHOODS: VaeConfig['likelihood'][] = ['bernoulli', 'gaussian'];
const ACTIVATIONS: VaeConfig['activation'][] = ['relu', 'tanh'];
const OBJECTIVES: VaeConfig['objective'][] = ['elbo', 'iwae'];
const BINARIZE: VaeConfig['binarize'][] = ['none', 'dynamic'];

/** Settings whose option has another name. */
const RENAMED: Readonly<Record<string, keyof VaeConfig>> = { lr: 'learningRate' };

/** Their defaults are the model's own. */
const DEFAULTS = parseConfig();

/** The setting that an option is about. */
export function settingOf(each: Option): keyof VaeConfig {
  const name = each.attributeName();
  return RENAMED[name] ?? (name as keyof VaeConfig);
}

function setting<K extends keyof VaeConfig>(
  flags: string,
  description: string,
  parse: (text: string) => VaeConfig[K],
  show: (value: VaeConfig[K]) => string = String,
): Option {
  const result = option(flags, description, parse);
  const value = DEFAULTS[settingOf(result)] as VaeConfig[K];
  return result.default(value, show(value));
}

export function modelOptions(): Option[] {
  return [
    setting('--arch <name>', `layers of the model: ${ARCHS.join(' or ')}`, oneOf(ARCHS)),
    setting<'hidden'>(
      '--hidden <widths>',
      "of dense: widths of the encoder's hidden layers, or none; the decoder mirrors them",
      widths,
    ),
    setting('--activation <name>', `after every hidden layer: ${ACTIVATIONS.join(' or ')}`, oneOf(ACTIVATIONS)),
    setting<'channels'>(
      '--channels <widths>',
      "of conv: channels of the encoder's convolutions, which halve the image each; the decoder mirrors them",
      channels,
    ),
    setting('--dense <width>', 'of conv: width of the layer between convolutions and latent space', positiveInteger),
    setting('--latent <n>', 'dimensions of the latent space', positiveInteger),
    setting('--batch <n>', 'images per step', positiveInteger),
    setting('--epochs <n>', 'passes over the training images', positiveInteger),
    setting<'learningRate'>('--lr <rate>', 'learning rate', positiveNumber, (rate) => rate.toExponential()),
    setting('--optimizer <name>', `optimizer: ${OPTIMIZERS.join(' or ')}`, oneOf(OPTIMIZERS)),
    setting(
      '--weight-decay <factor>',
      'of adamw: what weights, not biases, shrink by in a step, times the learning rate',
      nonNegativeNumber,
    ),
    setting('--clip-norm <norm>', 'largest norm of all gradients together; 0: any', nonNegativeNumber),
    setting(
      '--lr-schedule <name>',
      `how the learning rate goes on: ${LR_SCHEDULES.join(' or ')}, to 0 at the end of the run`,
      oneOf(LR_SCHEDULES),
    ),
    setting('--lr-warmup <steps>', 'steps over which the learning rate grows from 0', wholeNumber),
    setting(
      '--likelihood <name>',
      `distribution of the pixels given z: ${LIKELIHOODS.join(' or ')}`,
      oneOf(LIKELIHOODS),
    ),
    setting<'sigma'>(
      '--sigma <number|learned>',
      'standard deviation of the gaussian likelihood, or one that is learned',
      (value) => (value === 'learned' ? value : positiveNumber(value)),
    ),
    setting(
      '--binarize <how>',
      `pixels as they are or 0 and 1, drawn anew in every step: ${BINARIZE.join(' or ')}`,
      oneOf(BINARIZE),
    ),
    setting(
      '--objective <name>',
      `what is trained: ${OBJECTIVES.join(' or ')}, the importance-weighted bound`,
      oneOf(OBJECTIVES),
    ),
    setting('--iw-samples <n>', 'of the objective iwae: z for every image', positiveInteger),
    setting('--beta <weight>', 'weight of the KL term in the loss', nonNegativeNumber),
    setting('--beta-warmup <steps>', 'steps over which beta grows from 0', wholeNumber),
    setting(
      '--beta-cycle <steps>',
      'steps after which beta begins at 0 again, growing over the first half of them; 0: never',
      wholeNumber,
    ),
    setting('--free-bits <nats>', 'KL divergence per dimension of z that costs nothing', nonNegativeNumber),
    setting('--seed <n>', 'seed of the initial weights, the order of the images and the noise', seed),
  ];
}

/**
 * The settings of a command with `modelOptions`.
 * @returns all of them, and those that were on the command line
 * @throws UsageError for one that has no effect with the others
 */
export function modelSettings(command: Command): { config: VaeConfig; given: Partial<VaeConfig> } {
  const values: Record<string, unknown> = {};
  const given: Record<string, unknown> = {};
  for (const each of modelOptions()) {
    const name = each.attributeName();
    const key = settingOf(each);
    const value: unknown = command.getOptionValue(name);
    values[key] = value;
    if (command.getOptionValueSource(name) === 'cli') given[key] = value;
  }
  const config = parseConfig(values);
  // A resumed run has the settings of its checkpoint.
  if (command.getOptionValue('resume') !== undefined) return { config, given };
  const { arch, optimizer, likelihood, objective } = config;
  for (const [name, of] of [
    ['hidden', 'dense'],
    ['channels', 'conv'],
    ['dense', 'conv'],
  ] as const) {
    if (!(name in given) || arch === of) continue;
    throw new UsageError(`--${name} has no effect with --arch ${arch}: use --arch ${of}`);
  }
  if ('weightDecay' in given && optimizer !== 'adamw') {
    throw new UsageError(`--weight-decay has no effect with --optimizer ${optimizer}: use --optimizer adamw`);
  }
  if ('sigma' in given && likelihood !== 'gaussian') {
    throw new UsageError(`--sigma has no effect with --likelihood ${likelihood}: use --likelihood gaussian`);
  }
  if ('iwSamples' in given && objective !== 'iwae') {
    throw new UsageError(`--iw-samples has no effect with --objective ${objective}: use --objective iwae`);
  }
  return { config, given };
}
