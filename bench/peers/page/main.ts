/** One contender in a page: what child.ts is in Node. */
import type { DataSet } from '../../../src/data/dataset.ts';
import { type AdapterDescription, openAdapter } from '../../../src/host/browser.ts';
import { type OpenContender, type RoundResult, Runner } from '../contender.ts';
import { openOurs } from '../ours.ts';

declare global {
  interface Window {
    describeAdapter(): Promise<AdapterDescription>;
    /** Does the first step. `images` are base64 of (count, 28, 28) u8. */
    startContender(name: string, images: string): Promise<{ firstStepMs: number }>;
    playRound(steps: number): Promise<RoundResult>;
  }
}

let runner: Runner | undefined;

const openers: Record<string, () => Promise<OpenContender>> = {
  'webgpu-vae': async () => openOurs(undefined),
  tfjs: async () => (await import('../tfjs.ts')).openTfjs,
  'jax-js': async () => (await import('../jax.ts')).openJax('(in, out)'),
  'jax-js (out, in)': async () => (await import('../jax.ts')).openJax('(out, in)'),
};

function dataSet(base64: string): DataSet {
  const images = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const [rows, columns] = [28, 28];
  const count = images.length / (rows * columns);
  const set = { images, labels: new Uint8Array(count), count, rows, columns };
  return { name: 'MNIST', train: set, test: set };
}

window.describeAdapter = async () => (await openAdapter()).info;
window.startContender = async (name, images) => {
  const open = await openers[name]?.();
  if (!open) throw new Error(`startContender: there is no "${name}", expected ${Object.keys(openers).join(', ')}`);
  // A page loses nothing while a read waits.
  runner = await Runner.start(open, dataSet(images), async () => {});
  return { firstStepMs: runner.firstStepMs };
};
window.playRound = async (steps) => runner!.round(steps);
