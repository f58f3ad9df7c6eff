import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PageServer {
  /** Ends with a slash. */
  url: string;
  close(): Promise<void>;
}

/**
 * Builds a page, by default `tests/page`, with Vite and serves it on a free port of this machine.
 * Built rather than served from source: Vite's development server may reload a page while a test is using it.
 */
export async function servePage(root = fileURLToPath(new URL('../page/', import.meta.url))): Promise<PageServer> {
  const { build, preview } = await import('vite');
  const outDir = await mkdtemp(join(tmpdir(), 'webgpu-vae-page-'));
  const options = {
    root,
    configFile: fileURLToPath(new URL('../../vite.config.ts', import.meta.url)),
    logLevel: 'warn',
    build: { outDir, emptyOutDir: true },
  } as const;
  try {
    await build(options);
    const server = await preview({ ...options, preview: { host: '127.0.0.1', port: 0, open: false } });
    const url = server.resolvedUrls?.local[0];
    if (!url) throw new Error('servePage: Vite serves the page but names no address for it');
    return {
      url,
      async close() {
        await server.close();
        await rm(outDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(outDir, { recursive: true, force: true });
    throw error;
  }
}
