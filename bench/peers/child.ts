/**
 * One contender in a process of its own. Arguments: its name, and part of an adapter's name or nothing. Writes one line
 * of JSON when its first step is done, and one for every number of steps that comes in as a line.
 */
import { createInterface } from 'node:readline';
import { loadMnist, openAdapter } from '../../src/host/node.ts';
import { type OpenContender, Runner } from './contender.ts';
import { openOurs } from './ours.ts';

const [name, adapter] = process.argv.slice(2);
const choice = adapter ? { adapter } : {};

/** Peers expect a browser: `navigator.gpu` with the one adapter that they are to be measured on. */
async function lendNavigator(): Promise<void> {
  // Makes WebGPU's classes global; the adapter itself is not used.
  (await openAdapter(choice)).dispose();
  const gpu = { requestAdapter: async () => (await openAdapter(choice)).adapter };
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: '', language: 'en' }, configurable: true });
}

async function openerOf(contender: string | undefined): Promise<OpenContender> {
  if (contender === 'webgpu-vae') return openOurs(adapter);
  if (contender === 'tfjs') return (await import('./tfjs.ts')).openTfjs;
  if (contender === 'jax-js') return (await import('./jax.ts')).openJax('(in, out)');
  if (contender === 'jax-js (out, in)') return (await import('./jax.ts')).openJax('(out, in)');
  throw new Error(`child: there is no contender "${contender}"`);
}

function answer(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

await lendNavigator();
const idle = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const runner = await Runner.start(await openerOf(name), await loadMnist(), idle);
answer({ firstStepMs: runner.firstStepMs });
for await (const line of createInterface({ input: process.stdin })) answer(await runner.round(Number(line)));
// The device would keep the process.
process.exit(0);
