/** Runs the steps of an install plan, and other programs, with their output on the terminal. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { type InstallStep, shellLines } from './install-plan.ts';

/** How a program is run. */
interface RunOptions {
  /** Stops the program. */
  signal?: AbortSignal | undefined;
  /** Variables on top of this process's own. */
  env?: Record<string, string>;
}

/**
 * Runs steps one after the other, each with its line printed before.
 * @throws Error if one fails that must not, or was stopped
 */
export async function runSteps(steps: InstallStep[], signal?: AbortSignal): Promise<void> {
  for (const step of steps) {
    const [line] = shellLines([step], true);
    const isLong = 'write' in step && step.content.trim().includes('\n');
    process.stdout.write(isLong ? `Writing ${step.write}\n` : `$ ${line}\n`);
    if ('write' in step) {
      await writeFile(step.write, step.content);
      continue;
    }
    const { code } = await runProgram(step.run, 'inherit', { signal });
    if (code !== 0 && !step.mayFail) {
      throw new Error(`setup: \`${line}\` exited with ${code}: see its messages above`);
    }
  }
}

/**
 * Runs a program to its end.
 * @param output - `inherit`: to the terminal; `collect`: stdout is returned, stderr dropped.
 */
export function runProgram(
  [program, ...args]: [string, ...string[]],
  output: 'inherit' | 'collect',
  options: RunOptions = {},
): Promise<{ code: number | NodeJS.Signals; stdout: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['inherit', output === 'inherit' ? 'inherit' : 'pipe', output === 'inherit' ? 'inherit' : 'ignore'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', ...options.env },
      ...(options.signal ? { signal: options.signal } : {}),
    });
    let stdout = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.on('error', (error) => reject(new Error(`setup: cannot run ${program}: ${error.message}`)));
    child.on('close', (code, signal) => resolve({ code: code ?? signal ?? 1, stdout }));
  });
}
