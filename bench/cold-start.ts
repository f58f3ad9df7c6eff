import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median, significant } from './statistics.ts';

/** Milliseconds from starting a process to its first loss, loading the data included. */
export interface ColdStartResult {
  /** With an empty shader cache. */
  cold: number;
  /** With the cache that the cold start has left; the median of a few. */
  warm: number;
}

const WARM_STARTS = 3;
const PROGRAM = fileURLToPath(new URL('first-loss.ts', import.meta.url));

/**
 * Starts fresh processes, one after the other. The drivers of Mesa and NVIDIA keep their compiled shaders in a folder of
 * this measurement's own; where a driver does not let its folder be moved, `cold` is warm, too.
 * @throws Error if the process fails or ends without a loss
 */
export async function measureColdStart(adapter: string | undefined): Promise<ColdStartResult> {
  const cache = await mkdtemp(join(tmpdir(), 'webgpu-vae-shader-cache-'));
  try {
    const env = {
      ...process.env,
      MESA_SHADER_CACHE_DIR: cache,
      MESA_SHADER_CACHE_DISABLE: 'false',
      __GL_SHADER_DISK_CACHE_PATH: cache,
    };
    const cold = await timeFirstLoss(adapter, env);
    const warm: number[] = [];
    for (let i = 0; i < WARM_STARTS; i++) warm.push(await timeFirstLoss(adapter, env));
    return { cold: significant(cold), warm: significant(median(warm)) };
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

function timeFirstLoss(adapter: string | undefined, env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const args = ['--import', 'tsx', PROGRAM, ...(adapter ? [adapter] : [])];
    const cwd = fileURLToPath(new URL('..', import.meta.url));
    const child = spawn(process.execPath, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let elapsed: number | undefined;
    let messages = '';
    child.stdout.once('data', () => {
      elapsed = performance.now() - start;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      messages += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0 && elapsed !== undefined) resolve(elapsed);
      else reject(new Error(`measure cold start: the process ended with ${code}, expected a loss: ${messages.trim()}`));
    });
  });
}
