/** What happens when stdout or stderr cannot be written: decided here for every command. */
import { EXIT_FAILED } from './errors.ts';
import { writeFailure } from './files.ts';

/** What shells expect of a program whose reader went away (`| head -1`): 128 + SIGPIPE. */
const EXIT_PIPE = 141;

const leave = (exitCode: number): void => process.exit(exitCode);
let onBroken = leave;
let broken: number | undefined;

/**
 * Watches stdout and stderr to the end of the process. When stdout can't be written any more, nobody will see what the
 * command finds out, so it ends: quietly with 141 if its reader went away, else (a full disk) with the reason on stderr
 * and with 1. When stderr can't be written there is nowhere left to say so; the exit code tells.
 */
export function guardOutput(): void {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (broken !== undefined) return; // Every further line fails in the same way.
    broken = error.code === 'EPIPE' ? EXIT_PIPE : EXIT_FAILED;
    if (broken === EXIT_FAILED) {
      process.stderr.write(`error: stdout cannot be written: ${writeFailure(error)}: send it somewhere else\n`);
    }
    onBroken(broken);
  });
}

/**
 * Hands the decision to a command that has something to save first.
 * @param handler - gets the exit code
 * @returns hands it back
 */
export function onBrokenOutput(handler: (exitCode: number) => void): () => void {
  onBroken = handler;
  return () => {
    onBroken = leave;
  };
}

/** The exit code of a command that is done with `exitCode`: what could not be printed is a failure, too. */
export function exitCodeOf(exitCode: number): number {
  return exitCode === 0 ? (broken ?? 0) : exitCode;
}
