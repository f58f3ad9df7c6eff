import type { CheckReport } from '../../src/check/index.ts';
import type { AdapterDescription } from '../../src/gpu/device.ts';
import { createDevice, createVae } from '../../src/index.ts';
import { tinyData } from '../reliability/tiny-data.ts';
import { type CheckRunner, openCheckRunner } from '../support/checks.ts';

declare global {
  interface Window {
    /** What the page's adapter is and which features it has. */
    describeAdapter(): Promise<AdapterDescription>;
    /** What the page's adapter lacks for an accuracy check. */
    missingFor(name: string): Promise<string | undefined>;
    /** Runs one accuracy check on the page's device, which is opened at the first call. */
    runCheck(name: string): Promise<CheckReport>;
    /**
     * Trains a small model on a device of its own, which is destroyed when training passes each of the steps given, or
     * right after the n-th call of one of WebGPU's methods.
     */
    trainThroughLosses(
      lossSteps: number[],
      call?: { method: 'submit' | 'mapAsync'; count: number },
    ): Promise<{ finished: boolean; recoveries: number; parameters: number[] }>;
  }
}

let runner: Promise<CheckRunner> | undefined;

function open(): Promise<CheckRunner> {
  runner ??= openCheckRunner();
  return runner;
}

window.describeAdapter = async () => (await open()).adapter;
window.missingFor = async (name) => (await open()).missing(name);
window.runCheck = async (name) => (await open()).run(name);

/** Tells `called` of every call, from 1, after it. */
function watchCalls(method: 'submit' | 'mapAsync', called: (count: number) => void): () => void {
  const methods = (method === 'submit' ? GPUQueue : GPUBuffer).prototype as unknown as Record<
    string,
    (...args: unknown[]) => unknown
  >;
  const original = methods[method]!;
  let count = 0;
  methods[method] = function (this: unknown, ...args: unknown[]) {
    const result = original.apply(this, args);
    called(++count);
    return result;
  };
  return () => {
    methods[method] = original;
  };
}

window.trainThroughLosses = async (lossSteps, call) => {
  const waiting = [...lossSteps];
  let device = await createDevice();
  const restore = watchCalls(call?.method ?? 'submit', (count) => {
    if (count === call?.count) device.handle.destroy();
  });
  let recoveries = 0;
  const vae = await createVae(
    device,
    tinyData(),
    { hidden: [24, 10], batch: 16, epochs: 3, seed: 5 },
    {
      // SwiftShader compiles it in a fifth of the default's time, on every device anew.
      variants: 'tile_32x32',
      reopen: async () => {
        device.dispose();
        device = await createDevice();
        return device;
      },
      onRecover: () => {
        recoveries++;
      },
    },
  );
  try {
    const { finished } = await vae.train({
      onProgress: ({ step }) => {
        if (waiting[0] === undefined || step < waiting[0]) return;
        waiting.shift();
        device.handle.destroy();
      },
    });
    // Bits, not numbers: 0 is not -0.
    const parameters = (await vae.parameters()).flatMap(({ data }) => [...new Uint32Array(data.buffer)]);
    return { finished, recoveries, parameters };
  } finally {
    restore();
    vae.dispose();
    device.dispose();
  }
};
