/** `npm run train --epochs=1`: npm takes options before `--` as its own, and the script only finds them in its environment. */
import type { Command, Option } from 'commander';
import { UsageError } from './errors.ts';

/**
 * Options of ours that npm has, too: they may be meant for npm, or stand in an .npmrc. `--dry-run` is not among them, although
 * npm has it: who writes it must never have something installed.
 */
export const NPM_OWN = ['force', 'quiet'];

/**
 * Refuses to go on without an option that npm has swallowed.
 *
 * @param command - the command that is called, with its options.
 * @param args - the program's arguments, the command's name first.
 * @throws UsageError with the line to type instead
 */
export function refuseSwallowedOptions(command: Command, args: string[], env: NodeJS.ProcessEnv): void {
  const { npm_lifecycle_event: script, npm_lifecycle_script: content = '' } = env;
  // Only where npm itself started this program: its variables are passed on to every process below.
  const [, called] = /webgpu-vae(?:\.js)?(?:\s+(.*))?$/s.exec(content) ?? [];
  if (script === undefined || !/webgpu-vae/.test(content)) return;
  const swallowed = command.options.flatMap((option) => {
    const name = option.long?.slice(2) ?? '';
    const value = env[`npm_config_${name.replaceAll('-', '_')}`];
    const isGiven = args.some((arg) => arg === option.long || arg.startsWith(`${option.long}=`));
    return value && !isGiven && !NPM_OWN.includes(name) ? [{ option, value }] : [];
  });
  if (swallowed.length === 0) return;

  const own = called?.trim().split(/\s+/) ?? [];
  const typed = own.every((arg, i) => args[i] === arg) ? args.slice(own.length) : args.slice(1);
  // `--epochs 1` leaves "true" for npm and 1 as an argument without an option; no command of ours has any.
  const firstOption = typed.findIndex((arg) => arg.startsWith('-'));
  const strays = firstOption === -1 ? typed : typed.slice(0, firstOption);
  const rest = firstOption === -1 ? [] : typed.slice(firstOption);
  const valueless = swallowed.filter(({ option, value }) => takesValue(option) && value === 'true');
  const values = swallowed.map(({ option, value }) => {
    if (!takesValue(option)) return [];
    if (value !== 'true') return [quoted(value)];
    // Of several nobody knows which value belongs to which.
    return [valueless.length === 1 && strays.length === 1 ? quoted(strays[0]!) : placeholder(option)];
  });
  const flags = swallowed.map(({ option }, i) => [option.long, ...values[i]!].join(' '));
  const line = ['npm run', script, '--', ...rest.map(quoted), ...flags].join(' ');
  const names = swallowed.map(({ option }) => option.long).join(', ');
  throw new UsageError(`npm took ${names} for itself, expected ${names} after a lone --: type \`${line}\``);
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

/** `<n>` of `--epochs <n>`. */
function placeholder({ flags }: Option): string {
  return /<.*>|\[.*\]/.exec(flags)?.[0] ?? '';
}

/** As a shell takes it. */
function quoted(text: string): string {
  return /^[\w.,/:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
