/** `sweep` and `worker` with their options. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { modelOptions, settingOf } from './model-options.ts';
import { option, positiveInteger, positiveNumber, seed, text, wholeNumber } from './options.ts';

export interface SweepSettings {
  /** The text of every setting that was given, by its name in the configuration. */
  given: Record<string, { flag: string; text: string }>;
  /** A JSON file with more of them. */
  space: string | undefined;
  trials: number | undefined;
  seeds: number;
  search: string;
  searchSeed: number;
  stop: string;
  stopFrom: number;
  stopFactor: number;
  jobs: number;
  database: string | undefined;
  store: string | undefined;
  /** Seconds. */
  heartbeat: number | undefined;
  out: string | undefined;
  data: string | undefined;
  transpose: boolean;
  trainSize: number | undefined;
  testSize: number | undefined;
  checkpointEvery: number;
  adapter: string | undefined;
  variant: string;
  quiet: boolean;
}

export interface WorkerSettings {
  database: string | undefined;
  store: string | undefined;
  study: string | undefined;
  data: string | undefined;
  adapter: string | undefined;
  drain: boolean;
  quiet: boolean;
  /** Started by a sweep, which answers instead of a database. */
  ipc: boolean;
  /** Of `ipc`: the folder of the trials' folders. */
  out: string | undefined;
}

/** What `sweep status|report|cancel` works on. */
export interface StudyPlace {
  folder: string;
  database: string | undefined;
}

export interface SweepActions {
  sweep(settings: SweepSettings): Promise<void>;
  status(place: StudyPlace): Promise<void>;
  report(place: StudyPlace): Promise<void>;
  cancel(place: StudyPlace): Promise<void>;
}

/** Where a database's URL may stand, so that no list of processes shows it. */
export const DATABASE_VARIABLE = 'WEBGPU_VAE_DATABASE';

const databaseOption = (): Option =>
  option(
    '--database <url>',
    `PostgreSQL that keeps the trials, such as postgres://user@host/name; ${DATABASE_VARIABLE}, PGPASSWORD and ~/.pgpass keep its password out of lists of processes (default: one that is embedded)`,
    text,
  ).env(DATABASE_VARIABLE);

const storeOption = (): Option =>
  option(
    '--store <dir>',
    'with --database: a folder that all computers share, for checkpoints and results (default: they go into the database)',
    text,
  );

const oneOfText =
  (...names: string[]) =>
  (given: string): string => {
    if (!names.includes(given)) throw new InvalidArgumentError(`Expected one of ${names.join(', ')}.`);
    return given;
  };

export function sweepCommand(actions: SweepActions): Command {
  const command = new Command('sweep')
    .summary('train many models and compare them')
    .description(
      'Trains a model for every combination of settings: lists such as --latent 2,8,20 (with ; between values that have commas), ranges such as --lr 1e-4..1e-2. Every trial is a run folder as train makes it, in the folder of the study, with trials.csv, report.html and journal.log for optuna-dashboard. Ctrl-C stops it; the same command goes on.',
    )
    .enablePositionalOptions();
  for (const each of modelOptions()) {
    const flags = each.flags.replace(/<.*>/, '<values>');
    const { defaultValueDescription: shown, defaultValue } = each;
    command.addOption(option(flags, `${each.description} (default: ${shown ?? defaultValue})`, text));
  }
  command
    .addOption(
      option('--space <file>', 'settings from a JSON file: lists, {"from": …, "to": …}, values (default: none)', text),
    )
    .addOption(
      option(
        '--trials <n>',
        'runs in all; needed with ranges (default: every combination of the lists)',
        positiveInteger,
      ),
    )
    .addOption(
      option('--seeds <n>', 'runs of every combination, with seeds one after the other', positiveInteger, { value: 1 }),
    )
    .addOption(
      option(
        '--search <how>',
        'how combinations are chosen: grid, random, sobol or tpe',
        oneOfText('grid', 'random', 'sobol', 'tpe'),
        { value: 'grid' },
      ),
    )
    .addOption(option('--search-seed <n>', 'seed of what is drawn from ranges', seed, { value: 0 }))
    .addOption(
      option('--stop <how>', 'stop trials early that are worse than others: none or asha', oneOfText('none', 'asha'), {
        value: 'none',
      }),
    )
    .addOption(
      option('--stop-from <epochs>', 'of asha: epochs before the first comparison', positiveInteger, { value: 1 }),
    )
    .addOption(
      option(
        '--stop-factor <n>',
        'of asha: one in n goes on to n times as many epochs',
        (given) => {
          const value = positiveInteger(given);
          if (value < 2 || value > 1000) throw new InvalidArgumentError('Expected an integer from 2 to 1000.');
          return value;
        },
        { value: 3 },
      ),
    )
    .addOption(
      option(
        '--jobs <n>',
        'processes that train at the same time, one after the other trial each; 0 with --database: none here',
        wholeNumber,
        {
          value: 1,
        },
      ),
    )
    .addOption(databaseOption())
    .addOption(storeOption())
    .addOption(
      option(
        '--heartbeat <seconds>',
        'with --database: how long a worker may be silent before another one gets its trial, at least 10 (default: 60)',
        (given) => {
          const value = positiveInteger(given);
          if (value < 10 || value > 3600) throw new InvalidArgumentError('Expected an integer from 10 to 3600.');
          return value;
        },
      ),
    )
    .addOption(
      option('--out <dir>', "the study's folder (default: sweeps/<name that follows from the settings>)", text),
    )
    .addOption(option('--data <dir>', 'folder with IDX files as train takes it (default: the embedded MNIST)', text))
    .option('--transpose', 'exchange rows and columns of every image (default: off)')
    .addOption(option('--train-size <n>', 'train on the first n images only (default: all)', positiveInteger))
    .addOption(option('--test-size <n>', 'measure on n images only, as train does (default: all)', positiveInteger))
    .addOption(
      option('--checkpoint-every <minutes>', 'minutes between checkpoints within an epoch', positiveNumber, {
        value: 5,
      }),
    )
    .addOption(
      option('--adapter <name>', 'part of the name of the adapter to use (default: the fastest; see doctor)', text),
    )
    .addOption(option('--variant <name>', 'kernels of the dense layers, as train takes it', text, { value: 'auto' }))
    .option('--quiet', "print nothing but errors and the study's folder (default: off)")
    .action(async (options: Record<string, unknown>, self: Command) => {
      const given: SweepSettings['given'] = {};
      for (const each of modelOptions()) {
        const value = self.getOptionValue(each.attributeName());
        if (value !== undefined) given[settingOf(each)] = { flag: each.long!, text: String(value) };
      }
      await actions.sweep({
        ...(options as unknown as SweepSettings),
        given,
        transpose: options.transpose === true,
        quiet: options.quiet === true,
      });
    });
  const on = (name: string, description: string, action: (place: StudyPlace) => Promise<void>) =>
    command.addCommand(
      new Command(name)
        .description(description)
        .argument('<folder>', "the study's folder")
        .addOption(databaseOption())
        .action((folder: string, { database }: { database?: string }) => action({ folder, database }))
        .copyInheritedSettings(command),
    );
  on('status', 'say how far a study is, and what is the best so far', actions.status);
  on('report', "write the study's report.html anew", actions.report);
  on('cancel', 'end a study for good: what runs stops, what waits never begins', actions.cancel);
  return command;
}

export function workerCommand(run: (settings: WorkerSettings) => Promise<void>): Command {
  return new Command('worker')
    .summary('run trials of sweeps that are in a database')
    .description(
      'Takes trials of sweeps from a PostgreSQL, one after the other, until it is stopped: on any number of computers. A trial whose worker dies is gone on with by another one, from its checkpoint.',
    )
    .addOption(databaseOption())
    .addOption(storeOption())
    .addOption(option('--study <name>', 'take trials of this study only (default: of all)', text))
    .addOption(option('--data <dir>', 'folder with the IDX files of the study (default: the embedded MNIST)', text))
    .addOption(
      option('--adapter <name>', 'part of the name of the adapter to use (default: the fastest; see doctor)', text),
    )
    .option('--drain', 'end when no study has trials left (default: off)')
    .option('--quiet', 'print nothing but errors (default: off)')
    .addOption(new Option('--ipc', 'started by a sweep').hideHelp())
    .addOption(new Option('--out <dir>').hideHelp())
    .action((options: Record<string, unknown>) =>
      run({
        ...(options as unknown as WorkerSettings),
        drain: options.drain === true,
        quiet: options.quiet === true,
        ipc: options.ipc === true,
      }),
    );
}
