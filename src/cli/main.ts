/** The command line: reads the arguments, runs a command, turns errors into one line and an exit code. */
import { Command, CommanderError, Option } from 'commander';
import type { DoctorOptions } from './doctor.ts';
import { EXIT_FAILED, EXIT_USAGE, oneLine, UsageError } from './errors.ts';
import { evalCommand } from './eval-command.ts';
import { exploreCommands } from './explore-command.ts';
import { exportCommand } from './export-command.ts';
import { colours } from './format.ts';
import { refuseSwallowedOptions } from './npm-options.ts';
import { option, text } from './options.ts';
import { exitCodeOf, guardOutput } from './output.ts';
import { reportCommand } from './report-command.ts';
import type { SetupOptions } from './setup.ts';
import { sweepCommand, workerCommand } from './sweep-command.ts';
import { trainCommand } from './train-command.ts';
import { tuneCommand } from './tune-command.ts';
import { packageVersion } from './version.ts';

/**
 * Runs `webgpu-vae` and never throws: what goes wrong is one line on stderr.
 *
 * @param args - the arguments after the program's name.
 * @returns the exit code: 0 done, 1 failed, 2 called wrongly, 130 or 143 stopped by a signal, 141 its reader
 *   went away.
 */
export async function main(args: string[]): Promise<number> {
  let exitCode = 0;
  const finish = (code: number) => {
    exitCode = code;
  };
  guardOutput();
  try {
    const root = program(finish);
    const command = root.commands.find((found) => found.name() === args[0]);
    if (command) refuseSwallowedOptions(command, args, process.env);
    await root.parseAsync(args, { from: 'user' });
    return exitCodeOf(exitCode);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodeOf(0);
    process.stderr.write(`${colours(process.stderr).red('error:')} ${explain(error)}\n`);
    return error instanceof CommanderError || error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
  }
}

function explain(error: unknown): string {
  // Commander's answer to a missing command is the help text itself.
  if (error instanceof CommanderError && error.code === 'commander.help') {
    return 'no command given, such as train: see webgpu-vae --help';
  }
  return oneLine(error).replace(/^error: /, '');
}

/** Each command's own module, with the engine behind it, is loaded only when that command runs: help stays quick. */
export function program(finish: (exitCode: number) => void): Command {
  const root = new Command('webgpu-vae')
    .description('Trains a variational autoencoder with WebGPU compute shaders, in Node through Dawn.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'explain the options')
    .exitOverride()
    // Errors are printed by main, in one place and on one line.
    .configureOutput({ writeErr: () => {} });

  const commands = [
    trainCommand(async (settings) => finish(await (await import('./train.ts')).train(settings))),
    sweepCommand({
      sweep: async (settings) => finish(await (await import('./sweep/index.ts')).sweep(settings)),
      status: async (place) => finish(await (await import('./sweep/index.ts')).status(place)),
      report: async (place) => finish(await (await import('./sweep/index.ts')).report(place)),
      cancel: async (place) => finish(await (await import('./sweep/index.ts')).cancel(place)),
    }),
    workerCommand(async (settings) => finish(await (await import('./sweep/run-worker.ts')).worker(settings))),
    tuneCommand(async (settings) => finish(await (await import('./tune.ts')).tune(settings))),
    evalCommand(async (settings) => finish(await (await import('./eval.ts')).evaluate(settings))),
    ...exploreCommands({
      sample: async (settings) => finish(await (await import('./explore/sample.ts')).sample(settings)),
      reconstruct: async (settings) => finish(await (await import('./explore/reconstruct.ts')).reconstruct(settings)),
      encode: async (settings) => finish(await (await import('./explore/encode.ts')).encode(settings)),
      interpolate: async (settings) => finish(await (await import('./explore/interpolate.ts')).interpolate(settings)),
      traverse: async (settings) => finish(await (await import('./explore/traverse.ts')).traverse(settings)),
      manifold: async (settings) => finish(await (await import('./explore/manifold.ts')).manifold(settings)),
    }),
    exportCommand(async (settings) => finish(await (await import('./export/export.ts')).exportModel(settings))),
    reportCommand(async (settings) => finish(await (await import('./report/report.ts')).report(settings))),
    new Command('doctor')
      .summary('list the adapters and check the kernels on the best one')
      .description(
        'Lists the adapters found, says which one is used and why, checks the accuracy of every kernel on it, and tells how to install a better one.',
      )
      .addOption(option('--adapter <name>', 'part of the name of the adapter to check (default: the fastest)', text))
      .option('--list', 'list the adapters only, check nothing (default: off)')
      .addOption(
        new Option(
          '--quick',
          'check a few cases of each operation, with the kernels that train uses unless tune has found faster ones (default: off)',
        ).conflicts('list'),
      )
      .action(async ({ adapter, list = false, quick = false }: Partial<DoctorOptions>) =>
        finish(await (await import('./doctor.ts')).doctor({ adapter, list, quick })),
      ),
    new Command('setup')
      .summary('get a faster software adapter (Debian and Ubuntu)')
      .description(
        "Gets Mesa's lavapipe, a software adapter about 5 times as fast as the one that npm brings, on Debian or Ubuntu: as root it is installed for all users, for everybody else it is put into the user's cache folder. Never required, may be run again.",
      )
      .option('--dry-run', 'print the commands, run none (default: off)')
      .option('--user', 'as root too: into the cache folder, leave the system as it is (default: off)')
      .option('--remove', 'delete what is in the cache folder (default: off)')
      .action(async ({ dryRun = false, user = false, remove = false }: Partial<SetupOptions>) =>
        finish(await (await import('./setup.ts')).setup({ dryRun, user, remove })),
      ),
  ];
  for (const command of commands) {
    root.addCommand(command.copyInheritedSettings(root));
  }
  return root;
}
