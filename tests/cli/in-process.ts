/** Runs a command in this process, which costs a tenth of one of its own. */
import { main } from '../../src/cli/main.ts';

/** What a command printed, and its exit code. */
export async function run(args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const printed = { stdout: '', stderr: '' };
  // The test runner asks for colours.
  const { FORCE_COLOR } = process.env;
  delete process.env.FORCE_COLOR;
  const listening = { stdout: process.stdout.listeners('error'), stderr: process.stderr.listeners('error') };
  const write = { stdout: process.stdout.write, stderr: process.stderr.write };
  for (const name of ['stdout', 'stderr'] as const) {
    process[name].write = ((text: string | Uint8Array) => {
      printed[name] += String(text);
      return true;
    }) as typeof process.stdout.write;
  }
  try {
    const code = await main(args);
    return { code, ...printed };
  } finally {
    process.stdout.write = write.stdout;
    process.stderr.write = write.stderr;
    for (const name of ['stdout', 'stderr'] as const) {
      const added = process[name].listeners('error').filter((each) => !listening[name].includes(each));
      for (const each of added) process[name].off('error', each as () => void);
    }
    if (FORCE_COLOR !== undefined) process.env.FORCE_COLOR = FORCE_COLOR;
  }
}
